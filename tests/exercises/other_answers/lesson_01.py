"""Lesson 1: right answers that are not ours, with which its whole notebook is run."""

import numpy as np


# %% output_size
def output_size(side, kernel, stride=1, padding=0):
    """Count the windows."""
    count = 0
    start = 0
    while start + kernel <= side + 2 * padding:
        count += 1
        start += stride
    return count


# %% conv2d_loops
def conv2d_loops(x, w, b, stride=1, padding=0):
    """One pixel of the output at a time, by a sum over the window."""
    kh, kw, _, c_out = w.shape
    rows = output_size(x.shape[1], kh, stride, padding)
    columns = output_size(x.shape[2], kw, stride, padding)
    x = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    y = np.empty((x.shape[0], rows, columns, c_out), dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = x[:, top : top + kh, left : left + kw]
            y[:, i, j] = np.tensordot(window, w, axes=3) + b
    return y


# %% patches
def patches(x, kh, kw):
    """A list of rows, made an array at the end."""
    rows = []
    for n in range(x.shape[0]):
        for i in range(x.shape[1] - kh + 1):
            for j in range(x.shape[2] - kw + 1):
                rows.append(x[n, i : i + kh, j : j + kw, :].flatten())
    return np.array(rows)


# %% conv2d_product
def conv2d_product(x, w, b):
    """The matrix product, written with np.dot."""
    kh, kw, c_in, c_out = w.shape
    matrix = np.reshape(w, (kh * kw * c_in, c_out))
    y = np.dot(patches(x, kh, kw), matrix)
    y += b
    return np.reshape(y, (x.shape[0], x.shape[1] - kh + 1, x.shape[2] - kw + 1, c_out))
