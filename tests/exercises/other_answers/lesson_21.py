"""Other right answers of lesson 21, a section for each exercise; whole notebooks are run with them."""

import numpy as np


# %% dice
def dice(p, g, w, s):
    both, bottom = np.sum([w * p * g, w * (p**2 + g**2)], axis=(1, 2, 3))
    return float((both + both + s) / (bottom + s))


# %% dice_gradient
def dice_gradient(p, g, w, s):
    dp = (g - p * dice(p=p, g=g, w=w, s=s)).astype(float)
    dp *= 2 * w
    dp /= np.sum(w * p**2) + np.sum(w * g**2) + s
    return dp


# %% softmax_gradient
def softmax_gradient(dp, p):
    total = np.einsum("nijk,nijk->nij", dp, p)
    return np.stack([p[..., k] * (dp[..., k] - total) for k in range(p.shape[3])], axis=3)
