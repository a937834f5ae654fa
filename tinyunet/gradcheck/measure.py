"""Compare a claimed slope with measured ones, and say how far these can be trusted.

The step goes down, by 8 at a time, until the claim agrees; or until three steps in a row agree with
each other and not with the claim, which is wrong then; or until rounding ends it. What D, R, J and a
step are, is said in `line`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyunet.gradcheck.line import FACTOR, LOWEST, Line, Rung, power_of_two

FLOOR = 1e-3  # of a tensor's largest gradient: smaller ones are compared as if they were as large
AMPLE = 0.01  # of the tolerance: an agreement that needs no second look
SETTLED = 0.1  # of the distance to the claim: three steps that differ by less agree with each other
STRAIGHT = 1e-4  # of the slope, or of that distance: a jump of the slope that is none
STAIRCASE = (
    "large steps agree with backward and small ones do not: is something inside computed with few "
    "digits, as in float32, or rounded?"
)


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
            natural = step <= max(line.natural, first or 0.0)
            if natural and _settled(rungs[-3:], claim) and not _kinked(rungs, claim):
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


def bears_out(line: Line, found: Finding, largest_value: float) -> bool:
    """Whether a step as small as rounding allows shows about the slope that was found.

    True where none is small enough to tell.
    """
    step = max(1e3 * line.noise / abs(found.slope), LOWEST * largest_value, line.natural / 2**30)
    step = power_of_two(step)
    if step > found.step / FACTOR:
        return True
    rung = line.rung(step)
    return not abs(rung.slope - found.slope) > 0.1 * abs(found.slope)


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
        and jump <= max(STRAIGHT * max(distance, abs(finest.better)), 4 * finest.noise)
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
    """Whether the slope jumps by the same amount at the smallest steps at which that could be seen.

    Then any claim is left out, for conventions differ: where relu'(0) is 0, the backward pass of
    3 relu(x) - 2 relu(-x) gives 0 at 0, between slopes of 2 and 3.
    """
    seen = [i for i, rung in enumerate(rungs) if abs(rung.better_jump) > 20 * rung.noise]
    if not seen or seen[-1] == 0:
        return False
    before, after = (abs(rung.better_jump) for rung in rungs[seen[-1] - 1 : seen[-1] + 1])
    finer = rungs[seen[-1] + 1 :]
    size = max(abs(claim - rungs[seen[-1]].better), abs(rungs[seen[-1]].better))
    return (
        after > STRAIGHT * size
        and abs(after - before) <= 0.25 * after
        and all(20 * rung.noise >= after for rung in finer)
    )
