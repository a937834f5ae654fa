"""The user-written functions as layers, as pairs of functions, and the proof that they are right."""

from __future__ import annotations

import numpy as np
import user_kinked
import user_norms
import user_smooth
from user_elementwise import ELEMENTWISE, Function

import tinyunet as tu

FUNCTIONS = [*ELEMENTWISE, *user_norms.FUNCTIONS, *user_smooth.FUNCTIONS, *user_kinked.FUNCTIONS]
KEEPS_SHAPE = {"GELU", "batch norm", "layer norm", "softmax", "PReLU", "sorting", "RMS norm"}


class UserLayer(tu.Layer):
    """A function as a layer: what it holds are its parameters."""

    def __init__(self, function: Function, parameters: list) -> None:
        super().__init__()
        self.function = function
        self.params = {f"p{i}": parameter for i, parameter in enumerate(parameters)}

    def forward(self, x):
        self.x = x
        return self.function.forward(x, *self.params.values())

    def backward(self, dy, *, input_gradient=True):
        dx, *gradients = self.function.backward(dy, self.x, *self.params.values())
        self.grads = dict(zip(self.params, gradients, strict=True))
        return dx

    def _describe(self):
        return self.function.name


def slopes_by_complex_step(function: Function, inputs: list, dy) -> list:
    """All gradients of sum(dy * y), from forward alone, to rounding: no difference is taken.

    For an analytic f, f(x + ih) = f(x) + ih f'(x) + ..., so f' is the imaginary part over h, for any
    small h (Squire and Trapp, SIAM Review 40, 1998).
    """
    step = 1e-30
    slopes = []
    for i, array in enumerate(inputs):
        slope = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            moved = [value.astype(complex) for value in inputs]
            moved[i][index] += step * 1j
            slope[index] = (dy * np.imag(function.forward(*moved))).sum() / step
        slopes.append(slope)
    return slopes
