"""What happens when in a training: how the learning rate rises and falls, and when to validate."""

from __future__ import annotations

import math

# How long the learning rate rises to its full size, as a share of all steps, and in steps at least.
# Too fast, and Adam's first steps push many a ReLU to where it is 0 for every image, for ever: of the
# 352 channels of the default network, 85 to 147 were dead after 200 steps on membranes when it rose
# in 20, and once a whole level; 25 to 37 when it rose in 245.
WARM_UP, SHORTEST_WARM_UP = 0.05, 20
SCHEDULES = ("cosine", "poly", "constant")
POWER = 0.9  # of poly: that of DeepLab and PSPNet
VALIDATIONS = 12  # how often a run is validated


def rate_factor(schedule: str, step: int, total: int) -> float:
    """Return what the learning rate is multiplied by at a step, the first of which is 0.

    Parameters
    ----------
    schedule
        ``"cosine"``: it rises for 5 % of the steps, 20 at least, and falls to 0 along half a cosine;
        ``"poly"``: it falls as (1 - step / total)^0.9, from 1 on, as in PSPNet (Zhao et al. 2017,
        arXiv:1612.01105); ``"constant"``: 1.
    step, total
        Which step, of how many.

    Raises
    ------
    ValueError
        If there is no such schedule.
    """
    check_schedule(schedule)
    if schedule == "constant":
        return 1.0
    if schedule == "poly":
        return (1 - step / total) ** POWER
    rising = min(max(SHORTEST_WARM_UP, WARM_UP * total), total)
    return min(1.0, (step + 1) / rising) * 0.5 * (1 + math.cos(math.pi * step / total))


def check_schedule(schedule: str) -> None:
    """Raise ValueError if there is no such schedule."""
    if schedule not in SCHEDULES:
        *others, last = (f'"{name}"' for name in SCHEDULES)
        raise ValueError(f"schedule must be {', '.join(others)} or {last}, got {schedule!r}")


def is_time_to_validate(done: int, total: int) -> bool:
    """Whether a run is validated after so many steps: some `VALIDATIONS` times, and in the end."""
    return done % max(1, math.ceil(total / VALIDATIONS)) == 0 or done == total
