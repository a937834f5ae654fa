"""Compare a claimed slope with measured ones, and say how far these can be trusted.

The step goes down, by 8 at a time, until the claim agrees; or until three steps in a row agree with
each other and not with the claim, which is wrong then; or until rounding ends it. What D, R, J and a
step are, is said in `line`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyunet.gradcheck.line import FACTOR, LOWEST, SEEN, Line, Quotient, is_same_jump, power_of_two

FLOOR = 1e-3  # of a tensor's largest gradient: smaller ones are compared as if they were as large
AMPLE = 0.01  # of the tolerance: an agreement that needs no second look
SETTLED = 0.1  # of the distance to the claim: three steps that differ by less agree with each other
STRAIGHT = 1e-4  # of the slope, or of that distance: a jump of the slope that is none
STAIRCASE = (
    "large steps agree with backward and small ones do not: is something inside computed with few "
    "digits, as in float32, or rounded?"
)


@dataclass
class Claim:
    """What backward says about a slope.

    Attributes
    ----------
    slope
        What it says.
    largest
        The largest gradient of the same tensor, which says what counts as small.
    tolerance
        The relative error that passes.
    """

    slope: float
    largest: float
    tolerance: float

    def error(self, slope: float, noise: float) -> float:
        """The relative error |a - n| / max(|a|, |n|, floor) of this a beside a measured slope n.

        The floor is 1e-3 of the tensor's largest gradient, or what rounding lets us see to the
        tolerance, whichever is larger. The second only counts where the largest gradient itself can be
        seen.
        """
        difference = abs(self.slope - slope)
        if difference == 0:
            return 0.0
        size = max(abs(self.slope), abs(slope), FLOOR * self.largest)
        if noise <= self.tolerance * max(self.largest, abs(slope)):
            size = max(size, noise / self.tolerance)
        return difference / size


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


def compare(line: Line, claim: Claim, first: float | None = None) -> Finding:
    """Compare a claimed slope with the measured one.

    Parameters
    ----------
    line
        Where to measure.
    claim
        What backward says.
    first
        The first step; by default as the values' scale suggests.
    """
    quotients: list[Quotient] = []
    best: Finding | None = None
    for step in line.steps(first, claim.largest, claim.tolerance):
        q = line.quotient(step)
        if math.isfinite(q.slope):
            q.extrapolate(quotients[-1] if quotients else None)
            quotients.append(q)
            if claim.slope == q.slope == 0:
                return Finding("zero", 0.0, 0.0, step)
            found = _agrees(q, claim)
            if found and not best and step > line.natural and not _nearby(line, claim.slope):
                found = None
            if best or (found and found.error <= AMPLE * claim.tolerance):
                return min(filter(None, (best, found)), key=lambda finding: finding.error)
            best = found  # just so: one more step shows it better
            natural = step <= max(line.natural, first or 0.0)
            if (
                natural
                and _settled(quotients[-3:], claim.slope)
                and not _kinked(quotients, claim.slope)
            ):
                if _is_staircase(line, quotients, claim.slope):
                    return Finding("unresolved", q.better, step=step, reason=STAIRCASE)
                error = claim.error(q.better, q.noise)
                return Finding("wrong", q.better, error, step)
            if q.noise > 0.01 * max(abs(claim.slope), abs(q.slope), FLOOR * claim.largest):
                break  # smaller steps show rounding only
    return best or _undecided(quotients, claim)


def _agrees(q: Quotient, claim: Claim) -> Finding | None:
    """The claim's best agreement with what a step measured, if it is within the tolerance."""
    slopes = (q.slope, q.better, q.bent)
    errors = {slope: claim.error(slope, q.noise) for slope in slopes}
    slope = min(errors, key=errors.__getitem__)
    right = errors[slope] <= claim.tolerance
    return Finding("ok", slope, errors[slope], q.step) if right else None


def confirms(line: Line, found: Finding, largest_value: float) -> bool:
    """Whether a step as small as rounding allows shows about the slope that was found.

    True where none is small enough to tell.
    """
    step = max(1e3 * line.noise / abs(found.slope), LOWEST * largest_value, line.natural / 2**30)
    step = power_of_two(step)
    if step > found.step / FACTOR:
        return True
    q = line.quotient(step)
    return not abs(q.slope - found.slope) > 0.1 * abs(found.slope)


