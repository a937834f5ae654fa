"""Estimate what rounding does to the number s = sum(dy * y), by measuring."""

from __future__ import annotations

import math

import numpy as np

from tinyunet.gradcheck.measure import FACTOR, Line


def noise_along(line: Line) -> float:
    """Estimate what rounding does to s, from values along a line, so near that s looks straight there.

    Fourth differences of s at 9 points take a smooth part away and leave noise, sqrt(70) times as large
    (Hamming, Numerical Methods, 1962). All points lie on one side, for t = 0 may be a kink or a jump.
    Where something has float32's digits, so small steps show a staircase; then larger ones are taken,
    and become smaller as long as the estimate falls, for then it is the function that is bent.
    """
    for step in (2.0**-36 * line.scale, 2.0**-42 * line.scale):
        changes = [line.change(i * step) for i in range(1, 10)]
        slopes = np.abs(np.diff(changes))
        if 0 < slopes.max() < 2 * slopes.min():
            return _roughness(changes)
    step, noise = 2.0**-20 * line.scale, math.inf
    for _ in range(5):
        before, noise = noise, _roughness([line.change(i * step) for i in range(1, 10)])
        if noise > before / FACTOR or math.isnan(noise):
            break
        step /= FACTOR
    return noise


def _roughness(changes: list[float]) -> float:
    """The noise in equally spaced values, from their fourth differences."""
    fourth = np.diff(changes, 4) / 70**0.5
    return float(np.sqrt(np.mean(fourth * fourth)))
