"""Right functions of single numbers, as people write them: smooth ones, with kinks, with jumps.

They know nothing of tinyunet. Forwards also run on complex numbers, so a complex step can prove the
slopes (`test_user_functions_are_right`); they branch on x.real for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf


@dataclass(frozen=True)
class Function:
    """A forward and a backward pass.

    Attributes
    ----------
    name
        For messages.
    forward, backward
        ``forward(x, *parameters)`` for images x (N, H, W, C), and ``backward(dy, x, *parameters)``,
        which returns a tuple: dx, then the parameters' gradients.
    draw
        ``draw(rng, x.shape)`` gives the parameters.
    kinks
        ``""``, ``"kinks"``, or ``"jumps"`` where y itself is not continuous.
    domain
        ``"any"`` numbers; numbers of about ``"unit"`` size; or ``"positive"`` ones.
    """

    name: str
    forward: Callable
    backward: Callable
    draw: Callable = lambda rng, shape: []
    kinks: str = ""
    domain: str = "unit"


def moved(function: Function, scale: float, offset: float) -> Function:
    """The same function of other inputs: scale * f((x - offset) / scale)."""

    def forward(x, *parameters):
        return scale * function.forward((x - offset) / scale, *parameters)

    def backward(dy, x, *parameters):
        dx, *gradients = function.backward(dy, (x - offset) / scale, *parameters)
        return dx, *(scale * gradient for gradient in gradients)

    name = f"{function.name} of (x - {offset:g}) / {scale:g}"
    return Function(name, forward, backward, function.draw, function.kinks, function.domain)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _gauss(x):
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _phi(x):
    return (1 + erf(x / np.sqrt(2))) / 2


def _softplus(x):
    return np.log1p(np.exp(x))


def _mish_slope(x):
    t = np.tanh(_softplus(x))
    return t + x * (1 - t * t) * _sigmoid(x)


def _gelu_by_tanh(x):
    return x * (1 + np.tanh(0.8 * (x + 0.045 * x**3))) / 2


def _gelu_by_tanh_slope(x):
    t = np.tanh(0.8 * (x + 0.045 * x**3))
    return (1 + t) / 2 + x * (1 - t * t) * 0.8 * (1 + 0.135 * x * x) / 2


def _between(x, low, high):
    return (x.real > low) & (x.real < high)


def _abs(x):
    return np.where(x.real > 0, x, -x)


# name: (f, its slope)
SMOOTH = {
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "softplus": (_softplus, _sigmoid),
    "ELU": (
        lambda x: np.where(x.real > 0, x, np.exp(np.where(x.real > 0, 0, x)) - 1),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
    "GELU": (lambda x: x * _phi(x), lambda x: _phi(x) + x * _gauss(x)),
    "GELU by tanh": (_gelu_by_tanh, _gelu_by_tanh_slope),
    "SiLU": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x)))),
    "mish": (lambda x: x * np.tanh(_softplus(x)), _mish_slope),
    "exp": (np.exp, np.exp),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "sin": (lambda x: np.sin(3 * x), lambda x: 3 * np.cos(3 * x)),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
    "Gaussian bump": (lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x)),
    "log-cosh": (lambda x: np.log(np.cosh(x)), np.tanh),
    "softsign": (lambda x: x / (1 + _abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "Huber": (
        lambda x: np.where(_abs(x).real < 1, x * x / 2, _abs(x) - 0.5),
        lambda x: np.clip(x, -1, 1),
    ),
    "signed square": (lambda x: x * _abs(x), lambda x: 2 * np.abs(x)),
    "Lorentzian": (lambda x: 1 / (1 + 25 * x * x), lambda x: -50 * x / (1 + 25 * x * x) ** 2),
}
POSITIVE = {
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "1 / x": (lambda x: 1 / x, lambda x: -1 / x**2),
    "1 / sqrt": (lambda x: x**-0.5, lambda x: -0.5 * x**-1.5),
    "x log x": (lambda x: x * np.log(x), lambda x: np.log(x) + 1),
    "power 1.7": (lambda x: x**1.7, lambda x: 1.7 * x**0.7),
}
KINKED = {
    "ReLU": (lambda x: np.where(x.real > 0, x, 0), lambda x: x > 0),
    "leaky ReLU": (lambda x: np.where(x.real > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "leaky ReLU 0.9": (
        lambda x: np.where(x.real > 0, x, 0.9 * x),
        lambda x: np.where(x > 0, 1, 0.9),
    ),
    "abs": (_abs, np.sign),
    "ReLU6 at 1": (
        lambda x: np.where(_between(x, 0, 1), x, x.real > 0),
        lambda x: _between(x, 0, 1),
    ),
    "hard tanh": (
        lambda x: np.where(_between(x, -1, 1), x, np.sign(x.real)),
        lambda x: _between(x, -1, 1),
    ),
    "clip": (
        lambda x: np.where(_between(x, -0.5, 0.7), x, np.where(x.real > 0, 0.7, -0.5)),
        lambda x: _between(x, -0.5, 0.7),
    ),
    "hard sigmoid": (
        lambda x: np.where(_between(x, -2, 2), x / 4 + 0.5, x.real > 0),
        lambda x: _between(x, -2, 2) / 4,
    ),
    "hard swish": (
        lambda x: x * np.where(_between(x, -2, 2), x / 4 + 0.5, x.real > 0),
        lambda x: np.where(_between(x, -2, 2), x / 2 + 0.5, x > 0),
    ),
    "soft shrink": (
        lambda x: np.where(_abs(x).real > 0.5, x - 0.5 * np.sign(x.real), 0),
        lambda x: np.abs(x) > 0.5,
    ),
    "SELU": (
        lambda x: 1.05 * np.where(x.real > 0, x, 1.67 * (np.exp(np.where(x.real > 0, 0, x)) - 1)),
        lambda x: 1.05 * np.where(x > 0, 1, 1.67 * np.exp(np.minimum(x, 0))),
    ),
    "root of abs": (
        lambda x: np.sqrt(_abs(x) + 0.01),
        lambda x: np.sign(x) / 2 / np.sqrt(np.abs(x) + 0.01),
    ),
    "triangle wave": (
        lambda x: _abs(x - 2 * np.round(x.real / 2)),
        lambda x: np.sign(x - 2 * np.round(x / 2)),
    ),
}
JUMPING = {
    "hard shrink": (lambda x: np.where(_abs(x).real > 0.5, x, 0), lambda x: np.abs(x) > 0.5),
    "thresholded ReLU": (lambda x: np.where(x.real > 0.3, x, 0), lambda x: x > 0.3),
    "sawtooth": (lambda x: x - np.floor(x.real), lambda x: np.ones_like(x)),
}
HOMOGENEOUS = ("ReLU", "leaky ReLU", "leaky ReLU 0.9", "abs", "square", "signed square")


def _function(name: str, f: Callable, slope: Callable, kinks: str, domain: str) -> Function:
    domain = "any" if name in HOMOGENEOUS else domain
    return Function(name, f, lambda dy, x: (dy * slope(x),), kinks=kinks, domain=domain)


ELEMENTWISE = [
    _function(name, *pair, kinks, domain)
    for table, kinks, domain in (
        (SMOOTH, "", "unit"),
        (POSITIVE, "", "positive"),
        (KINKED, "kinks", "unit"),
        (JUMPING, "jumps", "unit"),
    )
    for name, pair in table.items()
]
