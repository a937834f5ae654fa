"""Whether a function has a gradient at all at the given point."""

from __future__ import annotations

import math

from tinyunet.gradcheck.experiment import Experiment
from tinyunet.gradcheck.line import FACTOR, SEEN, Line, Quotient, is_same_jump


def is_smooth_here(experiment: Experiment) -> bool:
    """Whether slopes along two random directions do not jump, and add up."""
    names = list(experiment.subject.tensors)
    (first, _), (second, _) = experiment.direction(names), experiment.direction(names)
    tensors = list(experiment.subject.tensors.values())
    starts = [array.copy() for array in tensors]

    def both(t: float) -> None:
        first.move(t)
        halves = [array.copy() for array in tensors]
        second.move(t)
        for array, half, start in zip(tensors, halves, starts, strict=True):
            array[...] = start if t == 0 else array + (half - start)

    together = experiment.line(both, scale=first.scale)
    return not bends(first) and adds_up(first, second, together)


def bends(line: Line) -> bool:
    """Whether the slope jumps at t = 0, by the same amount at all small steps that rounding allows.

    `measure` asks the same where a claim is compared: there one step that shows the jump is enough.
    """
    quotients: list[Quotient] = []
    for step in line.steps(None, 0.0, 1.0):
        q = line.quotient(step)
        if not math.isfinite(q.slope) or SEEN * q.noise > abs(q.jump):
            break
        quotients.append(q)
    if len(quotients) < 4:
        return False
    return is_same_jump(quotients[-2].jump, quotients[-1].jump)


def adds_up(first: Line, second: Line, both: Line) -> bool:
    """Whether the slope along a sum of two directions is the sum of their slopes, as of a gradient."""
    step = first.natural / FACTOR**3
    a, b, c = (line.quotient(step) for line in (first, second, both))
    off = abs(a.slope + b.slope - c.slope)
    if math.isnan(off):
        return True  # outside of its domain: nothing is known
    return off <= 0.01 * max(abs(a.slope), abs(b.slope), abs(c.slope)) + SEEN * c.noise
