"""Gradients that are wrong at a few places, of parameters, in norms."""

from __future__ import annotations

import numpy as np
from wrong_registry import IMAGES, LARGE, wrong


def times(factor, where):
    """A gradient that is multiplied at some places only."""

    def spoil(dy, x, dx, *rest):
        dx[where] *= factor
        return dx

    return spoil


# ---------------------------------------------------------------------- a few places only

FEW = {
    "one of ten thousand half as large again": ("sigmoid", LARGE, 1.5, (0, 50, 50, 0)),
    "one of ten thousand doubled beside kinks": ("leaky ReLU", LARGE, 2, (0, 20, 70, 0)),
    "one of ten thousand zero": ("tanh", LARGE, 0, (0, 99, 99, 0)),
    "one pixel": ("softmax", (2, 20, 20, 3), 0.5, (1, -1, -1)),
    "one image": ("GELU", IMAGES, -1, 1),
    "last channel": ("batch norm", IMAGES, 0.5, (..., -1)),
    "first row": ("bilinear resize", IMAGES, 0, (slice(None), 0)),
    "last column": ("average pooling", IMAGES, 2, (slice(None), slice(None), -1)),
    "a corner": ("bilinear resize", (2, 12, 12, 2), 0.5, (slice(None), 0, 0)),
    "every other column": (
        "total variation",
        IMAGES,
        0.9,
        (slice(None), slice(None), slice(1, None, 2)),
    ),
    "two per cent": ("layer norm", IMAGES, 1.02, ...),
    "one in ten thousand": ("softplus", IMAGES, 1.0001, ...),
    "one in a hundred thousand": ("attention", IMAGES, 1.00001, ...),
    "the sign": ("cosine similarity", IMAGES, -1, ...),
    "the batch size": ("squeeze and excite", IMAGES, 3, ...),
    "one over the batch size": ("group norm", IMAGES, 1 / 3, ...),
    "one over the pixels": ("log-softmax", IMAGES, 1 / 24, ...),
}
for label, (base, shape, factor, where) in FEW.items():
    spoil = times(factor, where)
    spoil.__name__ = f"times {factor:.6g} at {label}"
    wrong(base, shape)(spoil)

# ---------------------------------------------------------------------- parameters


@wrong("linear")
def _bias_without_the_sum_over_the_batch(dy, x, dx, dw, db):
    return dx, dw, dy[0].sum((0, 1))


@wrong("linear")
def _bias_with_a_missing_sum(dy, x, dx, dw, db):
    return dx, dw, dy.sum((0, 1))


@wrong("linear")
def _weight_as_a_mean(dy, x, dx, dw, db):
    return dx, dw / len(dy), db


@wrong("linear")
def _one_weight_wrong(dy, x, dx, dw, db):
    dw[2, 1] = 0
    return dx, dw, db


@wrong("linear")
def _weight_by_the_upstream_of_another_image(dy, x, dx, dw, db):
    flat = x.reshape(-1, x.shape[-1])
    return dx, flat.T @ np.roll(dy, 1, 0).reshape(len(flat), -1), db


@wrong("attention")
def _weights_transposed(dy, x, dx, dq, dk, dv):
    return dx, dq.T, dk, dv


@wrong("attention")
def _queries_and_keys_swapped(dy, x, dx, dq, dk, dv):
    return dx, dk, dq, dv


@wrong("attention")
def _branch_of_the_keys_dead(dy, x, dx, dq, dk, dv):
    return dx, dq, 0 * dk, dv


@wrong("batch norm")
def _gamma_and_beta_swapped(dy, x, dx, dgamma, dbeta):
    return dx, dbeta, dgamma


@wrong("batch norm")
def _gamma_by_the_input_not_the_normalised_one(dy, x, dx, dgamma, dbeta):
    return dx, (dy * x).sum((0, 1, 2)), dbeta


@wrong("PReLU")
def _slope_of_the_positive_ones(dy, x, dx, da):
    return dx, (dy * np.maximum(x, 0)).sum((0, 1, 2))


# ---------------------------------------------------------------------- normalisation


@wrong("instance norm")
def _mean_term_missing(dy, x, dx, *rest):
    return dx + dx.mean((1, 2), keepdims=True) + 0.1 * dy.mean((1, 2), keepdims=True)


@wrong("RMS norm")
def _root_taken_for_constant(dy, x, dx):
    return dy / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)


@wrong("RMS norm")
def _eps_forgotten(dy, x, dx):
    root = np.sqrt((x**2).mean(-1, keepdims=True))
    h = x / root
    return (dy - h * (dy * h).mean(-1, keepdims=True)) / root


@wrong("unit vectors")
def _projection_missing(dy, x, dx):
    return dy / np.sqrt((x**2).sum(-1, keepdims=True))


@wrong("layer norm")
def _summed_over_the_wrong_axis(dy, x, dx, *rest):
    return dx - dx.mean((1, 2), keepdims=True)
