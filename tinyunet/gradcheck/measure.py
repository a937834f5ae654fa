"""Measure a slope by finite differences, and say how far the measurement can be trusted.

Along a line through the arrays, t = 0 where they are now, the number s(t) = sum(dy * y(t)) has the
slope that backward claims. Two points measure it, D(h) = (s(h) - s(-h)) / 2h, with an error of h^2 for
a smooth function and of noise / h from rounding. Richardson's extrapolation takes the h^2 away:

    R(h) = D(h) + (D(h) - D(8h)) / 63

So the step goes down, by 8 at a time, until the claim agrees; or until three steps in a row agree
with each other and not with the claim, which is wrong then; or until rounding ends it. On a kink the
slopes to both sides differ however small the step: J(h) = (s(h) - 2 s(0) + s(-h)) / h stays.

Steps are powers of two: x + h is exact then, also where x is 30,000 and h is 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tinyunet.arrays import Array

FIRST = 2.0**-7  # the first step, in units of the scale of what moves
FACTOR = 8  # from one step to the next
LOWEST = 2.0**-40  # of the largest value that moves: below, x + h loses digits of h
RUNGS = 17  # steps at most, down to 2^-55 of the first; noise ends nearly all of them earlier
ROUNDING = 10 * np.finfo(np.float64).eps  # of an output that took many operations
FLOOR = 1e-3  # of a tensor's largest gradient: smaller ones are compared as if they were as large
VISIBLE = 1e4  # times the noise: a change that larger steps may bring out
AMPLE = 0.01  # of the tolerance: an agreement that needs no second look
SETTLED = (
    0.1  # three steps agree if they differ by less than this part of their distance to the claim
)
EXPLAINS = 0.3  # a jump of the slope of at least this part of that distance may be its reason


STAIRCASE = (
    "large steps agree with backward and small ones do not: is something inside computed with few "
    "digits, as in float32, or rounded?"
)


@dataclass
class Rung:
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

    def extrapolate(self, above: Rung | None) -> None:
        """Use the rung with the step 8 times as large, if there is one."""
        self.better, self.better_jump, self.bent = self.slope, self.jump, self.slope
        if above is not None and above.step == FACTOR * self.step:
            self.better += (self.slope - above.slope) / (FACTOR**2 - 1)
            self.better_jump += (self.jump - above.jump) / (FACTOR - 1)
            self.bent += (self.slope - above.slope) / (FACTOR - 1)


@dataclass
class Finding:
    """What became of one claim.

    Attributes
    ----------
    verdict
        ``"ok"``; ``"wrong"``; ``"kink"``; ``"zero"`` where the claim and the slope are both 0, or too
        small to be seen; or ``"unresolved"``.
    slope, error
        The slope that was measured, and the relative error of the claim.
    step
        The step that decided.
    reason
        Why it could not be resolved.
    """

    verdict: str
    slope: float = math.nan
    error: float = math.nan
    step: float = math.nan
    reason: str = ""


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

    def rung(self, step: float) -> Rung:
        """Measure with one step."""
        right, left = self.change(step), -self.change(-step)
        noise = self.noise + 4 * np.finfo(np.float64).eps * (abs(left) + abs(right))
        return Rung(step, (right + left) / (2 * step), (right - left) / step, noise / step)

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
        for _ in range(RUNGS):
            if step < lowest:
                break
            yield step
            step /= FACTOR
        if 0 < FIRST * self.own < step:
            step = FIRST * power_of_two(self.own)
            for _ in range(6):
                yield step
                step /= FACTOR


def power_of_two(value: float) -> float:
    """The power of two at or below a positive number."""
    return 2.0 ** math.floor(math.log2(value))


def compare(
    line: Line, claim: float, largest: float, tolerance: float, first: float | None = None
) -> Finding:
    """Compare a claimed slope with the measured one.

    Parameters
    ----------
    line
        Where to measure.
    claim
        What backward says.
    largest
        The largest gradient of the same tensor, which says what counts as small.
    tolerance
        The relative error that passes.
    first
        The first step; by default as the values' scale suggests.
    """
    rungs: list[Rung] = []
    best: Finding | None = None
    for step in line.steps(first, largest, tolerance):
        rung = line.rung(step)
        if math.isfinite(rung.slope):
            rung.extrapolate(rungs[-1] if rungs else None)
            rungs.append(rung)
            if claim == rung.slope == 0:
                return Finding("zero", 0.0, 0.0, step)
            found = _agrees(rung, claim, largest, tolerance)
            if found and not best and step > line.natural and not _nearby(line, claim):
                found = None
            if best or (found and found.error <= AMPLE * tolerance):
                return min(filter(None, (best, found)), key=lambda finding: finding.error)
            best = found  # just so: one more step shows it better
            if step <= max(line.natural, first or 0.0) and _settled(rungs[-3:], claim):
                if _is_staircase(line, rungs, claim):
                    return Finding("unresolved", rung.better, step=step, reason=STAIRCASE)
                error = agreement(claim, rung.better, rung.noise, largest, tolerance)
                return Finding("wrong", rung.better, error, step)
            if rung.noise > 0.01 * max(abs(claim), abs(rung.slope), FLOOR * largest):
                break  # smaller steps show rounding only
    return best or _undecided(rungs, claim, largest, tolerance)


def _agrees(rung: Rung, claim: float, largest: float, tolerance: float) -> Finding | None:
    """The claim's best agreement with what a step measured, if it is within the tolerance."""
    errors = {
        slope: agreement(claim, slope, rung.noise, largest, tolerance)
        for slope in (rung.slope, rung.better, rung.bent)
    }
    slope = min(errors, key=errors.__getitem__)
    return Finding("ok", slope, errors[slope], rung.step) if errors[slope] <= tolerance else None


