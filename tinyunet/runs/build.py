"""What a run begins with: its data, its network and optimizer, and what `Training` is told."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tinyunet.data import Augmentation, Dataset, load
from tinyunet.data.catalogue import SYNTHETIC
from tinyunet.engine.arrays import pair
from tinyunet.engine.spelling import did_you_mean
from tinyunet.learning.optim import SGD, Adam, Optimizer
from tinyunet.learning.preparation import window_size
from tinyunet.networks.network import Network
from tinyunet.networks.vgg import VGG16
from tinyunet.runs.limits import TRAINING, Tell, check_step, check_synthetic, make_within, say
from tinyunet.runs.network import defaults, find, fixed
from tinyunet.runs.settings import OF_NETWORK, Settings
from tinyunet.runs.start import fill, freeze_parts
from tinyunet.segmentation.symmetries import AVERAGES

AUGMENTS = {
    "none": Augmentation.none(),
    "flips": Augmentation(flips=True),
    "rigid": Augmentation.rigid(),
    "any-angle": replace(Augmentation.full(), elastic=0.0),
    "elastic": Augmentation.full(),
}


def load_data(settings: Settings) -> Dataset:
    """Load the data; what the masks of a folder mean is as the settings say."""
    if settings.data.replace("_", "-") in SYNTHETIC:
        check_synthetic(settings.images, settings.size)
    return load(
        settings.data, settings.data_root, n=settings.images, size=settings.size,
        kind=settings.masks, classes=settings.classes, ignore=settings.ignore, stretch=settings.stretch,
    )  # fmt: skip


def build(
    settings: Settings, parts: Sequence[Dataset], tell: Tell = say, *, resume: bool = False
) -> tuple[Network, Optimizer]:
    """Make the network for these images, and its optimizer; with weights of a file, but to resume."""
    network = find(settings.network)
    if issubclass(network, VGG16):
        raise ValueError(
            f"{network.__name__} gives one vector of logits for an image, not one a pixel, so masks "
            "cannot train it: take fcn32s, fcn16s or fcn8s, which make a network for pixels of it"
        )
    options = _options(settings, parts)
    model = make_within(network, options, OF_NETWORK, copies=TRAINING, device=settings.device)
    if settings.start is not None and not resume:
        fill(model, settings, parts, tell)
    freeze_parts(model, settings, tell)
    model.to(settings.device)
    if settings.optimizer == "adam":
        return model, Adam(model, settings.lr, tuple(settings.betas))
    if settings.optimizer == "sgd":
        return model, SGD(model, settings.lr, settings.momentum)
    raise ValueError(f'optimizer must be "adam" or "sgd", got {settings.optimizer!r}')


def _options(settings: Settings, parts: Sequence[Dataset]) -> dict[str, Any]:
    """What the network is made with: its data's numbers, the recipe's, its name's, and what was chosen.

    The defaults of a user's class stay but for what was chosen.
    """
    own = defaults(find(settings.network))
    offered = {
        "in_channels": parts[0].channels,
        "num_classes": max(part.num_classes for part in parts),
        "seed": settings.seed,
    }
    made_with = dict(settings.made_with or {})
    if offered["num_classes"] > 2:
        made_with.pop("num_classes", None)  # such as the single logit of the network begun with
    elif own.get("num_classes") == 1:
        del offered["num_classes"]  # a single logit tells two classes apart
    if settings.seed is None and own.get("seed") is inspect.Parameter.empty:
        offered["seed"] = 0
    options = {n: value for n, value in offered.items() if n in own and value is not None}
    chosen = {name: getattr(settings, name) for name in OF_NETWORK}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if str(chosen.get("padding")).isdigit():
        chosen["padding"] = int(chosen["padding"])
    return options | made_with | fixed(settings.network) | chosen


def fit_options(settings: Settings, model: Network, train_part: Dataset) -> dict[str, Any]:
    """What `Training` is told, by the names of its arguments."""
    if settings.augment not in AUGMENTS:
        names = ", ".join(AUGMENTS)
        near = did_you_mean(settings.augment, AUGMENTS)
        raise ValueError(f"augment must be one of {names}, got {settings.augment!r}{near}")
    if settings.average not in ("none", *AVERAGES):
        names = ", ".join(("none", *AVERAGES))
        near = did_you_mean(settings.average, AVERAGES)
        raise ValueError(f"average must be one of {names}, got {settings.average!r}{near}")
    crop = settings.crop
    if crop is None:
        crop = window_size(model, train_part, None, settings.window)
    check_step(model, pair(crop, "crop", 1), settings.batch_size, settings.device)
    return {
        "steps": settings.steps,
        "minutes": settings.minutes,
        "patience": settings.patience,
        "batch_size": settings.batch_size,
        "crop": crop,
        "augment": AUGMENTS[settings.augment],
        "weights": None if settings.weights == "none" else settings.weights,
        "schedule": settings.schedule,
        "seed": settings.seed or 0,
    }
