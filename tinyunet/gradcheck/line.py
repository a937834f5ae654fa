"""The number s = sum(dy * y) along a line through the arrays, and its slope measured with one step.

Along a line, t = 0 where the arrays are now, s(t) = sum(dy * y(t)) has the slope that backward claims.
Two points measure it,

    D(h) = (s(h) - s(-h)) / 2h

with an error of h^2 for a smooth function, and of noise / h from rounding. Richardson's extrapolation
of two steps takes the h^2 away:

    R(h) = D(h) + (D(h) - D(8h)) / 63

On a kink the slopes to both sides differ however small the step is:

    J(h) = (s(h) - 2 s(0) + s(-h)) / h

Steps are powers of two: x + h is exact then, also where x is 30,000 and h is 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tinyunet.engine.arrays import Array

FIRST = 2.0**-7  # the first step, in units of the scale of what moves
FACTOR = 8  # from one step to the next
LOWEST = 2.0**-40  # of the largest value that moves: below, x + h loses digits of h
STEPS = 17  # steps at most, down to 2^-55 of the first; noise ends nearly all of them earlier
SEEN = 20  # times its noise: what a step measured, and not rounding
VISIBLE = 1e4  # times the noise: a change that larger steps may bring out
EPS = float(np.finfo(np.float64).eps)
ROUNDING = 10 * EPS  # of an output that took many operations


@dataclass
class Quotient:
    """What one step measured: D, the extrapolated R and J, and the noise left in them by rounding.

    `bent` is the D that is right where the slope itself has a kink, as that of x |x| at 0: its error is
    of order h.
    """

    step: float
    slope: float
    jump: float
    noise: float
    better: float = math.nan
    better_jump: float = math.nan
    bent: float = math.nan

    def extrapolate(self, above: Quotient | None) -> None:
        """Use the quotient with the step 8 times as large, if there is one."""
        self.better, self.better_jump, self.bent = self.slope, self.jump, self.slope
        if above is not None and above.step == FACTOR * self.step:
            self.better += (self.slope - above.slope) / (FACTOR**2 - 1)
            self.better_jump += (self.jump - above.jump) / (FACTOR - 1)
            self.bent += (self.slope - above.slope) / (FACTOR - 1)


@dataclass
class Line:
    """A line through the arrays, and the number s along it.

    Attributes
    ----------
    run
        Computes y from the arrays' present contents.
    dy, y
        The upstream gradient, and y at t = 0.
    move
        ``move(t)`` sets the arrays for t; ``move(0)`` sets them as they were.
    noise
        What rounding does to s: see `noise`.
    scale, largest_value
        The unit of t, and the largest value that moves, in that unit.
    own
        The size of the value that moves itself, where it is a single one: a pole may be as near.
    """

    run: Callable[[], Array]
    dy: Array
    y: Array
    move: Callable[[float], None]
    noise: float = 0.0
    scale: float = 1.0
    largest_value: float = 0.0
    own: float = 0.0

    def change(self, t: float) -> float:
        """s(t) - s(0); NaN where the function is not defined or not finite."""
        self.move(t)
        try:
            with np.errstate(all="ignore"):
                return float((self.dy * (self.run() - self.y)).sum())
        except Exception:  # it ran at t = 0: math.log(-1), 1 / 0.0, outside of its domain here
            return math.nan
        finally:
            self.move(0.0)

    def quotient(self, step: float) -> Quotient:
        """Measure with one step."""
        right, left = self.change(step), -self.change(-step)
        noise = self.noise + 4 * EPS * (abs(left) + abs(right))
        return Quotient(step, (right + left) / (2 * step), (right - left) / step, noise / step)

    @property
    def natural(self) -> float:
        """The step at which a function of this scale should look smooth."""
        return FIRST * power_of_two(self.scale)

    def steps(self, first: float | None, largest: float, tolerance: float) -> Iterator[float]:
        """Yield steps from large to small.

        The first is the given one, or `FIRST` of the scale; or larger, where rounding needs it to show
        the `largest` slope to the `tolerance`, unless moving by the scale hardly shows it. Where the
        value itself is much smaller than the scale, steps of its own size come last.
        """
        if first is None:
            first = self.natural
            visible = largest * self.scale > VISIBLE * self.noise
            while visible and first * tolerance * largest < 4 * self.noise:
                first *= FACTOR
        lowest = LOWEST * self.largest_value
        step = first
        for _ in range(STEPS):
            if step < lowest:
                break
            yield step
            step /= FACTOR
        if 0 < FIRST * self.own < step:
            step = FIRST * power_of_two(self.own)
            for _ in range(6):
                yield step
                step /= FACTOR


def is_same_jump(before: float, after: float) -> bool:
    """Whether the slope's jump at two steps is that of a kink, which no smaller step makes smaller."""
    return abs(after - before) <= 0.25 * abs(after)


def power_of_two(value: float) -> float:
    """The power of two at or below a positive number."""
    return 2.0 ** math.floor(math.log2(value))
