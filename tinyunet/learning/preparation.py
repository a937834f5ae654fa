"""What `fit` settles before its first step: do the data suit, which windows, which weights."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyunet.data.augment import Augmentation
from tinyunet.data.dataset import Dataset
from tinyunet.data.weightmap import WEIGHTS, separate, weight_map
from tinyunet.engine.arrays import pair
from tinyunet.engine.progress import Progress
from tinyunet.layers.parts import layers_in
from tinyunet.learning.arguments import check_numbers, check_optimizer
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.schedule import check_schedule
from tinyunet.losses import (
    BCEDiceLoss,
    BCEWithLogitsLoss,
    DeepSupervision,
    Loss,
    SoftmaxCrossEntropy,
)
from tinyunet.networks.network import Network
from tinyunet.networks.unet_plus_plus import UNetPlusPlus
from tinyunet.segmentation.evaluation import check_data

# A window may be so many times as large as the images, or have so many pixels.
FAR, SMALL = 4, 64 * 64


def check_settings(
    model: Network,
    optimizer: Optimizer,
    train: Dataset,
    validation: Dataset | None,
    steps: int | None,
    minutes: float | None,
    patience: int | None,
    batch_size: int,
    schedule: str,
    seed: int,
    callbacks: Sequence[Callable],
) -> None:
    """Raise a clear error before any time is spent."""
    if (steps is None) == (minutes is None):
        raise ValueError("give fit either steps or minutes")
    if patience is not None and validation is None:
        raise ValueError("patience waits for a better validation score: give validation images")
    check_numbers(
        {"steps": steps, "patience": patience, "batch_size": batch_size}, {"minutes": minutes}, seed
    )
    check_schedule(schedule)
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TypeError(
            f"callbacks must be a list of functions callback(training, step), got {callbacks!r}"
        )
    _check_layers(model)
    _check_optimizer(model, optimizer)
    for what, data in (("training", train), ("validation", validation)):
        if data is not None:
            suited = check_data(model, data, what)
            ignored = data.ignore_label
            if ignored is not None and all((labels == ignored).all() for labels in data.labels):
                raise ValueError(f"every pixel of the {what} images is ignored: give it others")
            if suited is not data:
                raise ValueError(
                    f"the model takes {model.in_channels} channels, but the {what} images have "
                    f"{data.channels}: give it data.in_channels({model.in_channels})"
                )


def _check_layers(model: Network) -> None:
    """Raise ValueError if there is nothing to learn, or a layer that is hidden from the network."""
    found = {id(layer) for _, layer in model.named_layers()}
    for path, layer in model.named_layers():
        references = ((k, v) for k, v in vars(layer).items() if k.startswith("_"))
        for name, hidden in itertools.chain(*(layers_in(*item) for item in references)):
            if hidden is not model and id(hidden) not in found and hidden.num_parameters:
                raise ValueError(
                    f"the layer {f'{path}.' * bool(path)}{name} would not be learned or saved: an "
                    "underscore before its name makes it a mere reference; name it without"
                )
    if not model.num_parameters:
        raise ValueError(
            f"{model} has no parameters to learn: its layers should be attributes, or in lists or "
            "dicts that are"
        )


def _check_optimizer(model: Network, optimizer: Optimizer) -> None:
    """Raise ValueError if it would change, or wait for, parameters that are none of the model's."""
    check_optimizer(optimizer)
    if isinstance(optimizer, Optimizer):
        own = {id(array) for _, array in model.named_parameters()}
        if not own.issuperset(id(array) for _, array in optimizer.model.named_parameters()):
            raise ValueError(
                f"the optimizer is of another network, {optimizer.model}: make one of the network that "
                "is trained"
            )


def loss_for(model: Network, train: Dataset, loss: Loss | None) -> Loss:
    """The given loss, or the default one; it has to leave out what the data set leaves out."""
    ignore = train.ignore_label
    if loss is None:
        return default_loss(model, ignore)
    if ignore is not None and not hasattr(loss, "ignore_label"):
        warnings.warn(
            f"the training images have pixels with the label {ignore}, which are to be ignored: the "
            f"loss {type(loss).__name__} has to leave them out itself; say that it does with "
            f"ignore_label = {ignore} in its class",
            stacklevel=4,
        )
    if ignore is not None and getattr(loss, "ignore_label", ignore) != ignore:
        raise ValueError(
            f"the training images have pixels with the label {ignore}, which are to be ignored, but "
            f"the loss does not: make it with {type(loss).__name__}(..., ignore_label={ignore})"
        )
    return loss


