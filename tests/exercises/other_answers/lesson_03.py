"""Lesson 3: right answers that are not ours, with which its whole notebook is run."""

import numpy as np


# %% relu
def relu(x):
    """A copy, in which negative numbers are overwritten."""
    y = np.array(x)
    y[y < 0] = 0
    return y


# %% relu_backward
def relu_backward(dy, x):
    """Choose between dy and 0."""
    return np.where(x > 0, dy, np.zeros_like(dy))


# %% max_pool
def max_pool(x):
    """With a reshape that gives each window two axes of its own."""
    n, height, width, channels = x.shape
    windows = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    return windows.max(axis=4).max(axis=2)


# %% max_pool_backward
def max_pool_backward(dy, x):
    """With argmax, which finds the first maximum."""
    n, height, width, channels = x.shape
    four = np.stack([x[:, p::2, q::2] for p in range(2) for q in range(2)])
    winner = np.argmax(four, axis=0)
    dx = np.zeros((n, height, width, channels), dy.dtype)
    for k in range(4):
        dx[:, k // 2 :: 2, k % 2 :: 2] = np.where(winner == k, dy, 0)
    return dx
