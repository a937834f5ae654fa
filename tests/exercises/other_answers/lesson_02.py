"""Lesson 2: right answers that are not ours, with which its whole notebook is run."""

import numpy as np


# %% numeric_gradient
def numeric_gradient(f, x, eps=1e-5):
    """Move copies, not x itself."""
    slopes = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[index] += eps
        below[index] -= eps
        slopes[index] = 0.5 * (f(above) - f(below)) / eps
    return slopes


# %% conv2d_backward
def conv2d_backward(dy, x, w):
    """With einsum, a place of the kernel at a time."""
    kh, kw = w.shape[0], w.shape[1]
    height, width = dy.shape[1], dy.shape[2]
    dx = np.zeros(x.shape, x.dtype)
    dw = np.empty(w.shape, w.dtype)
    for p in range(kh):
        for q in range(kw):
            part = np.s_[:, p : p + height, q : q + width]
            dw[p, q] = np.einsum("nijc,nijk->ck", x[part], dy)
            dx[part] += np.einsum("nijk,ck->nijc", dy, w[p, q])
    db = dy.reshape(-1, dy.shape[-1]).sum(axis=0)
    return dx, dw, db


# %% adjoint_gap
def adjoint_gap(forward, backward, x, dy):
    """With np.vdot, which flattens both arrays."""
    one, other = np.vdot(forward(x), dy), np.vdot(x, backward(dy))
    return abs(one - other) / max(abs(one), abs(other))


# %% gradients_agree
def gradients_agree(forward, backward, x, eps=1e-4, tolerance=1e-6):
    """Another random dy than ours."""
    rng = np.random.default_rng(2024)
    dy = rng.uniform(-1, 1, size=np.shape(forward(x)))

    def number(x):
        return np.sum(dy * forward(x))

    slopes = numeric_gradient(number, x, eps)
    gap = np.max(np.abs(backward(dy, x) - slopes))
    return bool(gap <= tolerance * np.max(np.abs(slopes)))
