"""Right answers to lesson 14 that are not ours."""

import numpy as np

A = np.array([[1, 0], [1, 1], [1, -1], [0, 1]], np.float32)
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
AT, BT = A.T, np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]], np.float32)


# %% costs
def costs(width, c_in, c_out, rows):
    """Return the multiplications, and the bytes of the patches in float32, of some output rows."""
    numbers = np.prod([rows, width - 2, 3, 3, c_in])
    return [c_out * numbers, numbers * np.dtype("float32").itemsize]


# %% f23
def f23(x, w):
    """Return the two outputs of three weights w (3,) that slide over four numbers x (4,)."""
    transformed = BT @ x
    weights = G @ w
    products = [a * b for a, b in zip(transformed, weights, strict=True)]
    return np.array([sum(products[:3]), products[1] - products[2] + products[3]])


# %% conv1d_f23
def conv1d_f23(x, w):
    """Return y (L - 2, C_out) from x (L, C_in) and w (3, C_in, C_out), by F(2, 3)."""
    outputs = len(x) - 2
    if outputs % 2:
        x = np.concatenate([x, np.zeros_like(x[:1])])
    weights = np.einsum("ak,kcd->acd", G, w)
    tiles = np.lib.stride_tricks.sliding_window_view(x, 4, axis=0)[::2]  # (tiles, C_in, 4)
    transformed = np.einsum("ai,tci->tac", BT, tiles)
    products = np.einsum("tac,acd->tad", transformed, weights)
    y = np.empty((2 * len(tiles), w.shape[2]), x.dtype)
    y[::2] = products[:, 0] + products[:, 1] + products[:, 2]
    y[1::2] = products[:, 1] - products[:, 2] + products[:, 3]
    return y[:outputs]


# %% input_transform
def input_transform(points):
    """Return B^T (m + 2, m + 2) for an array of m + 1 points."""
    size = len(points) + 1
    matrix = np.zeros((size, size))
    for i in range(size):
        others = [a for j, a in enumerate(points) if j != i]
        coefficients = np.polynomial.polynomial.polyfromroots(others)
        matrix[i, : len(coefficients)] = coefficients
    return matrix