def _is_staircase(line: Line, quotients: list[Quotient], claimed: float) -> bool:
    """Whether large steps agree with a claim far better than those that settled on another slope.

    Where something inside has few digits, as float32 has, the function is a staircase: only steps that
    are wider than its treads show the slope.
    """
    distance = abs(claimed - quotients[-1].better)
    larger = [q.slope for q in quotients[:-3]]
    if quotients[-1].slope == 0:  # a tread, or a function that does not depend on this at all
        larger += [line.quotient(factor * line.natural).slope for factor in (1, FACTOR, FACTOR**2)]
    near = 0.15 * min(distance, abs(claimed))
    return any(abs(claimed - slope) <= near for slope in larger)


def _nearby(line: Line, claimed: float) -> bool:
    """Whether a claim that agrees with large steps is also near what the natural step shows.

    Large steps see through rounding, but tanh(x) + x / 10 has the slope 1 / 10 for them.
    """
    q = line.quotient(line.natural)
    return abs(claimed - q.slope) <= 3 * q.noise + 1e-3 * abs(claimed)


def _settled(last: list[Quotient], claimed: float) -> bool:
    """Whether three steps in a row agree with each other, on both sides, and not with the claim."""
    if len(last) < 3:
        return False
    finest = last[-1]
    distance = abs(claimed - finest.better)
    spread = max(abs(q.better - finest.better) for q in last[:-1])
    jump = max(abs(q.better_jump) for q in last[1:])
    flat = spread <= 4 * finest.noise and 30 * finest.noise <= distance
    return (
        spread <= SETTLED * distance
        and (spread <= SETTLED * abs(finest.better) or flat)
        and 3 * finest.noise <= distance
        and jump <= max(STRAIGHT * max(distance, abs(finest.better)), 4 * finest.noise)
    )


def _undecided(quotients: list[Quotient], claim: Claim) -> Finding:
    """Say why no step decided."""
    if not quotients:
        return Finding(
            "unresolved", reason="forward is not finite, or not defined, right beside it"
        )
    best = min(quotients, key=lambda q: q.noise + abs(claim.slope - q.better))
    if all(max(abs(claim.slope), abs(r.slope), abs(r.better)) <= SEEN * r.noise for r in quotients):
        return Finding("zero", best.better, 0.0, best.step)
    if _kinked(quotients, claim.slope) or _jumps(quotients):
        return Finding("kink", quotients[-1].slope, step=quotients[-1].step)
    if best.noise > claim.tolerance * max(claim.largest, abs(best.slope)):
        reason = "its gradient is so small beside the output that rounding hides it"
    else:
        reason = "no two steps agree on its slope"
    return Finding("unresolved", best.better, step=best.step, reason=reason)


def _jumps(quotients: list[Quotient]) -> bool:
    """Whether s itself jumps: the slope is 8 times as large with each smaller step."""
    if len(quotients) < 3:
        return False
    changes = [q.slope * q.step for q in quotients[-3:]]
    jumps = [q.jump * q.step for q in quotients[-3:]]  # of one side alone
    return any(
        abs(values[-1]) > 100 * quotients[-1].noise * quotients[-1].step
        and max(values) - min(values) <= 0.1 * abs(values[-1])
        for values in (changes, jumps)
    )


def _kinked(quotients: list[Quotient], claimed: float) -> bool:
    """Whether the slope jumps by the same amount at the smallest steps at which that could be seen.

    Then any claim is left out, for conventions differ: where relu'(0) is 0, the backward pass of
    3 relu(x) - 2 relu(-x) gives 0 at 0, between slopes of 2 and 3.
    """
    seen = [i for i, q in enumerate(quotients) if abs(q.better_jump) > SEEN * q.noise]
    if not seen or seen[-1] == 0:
        return False
    before, after = (abs(q.better_jump) for q in quotients[seen[-1] - 1 : seen[-1] + 1])
    finer = quotients[seen[-1] + 1 :]
    size = max(abs(claimed - quotients[seen[-1]].better), abs(quotients[seen[-1]].better))
    return (
        after > STRAIGHT * size
        and is_same_jump(before, after)
        and all(SEEN * q.noise >= after for q in finer)
    )
