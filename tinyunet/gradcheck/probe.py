"""Measure gradients with one step, for functions that are smooth as far as that reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyunet.engine.arrays import Array

# (step in eps, coefficient) pairs: sum of coefficient * f(step * eps) / eps is about f'.
FIVE_POINTS = ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12))  # error eps^4


@dataclass
class Probe:
    """A scalar s = sum(dy * y) whose gradient can be measured.

    Attributes
    ----------
    run
        Computes y from the arrays' present contents.
    dy
        The upstream gradient.
    eps
        The step; up to two of them are taken to each side.
    """

    run: Callable[[], Array]
    dy: Array
    eps: float

    def coordinate(self, array: Array, index: tuple, dy: Array | None = None) -> float:
        """ds/d(array[index])."""
        start = float(array[index])
        change: Array | float = 0.0
        for step, coefficient in FIVE_POINTS:
            array[index] = start + step * self.eps
            change = change + coefficient * self.run()
        array[index] = start
        return float(((self.dy if dy is None else dy) * change).sum()) / self.eps

    def whole(self, array: Array, dy: Array | None = None) -> np.ndarray:
        """The complete gradient with respect to a small array."""
        slopes = [self.coordinate(array, index, dy) for index in np.ndindex(array.shape)]
        return np.array(slopes).reshape(array.shape)


def only(dy: Array, i: int) -> Array:
    """The upstream gradient of image i alone."""
    alone = dy * 0
    alone[i] = dy[i]
    return alone
