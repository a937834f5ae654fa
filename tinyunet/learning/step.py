"""One step of training: forward, loss, backward, update."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinyunet.data.batches import Batch
from tinyunet.engine.arrays import Array, to_cpu, to_device
from tinyunet.engine.threads import one_blas_thread
from tinyunet.engine.workers import sharers, times_joined
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.shares import add_gradients, share_of
from tinyunet.losses import Loss

_ALONE = (
    "{0} cannot be shared by {1} workers: it divides by what its own share of the batch has. Its "
    "forward should add up its sums over all shares, with tinyunet.joined, before it divides"
)


def training_step(model: Layer, loss: Loss, optimizer: Optimizer, batch: Batch) -> float:
    """Take one step of training and return the loss before it.

    A loss that is not finite ends the step: neither gradients nor parameters change. Where workers
    share the batch, each takes its images, and all get the whole batch's loss and gradients.

    Parameters
    ----------
    model, loss, optimizer
        The network, in training mode, what it is wrong by, and what changes its parameters.
    batch
        Images (N, H, W, C), labels (N, H', W'), and weights (N, H', W') or None, on the host.
    """
    workers = sharers()
    images, labels, weights = share_of(batch, workers)
    images = _like(model, images)
    labels = to_device(labels, model.device)
    weights = None if weights is None else _like(model, weights)
    with one_blas_thread():  # once: a small network's layers would limit it a hundred times
        logits, before = model(images), times_joined()
        value = loss(logits, labels, weights)
        if workers.count > 1 and times_joined() == before:
            raise TypeError(_ALONE.format(type(loss).__name__, workers.count))
        if math.isfinite(value):
            model.backward_parameters(loss.backward())
            if workers.count > 1:
                add_gradients(model, workers)
            optimizer.step()
    return value


@dataclass(frozen=True)
class Step:
    """One step of a training, as `Training.steps` gives it.

    Attributes
    ----------
    number
        How many steps are done with this one.
    loss
        The loss before the step's update.
    lr
        The learning rate of the update.
    score
        The validation score after it, None where the step was not one to validate.
    """

    number: int
    loss: float
    lr: float
    score: float | None = None


def has_finite_parameters(model: Layer) -> bool:
    """Whether no parameter of the model is infinite or NaN; a GPU waits for the answer."""
    arrays = (array for _, array in model.named_parameters())
    return all(bool(np.isfinite(to_cpu(array)).all()) for array in arrays)


def _like(model: Layer, array: Array) -> Array:
    """The array in the model's dtype, on its device."""
    return to_device(array.astype(model.dtype, copy=False), model.device)
