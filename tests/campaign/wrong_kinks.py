"""Gradients that are wrong beside kinks, or where values change places."""

from __future__ import annotations

import numpy as np
from wrong_registry import wrong


@wrong("leaky ReLU")
def _slope_ten_times_too_large(dy, x, dx):
    return dy * np.where(x > 0, 1, 0.1)


@wrong("leaky ReLU")
def _slope_forgotten(dy, x, dx):
    return dy * (x > 0)


@wrong("abs", (2, 10, 10, 4))
def _rounded_off_beside_the_kink(dy, x, dx):
    return dy * np.clip(x / 0.2, -1, 1)


@wrong("ReLU", (2, 10, 10, 4))
def _open_from_minus_a_fifth(dy, x, dx):
    return dy * (x > -0.2)


@wrong("ReLU")
def _masked_by_dy(dy, x, dx):
    return dy * (dy > 0)


@wrong("ReLU")
def _masked_by_both(dy, x, dx):
    return dx * (dy > 0)


@wrong("ReLU", zeros=True)
def _one_image_wrong_among_exact_zeros(dy, x, dx):
    dx[2] *= 0.5
    return dx


@wrong("clip", (2, 10, 10, 4))
def _open_a_little_beyond(dy, x, dx):
    return dy * ((x > -0.6) & (x < 0.8))


@wrong("hard tanh")
def _slope_of_the_smooth_one(dy, x, dx):
    return dy * (1 - np.tanh(x) ** 2)


@wrong("max pooling")
def _shared_among_the_window(dy, x, dx):
    return np.kron(dy, np.ones((1, 2, 2, 1))) / 4


@wrong("max pooling", (1, 40, 40, 2))
def _one_window_at_the_wrong_corner(dy, x, dx):
    window = dx[0, 10:12, 20:22, 1]
    window[...] = window[::-1, ::-1].copy()
    return dx


@wrong("max pooling", zeros=True)
def _rolled_among_ties(dy, x, dx):
    return np.roll(dx, 1, 0)


@wrong("sorting")
def _not_put_back_in_order(dy, x, dx):
    return dy


@wrong("sorting")
def _ordered_instead_of_put_back(dy, x, dx):
    return np.take_along_axis(dy, np.argsort(x, -1), -1)


@wrong("median of channels")
def _shared_among_the_channels(dy, x, dx):
    return np.repeat(dy[..., None], x.shape[-1], -1) / x.shape[-1]


@wrong("max over channels")
def _given_to_the_smallest(dy, x, dx):
    return dy[..., None] * (x == x.min(-1, keepdims=True))


@wrong("L1 loss")
def _sign_of_the_target(dy, x, dx, dt):
    return dx, dx


@wrong("clipped to a length")
def _clipping_taken_for_constant(dy, x, dx):
    return dy * np.minimum(1, 3 / np.sqrt((x**2).sum((1, 2, 3), keepdims=True)))


@wrong("hidden layer of ReLUs")
def _mask_of_the_hidden_layer_forgotten(dy, x, dx, dw, dv):
    return dx * 0 + dx.mean(-1, keepdims=True), dw, dv
