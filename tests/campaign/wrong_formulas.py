"""Wrong formulas, and wrong use of the upstream gradient."""

from __future__ import annotations

import numpy as np
from wrong_registry import BY_NAME, wrong

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
