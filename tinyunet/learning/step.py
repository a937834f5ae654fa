"""One step of training: forward, loss, backward, update."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinyunet.data.batches import Batch
from tinyunet.engine.arrays import Array, to_cpu, to_device
from tinyunet.engine.threads import one_blas_thread
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import Optimizer
from tinyunet.losses import Loss


def training_step(model: Layer, loss: Loss, optimizer: Optimizer, batch: Batch) -> float:
    """Take one step of training and return the loss before it.

    A loss that is not finite ends the step: neither gradients nor parameters change.

    Parameters
    ----------
    model, loss, optimizer
        The network, in training mode, what it is wrong by, and what changes its parameters.
    batch
        Images (N, H, W, C), labels (N, H', W'), and weights (N, H', W') or None, on the host.
    """
    images, labels, weights = batch
    images = _like(model, images)
    labels = to_device(labels, model.device)
    weights = None if weights is None else _like(model, weights)
    with one_blas_thread():  # once: a small network's layers would limit it a hundred times
        value = loss(model(images), labels, weights)
        if math.isfinite(value):
            model.backward_parameters(loss.backward())
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
