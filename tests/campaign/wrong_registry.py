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