def agreement(claim: float, slope: float, noise: float, largest: float, tolerance: float) -> float:
    """The relative error |a - n| / max(|a|, |n|, floor) of a claim a beside a measured slope n.

    The floor is 1e-3 of the tensor's largest gradient, or what rounding lets us see to the tolerance,
    whichever is larger. The second only counts where the largest gradient itself can be seen.
    """
    difference = abs(claim - slope)
    if difference == 0:
        return 0.0
    size = max(abs(claim), abs(slope), FLOOR * largest)
    if noise <= tolerance * max(largest, abs(slope)):
        size = max(size, noise / tolerance)
    return difference / size


def _is_staircase(line: Line, rungs: list[Rung], claim: float) -> bool:
    """Whether large steps agree with a claim far better than those that settled on another slope.

    Where something inside has few digits, as float32 has, the function is a staircase: only steps that
    are wider than its treads show the slope.
    """
    distance = abs(claim - rungs[-1].better)
    larger = [rung.slope for rung in rungs[:-3]]
    if rungs[-1].slope == 0:  # a tread, or a function that does not depend on this at all
        larger += [line.rung(factor * line.natural).slope for factor in (1, FACTOR, FACTOR**2)]
    near = 0.15 * min(distance, abs(claim))
    return any(abs(claim - slope) <= near for slope in larger)


def _nearby(line: Line, claim: float) -> bool:
    """Whether a claim that agrees with large steps is also near what the natural step shows.

    Large steps see through rounding, but tanh(x) + x / 10 has the slope 1 / 10 for them.
    """
    rung = line.rung(line.natural)
    return abs(claim - rung.slope) <= 3 * rung.noise + 1e-3 * abs(claim)


def _settled(last: list[Rung], claim: float) -> bool:
    """Whether three steps in a row agree with each other, on both sides, and not with the claim."""
    if len(last) < 3:
        return False
    finest = last[-1]
    distance = abs(claim - finest.better)
    spread = max(abs(rung.better - finest.better) for rung in last[:-1])
    jump = max(abs(rung.better_jump) for rung in last[1:])
    flat = spread <= 4 * finest.noise and 30 * finest.noise <= distance
    return (
        spread <= SETTLED * distance
        and (spread <= SETTLED * abs(finest.better) or flat)
        and 3 * finest.noise <= distance
        and jump <= max(EXPLAINS * distance, 4 * finest.noise)
    )


def _undecided(rungs: list[Rung], claim: float, largest: float, tolerance: float) -> Finding:
    """Say why no step decided."""
    if not rungs:
        return Finding(
            "unresolved", reason="forward is not finite, or not defined, right beside it"
        )
    best = min(rungs, key=lambda rung: rung.noise + abs(claim - rung.better))
    if all(max(abs(claim), abs(r.slope), abs(r.better)) <= 20 * r.noise for r in rungs):
        return Finding("zero", best.better, 0.0, best.step)
    if _kinked(rungs, claim) or _jumps(rungs):
        return Finding("kink", rungs[-1].slope, step=rungs[-1].step)
    if best.noise > tolerance * max(largest, abs(best.slope)):
        reason = "its gradient is so small beside the output that rounding hides it"
    else:
        reason = "no two steps agree on its slope"
    return Finding("unresolved", best.better, step=best.step, reason=reason)


def _jumps(rungs: list[Rung]) -> bool:
    """Whether s itself jumps: the slope is 8 times as large with each smaller step."""
    if len(rungs) < 3:
        return False
    changes = [rung.slope * rung.step for rung in rungs[-3:]]
    jumps = [rung.jump * rung.step for rung in rungs[-3:]]  # of one side alone
    return any(
        abs(values[-1]) > 100 * rungs[-1].noise * rungs[-1].step
        and max(values) - min(values) <= 0.1 * abs(values[-1])
        for values in (changes, jumps)
    )


def _kinked(rungs: list[Rung], claim: float) -> bool:
    """Whether at the smallest steps that rounding leaves clear, the slope jumps by the same amount."""
    distances = [abs(claim - rung.better) for rung in rungs]
    clear = [r for r, distance in zip(rungs, distances, strict=True) if 20 * r.noise < distance]
    if len(clear) < 2:
        return False
    before, after = clear[-2].better_jump, clear[-1].better_jump
    distance = abs(claim - clear[-1].better)
    return abs(after) >= EXPLAINS * distance and abs(after - before) <= 0.25 * abs(after)
