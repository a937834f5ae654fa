"""Right smooth functions of whole arrays: softmax, products, pooling, resizing, attention."""

from __future__ import annotations

import numpy as np
from user_elementwise import Function

ALL = (0, 1, 2)  # the axes over which a channel's parameter is summed


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _through_softmax(dy, p):
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def _pooled(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def _unpooled(dy):
    return np.kron(dy, np.ones((1, 2, 2, 1))) / 4


def _resizing(n):
    """The matrix (2n - 1, n) that interpolates linearly between n numbers."""
    at = np.arange(2 * n - 1) / 2
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n)))


def _resize(x):
    return np.einsum("ai,bj,nijc->nabc", _resizing(x.shape[1]), _resizing(x.shape[2]), x)


def _resize_backward(dy, x):
    down, across = _resizing(x.shape[1]), _resizing(x.shape[2])
    return (np.einsum("ai,bj,nabc->nijc", down, across, dy),)


def _attention_parts(x, q, k, v):
    x = x.reshape(len(x), -1, x.shape[-1])
    return x, _softmax((x @ q) @ (x @ k).swapaxes(1, 2) / np.sqrt(x.shape[-1]))


def _attention(x, q, k, v):
    tokens, p = _attention_parts(x, q, k, v)
    return (p @ (tokens @ v)).reshape(x.shape)


def _attention_backward(dy, x, q, k, v):
    tokens, p = _attention_parts(x, q, k, v)
    dy, turned = dy.reshape(tokens.shape), tokens.swapaxes(1, 2)
    dvalues = p.swapaxes(1, 2) @ dy
    dscores = _through_softmax(dy @ (tokens @ v).swapaxes(1, 2), p) / np.sqrt(x.shape[-1])
    dqueries, dkeys = dscores @ (tokens @ k), dscores.swapaxes(1, 2) @ (tokens @ q)
    dx = dqueries @ q.T + dkeys @ k.T + dvalues @ v.T
    dq, dk, dv = ((turned @ d).sum(0) for d in (dqueries, dkeys, dvalues))
    return dx.reshape(x.shape), dq, dk, dv


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _glu(x):
    a, b = np.split(x, 2, -1)
    return a * _sigmoid(b)


def _glu_backward(dy, x):
    a, b = np.split(x, 2, -1)
    s = _sigmoid(b)
    return (np.concatenate([dy * s, dy * a * s * (1 - s)], -1),)


def _excite_backward(dy, x, w):
    s = _sigmoid(x.mean((1, 2)) @ w)[:, None, None]
    dz = (dy * x).sum((1, 2)) * (s * (1 - s))[:, 0, 0]
    dx = dy * s + (dz @ w.T)[:, None, None] / (x.shape[1] * x.shape[2])
    return dx, x.mean((1, 2)).T @ dz


def _pixels(x):
    return x.reshape(-1, x.shape[-1])


def _gram(x):
    return _pixels(x).T @ _pixels(x)


def _bce(x, t):
    return (np.log1p(np.exp(x)) - t * x).mean()


def _channel_matrix(rng, shape):
    return rng.standard_normal((shape[-1], shape[-1]))


FUNCTIONS = [
    Function("softmax", _softmax, lambda dy, x: (_through_softmax(dy, _softmax(x)),)),
    Function(
        "log-softmax",
        lambda x: x - x.max(-1, keepdims=True)
        - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)),
        lambda dy, x: (dy - _softmax(x) * dy.sum(-1, keepdims=True),),
    ),
    Function(
        "log-sum-exp",
        lambda x: np.log(np.exp(x).sum(-1)),
        lambda dy, x: (dy[..., None] * _softmax(x),),
    ),
    Function(
        "linear",
        lambda x, w, b: x @ w + b,
        lambda dy, x, w, b: (dy @ w.T, _pixels(x).T @ _pixels(dy), dy.sum(ALL)),
        lambda rng, shape: [rng.standard_normal((shape[-1], 3)), rng.standard_normal(3)],
        domain="any",
    ),
    Function(
        "scale of a channel",
        lambda x, g: x * np.exp(g),
        lambda dy, x, g: (dy * np.exp(g), (dy * x).sum(ALL) * np.exp(g)),
        lambda rng, shape: [rng.standard_normal(shape[-1])],
        domain="any",
    ),
    Function("average pooling", _pooled, lambda dy, x: (_unpooled(dy),), domain="any"),
    Function(
        "global average",
        lambda x: x.mean((1, 2)),
        lambda dy, x: (np.ones_like(x) * dy[:, None, None] / (x.shape[1] * x.shape[2]),),
        domain="any",
    ),
    Function("bilinear resize", _resize, _resize_backward, domain="any"),
    Function(
        "attention",
        _attention,
        _attention_backward,
        lambda rng, shape: [_channel_matrix(rng, shape) for _ in range(3)],
    ),
    Function("GLU", _glu, _glu_backward),
    Function(
        "squeeze and excite",
        lambda x, w: x * _sigmoid(x.mean((1, 2)) @ w)[:, None, None],
        _excite_backward,
        lambda rng, shape: [_channel_matrix(rng, shape)],
    ),
    Function(
        "Gram matrix",
        _gram,
        lambda dy, x: ((_pixels(x) @ (dy + dy.T)).reshape(x.shape),),
        domain="any",
    ),
    Function(
        "mean squared error",
        lambda x, t: ((x - t) ** 2).mean(),
        lambda dy, x, t: (dy * 2 * (x - t) / x.size, -dy * 2 * (x - t) / x.size),
        lambda rng, shape: [rng.standard_normal(shape)],
        domain="any",
    ),
    Function(
        "binary cross-entropy",
        _bce,
        lambda dy, x, t: (dy * (_sigmoid(x) - t) / x.size, -dy * x / x.size),
        lambda rng, shape: [rng.uniform(0, 1, shape)],
    ),
    Function(
        "inverse of a matrix",
        lambda x: np.linalg.inv(_gram(x) / len(_pixels(x)) + np.eye(x.shape[-1])),
        lambda dy, x: (_inverse_backward(dy, x),),
    ),
]  # fmt: skip


def _inverse_backward(dy, x):
    pixels = _pixels(x)
    y = np.linalg.inv(_gram(x) / len(pixels) + np.eye(x.shape[-1]))
    dmatrix = -y.T @ dy @ y.T / len(pixels)
    return (pixels @ (dmatrix + dmatrix.T)).reshape(x.shape)
