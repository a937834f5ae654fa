"""Measure gradients with one step, where the function is known to be smooth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyunet.arrays import Array

# (step in eps, coefficient) pairs: sum of coefficient * f(step * eps) / eps is about f'.
TWO_POINTS = ((1, 1 / 2), (-1, -1 / 2))  # exact for f linear, error eps^2
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
    eps, stencil
        The step and where to measure.
    """

    run: Callable[[], Array]
    dy: Array
    eps: float
    stencil: tuple = TWO_POINTS

    def coordinate(self, array: Array, index: tuple, dy: Array | None = None) -> float:
        """ds/d(array[index])."""
        start, change = float(array[index]), 0.0
        for step, coefficient in self.stencil:
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