def default_loss(model: Network, ignore_label: int | None = None) -> Loss:
    """Cross-entropy: of a softmax, or of a sigmoid where the logits have one channel.

    For one channel of U-Net++ its authors' loss; for several heads the sum over them.
    """
    kind: type[Loss] = SoftmaxCrossEntropy
    if model.num_classes == 1:
        kind = BCEDiceLoss if isinstance(model, UNetPlusPlus) else BCEWithLogitsLoss
    loss = kind(ignore_label=ignore_label)
    return loss if model.head_weights is None else DeepSupervision(loss, model.head_weights)


def weight_maps(train: Dataset, weights: str | list[np.ndarray] | None) -> list[np.ndarray] | None:
    """The weight map of every training image, or None."""
    if weights is None:
        return None
    if isinstance(weights, str):
        if weights not in WEIGHTS:
            names = ", ".join(map(repr, WEIGHTS))
            raise ValueError(f"weights must be {names}, None or a list of maps, got {weights!r}")
        if train.instances is None:  # classes have no cells to part
            return None
        instances = Progress(train.instances, desc="weight maps", delay=2, leave=False)
        return [
            weight_map(separate(cells), **WEIGHTS[weights], ignored=train.ignored(i))
            for i, cells in enumerate(instances)
        ]
    return _given_weights(train, weights)


def _given_weights(train: Dataset, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Check one map for each training image."""
    if len(weights) != len(train):
        raise ValueError(
            f"weights need one (H, W) map for each training image: got {len(weights)} for {len(train)}"
        )
    maps = [np.asarray(w) for w in weights]
    for name, w, labels in zip(train.names, maps, train.labels, strict=True):
        if w.shape != labels.shape:
            raise ValueError(
                f"the weights of image {name!r} have shape {w.shape}, but the image is {labels.shape}: "
                "weights need one (H, W) map for each training image, of its size"
            )
        if w.dtype.kind not in "biuf" or not np.isfinite(w).all() or w.min() < 0:
            low = f"the negative value {w.min():g}" if w.dtype.kind in "iuf" else f"dtype {w.dtype}"
            if w.dtype.kind == "f" and not np.isfinite(w).all():
                low = "NaN or infinite values"
            raise ValueError(
                f"the weights of image {name!r} have {low}: how much a pixel counts is a number, 0 or "
                "more; 0 leaves it out"
            )
    return maps


def window_size(
    model: Network, train: Dataset, crop: int | tuple[int, int] | None, output: int = 128
) -> tuple[int, int]:
    """The input size of the windows: the given one, or one that gives about `output` pixels.

    Raises
    ------
    ValueError
        If the network does not take it, or it is far larger than the images.
    """
    largest = [max(image.shape[axis] for image in train.images) for axis in (0, 1)]
    if crop is None:
        size = model.input_size(*(min(output, side) for side in largest))
    else:
        size = pair(crop, "crop", smallest=1)
    gives = model.output_size(*size)  # raises with the nearest valid sizes
    if math.prod(gives) > max(FAR * math.prod(largest), SMALL):
        whole = model.input_size(*largest)
        if math.prod(model.output_size(*whole)) > FAR * math.prod(largest):
            hint = "take a network that halves its images less often (--depth), or larger images"
        else:
            hint = f"a window of {whole[0]}x{whole[1]} shows a whole image"
        raise ValueError(
            f"windows of {size[0]}x{size[1]} are far above the images, which have {largest[0]}x"
            f"{largest[1]} pixels at most and would fill {math.prod(largest) / math.prod(gives):.1%} "
            f"of them: {hint}"
        )
    return size


def settings_kept(
    batch_size: int,
    input_size: tuple[int, int],
    augment: bool | Augmentation | Callable,
    weights: str | list[np.ndarray] | None,
    schedule: str,
    seed: int,
    workers: int,
) -> dict[str, Any]:
    """What a run has to be given again when it is resumed, fit for JSON."""
    settings = {
        "batch_size": int(batch_size),
        "crop": [int(side) for side in input_size],
        "seed": int(seed),
        "workers": workers,
        "schedule": schedule,
        "weights": weights if isinstance(weights, str | None) else "given maps",
    }
    if not callable(augment):  # a function cannot be told from another
        settings["augment"] = str(augment)
    return settings
