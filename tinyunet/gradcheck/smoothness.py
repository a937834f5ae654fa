"""Whether a function has a gradient at all at the given point."""

from __future__ import annotations

import math

from tinyunet.gradcheck.experiment import Experiment
from tinyunet.gradcheck.line import FACTOR, Line, Rung


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
    """Whether the slope jumps at t = 0, by the same amount at all small steps that rounding allows."""
    rungs: list[Rung] = []
    for step in line.steps(None, 0.0, 1.0):
        rung = line.rung(step)
        if not math.isfinite(rung.slope) or 20 * rung.noise > abs(rung.jump):
            break
        rungs.append(rung)
    if len(rungs) < 4:
        return False
    before, after = rungs[-2].jump, rungs[-1].jump
    return abs(after - before) <= 0.25 * abs(after)


def adds_up(first: Line, second: Line, both: Line) -> bool:
    """Whether the slope along a sum of two directions is the sum of their slopes, as of a gradient."""
    step = first.natural / FACTOR**3
    a, b, c = (line.rung(step) for line in (first, second, both))
    off = abs(a.slope + b.slope - c.slope)
    if math.isnan(off):
        return True  # outside of its domain: nothing is known
    return off <= 0.01 * max(abs(a.slope), abs(b.slope), abs(c.slope)) + 20 * c.noise
