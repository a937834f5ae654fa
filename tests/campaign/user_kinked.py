"""Right functions of whole arrays with kinks, of which a checker is told nothing."""

from __future__ import annotations

import numpy as np
from user_elementwise import Function


def _windows(x):
    n, h, w, c = x.shape
    parts = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
    return parts.reshape(n, h // 2, w // 2, c, 4)


def _from_windows(windows, shape):
    n, h, w, c = shape
    parts = windows.reshape(n, h // 2, w // 2, c, 2, 2)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(shape)


def _put(dy, where, size):
    """dy at `where` along a new last axis, zeros elsewhere."""
    return dy[..., None] * (np.arange(size) == where[..., None])


def _max_pool_backward(dy, x):
    windows = _windows(x)
    return (_from_windows(_put(dy, windows.argmax(-1), 4), x.shape),)


def _at_rank(x, rank):
    return np.take_along_axis(x, np.argsort(x.real, -1)[..., rank : rank + 1], -1)[..., 0]


def _at_rank_backward(dy, x, rank):
    return (_put(dy, np.argsort(x, -1)[..., rank], x.shape[-1]),)


def _sort_backward(dy, x):
    dx = np.empty_like(x)
    np.put_along_axis(dx, np.argsort(x, -1), dy, -1)
    return (dx,)


def _sorted(x):
    return np.take_along_axis(x, np.argsort(x.real, -1), -1)


def _abs(x):
    return np.where(x.real > 0, x, -x)


def _images(rng, shape):
    return [rng.standard_normal(shape)]


def _total_variation(x):
    return _abs(x[:, 1:] - x[:, :-1]).sum() + _abs(x[:, :, 1:] - x[:, :, :-1]).sum()


def _total_variation_backward(dy, x):
    down, across = np.sign(x[:, 1:] - x[:, :-1]), np.sign(x[:, :, 1:] - x[:, :, :-1])
    dx = np.zeros_like(x)
    dx[:, 1:] += down
    dx[:, :-1] -= down
    dx[:, :, 1:] += across
    dx[:, :, :-1] -= across
    return (dy * dx,)


def _larger(a, b):
    return np.where(a.real >= b.real, a, b)


def _median_of_the_image(x):
    flat = x.reshape(len(x), -1)
    return _at_rank(flat, flat.shape[1] // 2)


def _median_of_the_image_backward(dy, x):
    flat = x.reshape(len(x), -1)
    return (_at_rank_backward(dy, flat, flat.shape[1] // 2)[0].reshape(x.shape),)


def _clipped_backward(dy, x):
    """Of x * min(1, 3 / |x|), |x| over an image's numbers."""
    length = np.sqrt((x**2).sum((1, 2, 3), keepdims=True))
    radial = (dy * x).sum((1, 2, 3), keepdims=True) / length**2
    return (np.where(length < 3, dy, 3 / length * (dy - radial * x)),)


def _clipped(x):
    length = np.sqrt((x**2).sum((1, 2, 3), keepdims=True))
    return np.where(length.real < 3, x, 3 * x / length)


def _hidden(x, w, v):
    z = x @ w
    return np.where(z.real > 0, z, 0) @ v


def _hidden_backward(dy, x, w, v):
    z = x @ w
    h, dz = np.maximum(z, 0), (dy @ v.T) * (z > 0)
    pixels = x.reshape(-1, x.shape[-1])
    dw = pixels.T @ dz.reshape(-1, z.shape[-1])
    return dz @ w.T, dw, h.reshape(-1, z.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])


FUNCTIONS = [
    Function(
        "max pooling",
        lambda x: _at_rank(_windows(x), 3),
        _max_pool_backward,
        kinks="kinks",
        domain="any",
    ),
    Function(
        "max over channels",
        lambda x: _at_rank(x, x.shape[-1] - 1),
        lambda dy, x: _at_rank_backward(dy, x, x.shape[-1] - 1),
        kinks="kinks",
        domain="any",
    ),
    Function(
        "median of channels",
        lambda x: _at_rank(x, x.shape[-1] // 2),
        lambda dy, x: _at_rank_backward(dy, x, x.shape[-1] // 2),
        kinks="kinks",
        domain="any",
    ),
    Function(
        "median of the image",
        _median_of_the_image,
        _median_of_the_image_backward,
        kinks="kinks",
        domain="any",
    ),
    Function("sorting", _sorted, _sort_backward, kinks="kinks", domain="any"),
    Function(
        "maxout",
        lambda x, a: _larger(x, a),
        lambda dy, x, a: (dy * (x >= a), dy * (x < a)),
        _images,
        kinks="kinks",
    ),
    Function(
        "L1 loss",
        lambda x, t: _abs(x - t).mean(),
        lambda dy, x, t: (dy * np.sign(x - t) / x.size, -dy * np.sign(x - t) / x.size),
        _images,
        kinks="kinks",
    ),
    Function(
        "hinge loss",
        lambda x: np.where(x.real < 1, 1 - x, 0).sum(),
        lambda dy, x: (-dy * (x < 1),),
        kinks="kinks",
    ),
    Function(
        "total variation", _total_variation, _total_variation_backward, kinks="kinks", domain="any"
    ),
    Function("clipped to a length", _clipped, _clipped_backward, kinks="kinks"),
    Function(
        "hidden layer of ReLUs",
        _hidden,
        _hidden_backward,
        lambda rng, shape: [rng.standard_normal((shape[-1], 6)), rng.standard_normal((6, 2))],
        kinks="kinks",
        domain="any",
    ),
    Function(
        "PReLU",
        lambda x, a: np.where(x.real > 0, x, a * x),
        lambda dy, x, a: (dy * np.where(x > 0, 1, a), (dy * np.minimum(x, 0)).sum((0, 1, 2))),
        lambda rng, shape: [rng.uniform(0.05, 0.5, shape[-1])],
        kinks="kinks",
        domain="any",
    ),
]
