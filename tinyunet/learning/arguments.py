"""What users of other libraries give `fit` by mistake, and what it takes instead."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyunet.learning.optim import Optimizer

ADAM = "tu.Adam(model, lr=2e-3)"
OF_OPTIMIZER = f"it is the optimizer's: optimizer={ADAM}"
IN_STEPS = "say steps, how many batches to learn from; an epoch is len(train) / batch_size of them"
OF_VALIDATION = "say validation, a tinyunet.data.Dataset"
OF_DATA = "say train, a tinyunet.data.Dataset(images, labels)"
REMEDIES = {
    **dict.fromkeys(("lr", "learning_rate", "weight_decay", "betas", "momentum"), OF_OPTIMIZER),
    **dict.fromkeys(
        ("epochs", "epoch", "n_epochs", "num_epochs", "max_epochs", "nb_epoch"), IN_STEPS
    ),
    **dict.fromkeys(
        ("iterations", "num_steps", "n_steps", "max_steps", "steps_per_epoch"), IN_STEPS
    ),
    **dict.fromkeys(("val", "valid", "validation_data", "val_data"), OF_VALIDATION),
    **dict.fromkeys(("x", "y", "images", "labels", "masks", "data", "dataset"), OF_DATA),
    "validation_split": "split the data set: train, validation, test = data.split(seed=0)",
    "device": 'move the model before: model.to("gpu")',
    "verbose": "say progress=False for no progress bar",
    "shuffle": "every batch is drawn at random, as seed says",
    "metrics": "see tinyunet.evaluate; validation goes by SEG or IoU",
    "criterion": "say loss",
    "early_stopping": "say patience",
    "class_weight": "give the loss or weights: see tinyunet.pixel_weights",
}


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise TypeError for an argument that there is not, and say what is meant instead."""
    known = list(known)
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, 1)
        remedy = REMEDIES.get(name) or (f"is {near[0]} meant?" if near else "")
        raise TypeError(f"fit takes no {name}: {remedy or 'it takes ' + ', '.join(known)}")


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError unless it can change parameters."""
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise TypeError(f"optimizer is the class {name}: make one, as {name}(model, lr)")
    if isinstance(optimizer, Optimizer):
        return
    if isinstance(optimizer, str) or not (hasattr(optimizer, "lr") and hasattr(optimizer, "step")):
        known = "tu.SGD(model, lr=0.01)" if str(optimizer).lower() == "sgd" else ADAM
        raise TypeError(f"optimizer must be one of this model, such as {known}, got {optimizer!r}")


def checked_loss(loss: Any) -> Any:
    """Return the loss; TypeError unless it gives one and then its gradient."""
    if isinstance(loss, type):
        raise TypeError(f"loss is the class {loss.__name__}: make one, as {loss.__name__}()")
    if not callable(loss) or not hasattr(loss, "backward"):
        raise TypeError(
            "loss must have forward(logits, labels, weights) and backward(), such as "
            f"tu.SoftmaxCrossEntropy() or tu.BCEWithLogitsLoss(), got {loss!r}"
        )
    return loss


def check_numbers(whole: dict[str, Any], others: dict[str, Any], seed: Any) -> None:
    """Raise an error for what is no number above 0, and for a seed that is none.

    Parameters
    ----------
    whole, others
        Whole numbers and other ones by name; None is passed over.
    seed
        A whole number from 0.
    """
    for name, value in {**whole, **others}.items():
        if value is None:
            continue
        if isinstance(value, str | bytes) or np.ndim(value) != 0:
            raise TypeError(f"{name} must be a number, got {value!r}")
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")
        if value == math.inf:
            raise ValueError(f"{name} must be finite, got {value}")
        if name in whole and value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, got {seed!r}")
