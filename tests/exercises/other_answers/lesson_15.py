"""Right answers to lesson 15 that are not ours."""

import sys

import numpy as np


# %% array_module
def array_module(x):
    """Return numpy for a NumPy array and cupy for a CuPy array; else raise TypeError."""
    for module in (np, sys.modules.get("cupy")):
        if module and isinstance(x, module.ndarray):
            return module
    raise TypeError("that is no array")


# %% mean_pool
def mean_pool(x):
    """Return y (N, H / 2, W / 2, C), the mean of each 2 by 2 window of x, where x lies."""
    n, h, w, c = x.shape
    return x.reshape((n, h // 2, 2, w // 2, 2, c)).mean(axis=(2, 4))


# %% mean_pool_backward
def mean_pool_backward(dy):
    """Return dx (N, 2 H, 2 W, C) from dy (N, H, W, C), where dy lies and in its dtype."""
    xp = array_module(dy)
    quarter = dy * dy.dtype.type(0.25)
    return xp.repeat(xp.repeat(quarter, 2, axis=2), 2, axis=1)


# %% move_all
def move_all(things, put):
    """Return the same structure of dicts, lists and tuples with put(array) for every NumPy array."""

    def moved(thing):
        return move_all(thing, put)

    if isinstance(things, np.ndarray):
        return put(things)
    if isinstance(things, dict):
        return dict(zip(things.keys(), map(moved, things.values()), strict=True))
    if isinstance(things, list):
        return list(map(moved, things))
    return tuple(map(moved, things)) if isinstance(things, tuple) else things


# %% device_step
def device_step(params, x, t, lr):
    """Take one step with params {"w1", "b1", "w2", "b2"}, where they lie, and return the loss."""
    xp = array_module(params["w1"])
    x, t = (xp.asarray(array) for array in (x, t))
    hidden = x @ params["w1"] + params["b1"]
    gate = hidden > 0
    hidden *= gate
    difference = hidden @ params["w2"] + params["b2"] - t
    loss = (difference * difference).sum() / difference.size
    difference *= 2 / difference.size
    back = (difference @ params["w2"].T) * gate
    params["w2"] -= lr * (hidden.T @ difference)
    params["b2"] -= lr * difference.sum(0)
    params["w1"] -= lr * (x.T @ back)
    params["b1"] -= lr * back.sum(0)
    return loss.item()
