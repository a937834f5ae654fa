"""Right answers to lesson 17 that are not ours."""

import numpy as np


# %% node_channels
def node_channels(i, j, f, in_channels):
    """Return the channels that go into the first convolution of X[i, j]; f are those of the rows."""
    if j:
        return f[i] + j * f[i]  # from below, and from each node on the left
    return (in_channels, *f)[i]


# %% node_gradient
def node_gradient(k, c, dconcats, others):
    """Return the gradient (N, H, W, c) of X[i, k]."""
    parts = list(others)
    for concat in dconcats:
        parts.append(np.split(concat, concat.shape[-1] // c, axis=-1)[k + 1])
    return np.stack(parts).sum(axis=0)


# %% nodes_of_head
def nodes_of_head(k):
    """Return the set of all (i, j) that the head on X[0, k] needs."""
    return np.array([(i, total - i) for total in range(k + 1) for i in range(total + 1)])


# %% bce_dice
def bce_dice(z, t):
    """Return the loss, a number, and dz, of the shape and the dtype of z."""
    p = 0.5 * (1 + np.tanh(0.5 * z))
    top, bottom = 1 + 2 * np.vdot(p, t), 1 + p.sum() + t.sum()
    loss = np.logaddexp(0, np.where(t > 0, -z, z)).sum() / (2 * z.size) - top / bottom
    dp = (top / bottom - 2 * t) / bottom
    return loss, (p - t) / (2 * z.size) + dp * p * (1 - p)
