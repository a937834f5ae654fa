"""What networks are called on the command line, beside the names of their classes."""

from __future__ import annotations

from typing import Any

# The name of the class, and the arguments that the name stands for.
ALIASES: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn32s": ("FCN", {"stride": 32}),
    "fcn16s": ("FCN", {"stride": 16}),
    "fcn8s": ("FCN", {"stride": 8}),
    "vgg16": ("VGG16", {}),
    "segnet": ("SegNet", {}),
    "segnet-basic": ("SegNetBasic", {}),
    "unet++": ("UNetPlusPlus", {}),
    "pspnet": ("PSPNet", {}),
}

# What `train` makes of a class for a laptop; the defaults of a constructor are the authors' size.
QUICK: dict[str, dict[str, Any]] = {
    "FCN": {"base_channels": 8, "padding": "same", "batch_norm": True, "dropout": 0.0},
    "SegNet": {"base_channels": 8},
    "SegNetBasic": {"base_channels": 8},
    "UNetPlusPlus": {"base_channels": 8, "batch_norm": True, "dropout": 0.0},
    "PSPNet": {"base_channels": 8, "blocks": [1, 1, 1, 1], "dropout": 0.0},
}

# What `gradcheck` makes of one, so that thousands of forward passes take seconds.
CHECKED: dict[str, dict[str, Any]] = {
    "FCN": {"base_channels": 2, "head": [(6, 3), (5, 1)], "padding": "same"},
    "VGG16": {"base_channels": 2, "head": [(6, 2), (5, 1)]},
    "SegNet": {"widths": [2, 3, 4], "convolutions": [1, 2, 1]},
    "SegNetBasic": {"base_channels": 2},
    "UNetPlusPlus": {"base_channels": 2, "heads": 4},
    "PSPNet": {"base_channels": 2, "blocks": [1, 1, 1, 1], "auxiliary": True},
}


def meaning(name: str) -> tuple[str, dict[str, Any]]:
    """Return the class and the arguments that a name stands for: a class's own stands for no more."""
    return ALIASES.get(name, (name, {}))
