"""What happens when in a training: how the learning rate rises and falls, and when to validate."""

from __future__ import annotations

import math

# How long the learning rate rises to its full size, as a share of all steps, and in steps at least.
# Too fast, and Adam's first steps push many a ReLU to where it is 0 for every image, for ever: of the
# 352 channels of the default network, 85 to 147 were dead after 200 steps on membranes when it rose
# in 20, and once a whole level; 25 to 37 when it rose in 245.
WARM_UP, SHORTEST_WARM_UP = 0.05, 20
VALIDATIONS = 12  # how often a run is validated


def rate_factor(schedule: str, step: int, total: int) -> float:
    """Return what the learning rate is multiplied by at a step, the first of which is 0.

    Parameters
    ----------
    schedule
        ``"cosine"``: it rises for 5 % of the steps, 20 at least, and falls to 0 along half a cosine;
        ``"constant"``: 1.
    step, total
        Which step, of how many.
    """
    if schedule == "constant":
        return 1.0
    rising = min(max(SHORTEST_WARM_UP, WARM_UP * total), total)
    return min(1.0, (step + 1) / rising) * 0.5 * (1 + math.cos(math.pi * step / total))


def is_time_to_validate(done: int, total: int) -> bool:
    """Whether a run is validated after so many steps: some `VALIDATIONS` times, and in the end."""
    return done % max(1, math.ceil(total / VALIDATIONS)) == 0 or done == total
