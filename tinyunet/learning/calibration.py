"""How many steps of training fit into some minutes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np

from tinyunet.data.batches import Batches, Prefetched
from tinyunet.data.dataset import Dataset
from tinyunet.engine.workers import sharers
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.schedule import VALIDATIONS
from tinyunet.learning.step import training_step
from tinyunet.losses import Loss
from tinyunet.networks.network import Network
from tinyunet.segmentation.thresholds import validation_score


def calibrate(
    model: Network,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    validation: Dataset | None,
    minutes: float,
) -> int:
    """Return how many steps fit in the minutes, all validations included, by trying some on a copy.

    It tries at least 6 and at most 30, for about a sixtieth of the time. Workers that share batches try
    together, and go by the clock of the first.
    """
    started = time.perf_counter()
    model, optimizer = copy.deepcopy((model, optimizer))
    times: list[float] = []
    workers = sharers()

    def another() -> bool:
        early = time.perf_counter() - started < minutes
        return workers.same(len(times) < 6 or (len(times) < 30 and early))

    with Prefetched(batches) as ahead:
        while another():
            before = time.perf_counter()
            training_step(model, loss, optimizer, ahead[len(times)])
            times.append(time.perf_counter() - before)
    validating = 0.0
    if validation is not None:
        one = validation.subset([0])
        # Twice: the first also fills memory pools.
        seconds = [_seconds(lambda: validation_score(model, one)) for _ in range(2)]
        validating = min(seconds) * len(validation) * VALIDATIONS / workers.count
    left = minutes * 60 - validating - (time.perf_counter() - started)
    # The first steps are not typical: they fill memory pools, and the first waits for its batch.
    return workers.same(max(VALIDATIONS, int(left / np.median(times[2:]))))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
