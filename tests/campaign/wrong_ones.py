"""Wrong backward passes in user-written functions and layers, which the checker must call FAILED.

Each is a right function (`user_layers`) whose gradients are spoilt: `spoil(dx, *gradients, dy=, x=)`
returns what the wrong backward returns. `tests/planted_bugs.py` has the wrong layers of tinyunet's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from right_ones import Plain
from user_elementwise import Function
from user_layers import FUNCTIONS, UserLayer

import tinyunet as tu

BY_NAME = {function.name: function for function in FUNCTIONS}
IMAGES = (3, 4, 6, 4)
LARGE = (1, 100, 100, 1)


class LegacyRandom:
    """``np.random.seed`` and NumPy's global functions, under the names that a Generator has."""

    def __init__(self, seed: int) -> None:
        np.random.seed(seed)  # noqa: NPY002

    def standard_normal(self, shape=None):
        return np.random.standard_normal(shape)  # noqa: NPY002

    def uniform(self, low, high, shape=None):
        return np.random.uniform(low, high, shape)  # noqa: NPY002


DRAWS = {"default_rng": np.random.default_rng, "np.random.seed": LegacyRandom}
WAYS = ("layer", "function", "object")


@dataclass(frozen=True)
class Wrong:
    """A wrong backward pass of a right function."""

    name: str
    function: Function
    shape: tuple[int, ...]
    zeros: bool = False
    ways: tuple[str, ...] = WAYS

    def check(self, way: str, seed: int, draw: str = "default_rng") -> tu.GradientReport:
        """The checker's word, on data that the user drew with a seed."""
        rng = DRAWS[draw](seed)
        x = rng.standard_normal(self.shape)
        if self.function.domain == "positive":
            x = np.abs(x) + 0.05
        if self.zeros:
            x = np.where(np.abs(x) < 0.7, 0, x)
        parameters = self.function.draw(rng, self.shape)
        if way == "layer":
            return tu.check_gradients(UserLayer(self.function, parameters), x)
        if way == "object":
            return tu.check_object(Plain(self.function, parameters), x)
        forward, backward = self.function.forward, self.function.backward
        return tu.check_function(forward, backward, x, *parameters)


WRONG: list[Wrong] = []


def wrong(name: str, shape=IMAGES, zeros=False, ways=WAYS) -> Callable:
    """Register `spoil` as what makes the backward pass of the function `name` wrong."""

    def register(spoil: Callable) -> Callable:
        right = BY_NAME[name]

        def backward(dy, x, *parameters):
            gradients = [np.array(g, float) for g in right.backward(dy, x, *parameters)]
            spoilt = spoil(dy, x, *gradients)
            return spoilt if isinstance(spoilt, tuple) else (spoilt, *gradients[1:])

        title = f"{name}: {spoil.__name__.strip('_').replace('_', ' ')}"
        function = Function(title, right.forward, backward, right.draw, right.kinks, right.domain)
        WRONG.append(Wrong(title, function, shape, zeros, ways))
        return spoil

    return register


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


def _batch_norm_parts(dy, x, dgamma, dbeta):
    centred = x - x.mean((0, 1, 2))
    variance = (centred**2).mean((0, 1, 2))
    return centred, variance, np.sqrt(variance + 1e-5)


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


# ---------------------------------------------------------------------- beside kinks


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


# ---------------------------------------------------------------------- formulas


@wrong("softmax")
def _diagonal_of_the_jacobian_only(dy, x, dx):
    p = BY_NAME["softmax"].forward(x)
    return dy * p * (1 - p)


@wrong("log-softmax")
def _times_dy_inside(dy, x, dx):
    return dy - BY_NAME["softmax"].forward(x) * dy


@wrong("sigmoid")
def _applied_twice(dy, x, dx):
    y = 1 / (1 + np.exp(-1 / (1 + np.exp(-x))))
    return dy * y * (1 - y)


@wrong("tanh")
def _by_the_input(dy, x, dx):
    return dy * (1 - x * x)


@wrong("GELU")
def _slope_of_the_approximation(dy, x, dx):
    return BY_NAME["GELU by tanh"].backward(dy, x)[0]


@wrong("SiLU")
def _a_term_missing(dy, x, dx):
    return dy / (1 + np.exp(-x))


@wrong("sqrt")
def _factor_missing(dy, x, dx):
    return dy / np.sqrt(x)


@wrong("log")
def _a_safe_divisor(dy, x, dx):
    return dy / (x + 1e-3)


@wrong("1 / x")
def _minus_missing(dy, x, dx):
    return dy / x**2


@wrong("cube")
def _power_forgotten(dy, x, dx):
    return dy * 3 * x


@wrong("square", zeros=True)
def _zero_replaced(dy, x, dx):
    return np.where(x == 0, dy, dx)


@wrong("exp")
def _saturated_early(dy, x, dx):
    return dx * (x < 1.5)


@wrong("Gram matrix")
def _one_side_only(dy, x, dx):
    return (x.reshape(-1, x.shape[-1]) @ dy * 2).reshape(x.shape)


@wrong("inverse of a matrix")
def _transposed(dy, x, dx):
    return BY_NAME["inverse of a matrix"].backward(dy.T + 0.1 * dy, x)[0]


@wrong("GLU")
def _gate_dead(dy, x, dx):
    dx[..., dx.shape[-1] // 2 :] = 0
    return dx


@wrong("mean squared error")
def _two_missing(dy, x, dx, dt):
    return dx / 2, dt / 2


@wrong("binary cross-entropy")
def _mean_missing(dy, x, dx, dt):
    return dx * x.size, dt


@wrong("bilinear resize")
def _mirrored(dy, x, dx):
    return dx[:, ::-1]


@wrong("average pooling")
def _shifted(dy, x, dx):
    return np.roll(dx, 1, 2)


# ---------------------------------------------------------------------- the upstream gradient


@wrong("sigmoid")
def _of_another_image(dy, x, dx):
    return BY_NAME["sigmoid"].backward(np.roll(dy, 1, 0), x)[0]


@wrong("tanh")
def _taken_for_ones(dy, x, dx):
    return BY_NAME["tanh"].backward(np.ones_like(dy), x)[0]


@wrong("softplus")
def _averaged(dy, x, dx):
    return BY_NAME["softplus"].backward(np.ones_like(dy) * dy.mean(), x)[0]


@wrong("SiLU")
def _returned_as_it_is(dy, x, dx):
    return dy


@wrong("leaky ReLU")
def _input_returned(dy, x, dx):
    return x


@wrong("ELU")
def _output_returned(dy, x, dx):
    return BY_NAME["ELU"].forward(x)


@wrong("arctan")
def _written_into(dy, x, dx):
    dy *= 1 / (1 + x * x)
    return dy


@wrong("sin")
def _input_written_into(dy, x, dx):
    x *= 3
    return dx


@wrong("mish", ways=("layer",))
def _in_float32(dy, x, dx):
    return (dx.astype(np.float32),)


@wrong("GELU by tanh")
def _in_float16_inside(dy, x, dx):
    return dx.astype(np.float16).astype(float)


@wrong("log-cosh")
def _a_little_noise(dy, x, dx):
    return dx + 1e-3 * np.random.default_rng().standard_normal(dx.shape)


@wrong("softsign")
def _nothing(dy, x, dx):
    return dx * 0


@wrong("scale of a channel")
def _of_the_wrong_sign_where_it_is_negative(dy, x, dx, dg):
    return np.abs(dx), dg
