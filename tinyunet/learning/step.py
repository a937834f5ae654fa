"""One step of training, and how many of them fit into some minutes."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable

import numpy as np

from tinyunet.data.batches import Batches, Prefetched
from tinyunet.data.dataset import Dataset
from tinyunet.engine.arrays import to_device
from tinyunet.engine.threads import one_blas_thread
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import Optimizer
from tinyunet.losses import Loss
from tinyunet.segmentation.thresholds import validation_score

VALIDATIONS = 12  # how often a run looks at the validation images


def training_step(model: Layer, loss: Loss, optimizer: Optimizer, batch: tuple) -> float:
    """One step of training: forward, loss, backward, update. A loss that is not finite ends it."""
    device, dtype = model.device, model.dtype
    images, labels, weights = batch
    images = to_device(images.astype(dtype, copy=False), device)
    labels = to_device(labels, device)
    weights = None if weights is None else to_device(weights.astype(dtype, copy=False), device)
    with one_blas_thread():  # once: a small network's layers would limit it a hundred times
        value = loss(model(images), labels, weights)
        if math.isfinite(value):
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step()
    return value


def calibrate(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    validation: Dataset | None,
    minutes: float,
) -> int:
    """Return how many steps fit in the minutes, validations included, by trying some on a copy.

    It tries at least 6 and at most 30, for about a sixtieth of the time.
    """
    started = time.perf_counter()
    model, optimizer = copy.deepcopy((model, optimizer))
    times: list[float] = []
    with Prefetched(batches) as ahead:
        while len(times) < 6 or (len(times) < 30 and time.perf_counter() - started < minutes):
            before = time.perf_counter()
            training_step(model, loss, optimizer, ahead[len(times)])
            times.append(time.perf_counter() - before)
    looking = 0.0
    if validation is not None:
        one = validation.subset([0])
        # Two looks: the first also fills memory pools.
        looks = [_seconds(lambda: validation_score(model, one)) for _ in range(2)]
        looking = min(looks) * len(validation) * VALIDATIONS
    left = minutes * 60 - looking - (time.perf_counter() - started)
    # The first steps are not typical: they fill memory pools, and the first waits for its batch.
    return max(VALIDATIONS, int(left / np.median(times[2:])))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
