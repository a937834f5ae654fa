"""Right normalisations, over channels, images, groups, lengths."""

from __future__ import annotations

import numpy as np
from user_elementwise import Function

EPS = 1e-5
ALL = (0, 1, 2)  # the axes over which a channel's parameter is summed


def _normalised(x, axes):
    centred = x - x.mean(axes, keepdims=True)
    root = np.sqrt((centred**2).mean(axes, keepdims=True) + EPS)
    return centred / root, root


def _through_norm(d, h, root, axes):
    return (d - d.mean(axes, keepdims=True) - h * (d * h).mean(axes, keepdims=True)) / root


def norm(name, axes):
    """A normalisation over some axes, with gamma and beta for each channel."""

    def forward(x, gamma, beta):
        return gamma * _normalised(x, axes)[0] + beta

    def backward(dy, x, gamma, beta):
        h, root = _normalised(x, axes)
        return _through_norm(dy * gamma, h, root, axes), (dy * h).sum(ALL), dy.sum(ALL)

    return Function(name, forward, backward, _gamma_beta, domain="any")


def _gamma_beta(rng, shape):
    return [1 + 0.2 * rng.standard_normal(shape[-1]), rng.standard_normal(shape[-1])]


def _grouped(x):
    return x.reshape(*x.shape[:-1], 2, -1)


def _group_norm(x, gamma, beta):
    return gamma * _normalised(_grouped(x), (1, 2, 4))[0].reshape(x.shape) + beta


def _group_norm_backward(dy, x, gamma, beta):
    h, root = _normalised(_grouped(x), (1, 2, 4))
    dx = _through_norm(_grouped(dy * gamma), h, root, (1, 2, 4)).reshape(x.shape)
    return dx, (dy * h.reshape(x.shape)).sum(ALL), dy.sum(ALL)


def _rms_norm_backward(dy, x):
    root = np.sqrt((x**2).mean(-1, keepdims=True) + EPS)
    h = x / root
    return ((dy - h * (dy * h).mean(-1, keepdims=True)) / root,)


def _length(x):
    return np.sqrt((x**2).sum(-1, keepdims=True))


def _unit_backward(dy, x):
    y = x / _length(x)
    return ((dy - y * (dy * y).sum(-1, keepdims=True)) / _length(x),)


def _cosine(x, w):
    return x @ w / (_length(x)[..., 0] * np.sqrt((w**2).sum()))


def _cosine_backward(dy, x, w):
    cosine, lx, lw = _cosine(x, w)[..., None], _length(x), np.sqrt((w**2).sum())
    dy = dy[..., None]
    dx = dy * (w / (lx * lw) - cosine * x / lx**2)
    return dx, (dy * (x / (lx * lw) - cosine * w / lw**2)).sum(ALL)


FUNCTIONS = [
    norm("batch norm", (0, 1, 2)),
    norm("layer norm", (3,)),
    norm("layer norm over the image", (1, 2, 3)),
    norm("instance norm", (1, 2)),
    Function("group norm", _group_norm, _group_norm_backward, _gamma_beta, domain="any"),
    Function(
        "RMS norm",
        lambda x: x / np.sqrt((x**2).mean(-1, keepdims=True) + EPS),
        _rms_norm_backward,
        domain="any",
    ),
    Function("unit vectors", lambda x: x / _length(x), _unit_backward, domain="positive"),
    Function(
        "cosine similarity",
        _cosine,
        _cosine_backward,
        lambda rng, shape: [rng.uniform(0.5, 2, shape[-1])],
        domain="positive",
    ),
]
