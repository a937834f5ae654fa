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
    "pix2pix": ("Pix2PixGenerator", {}),
    "patchgan": ("PatchGAN", {}),
    "paintschainer": ("PaintsChainer", {}),
    "paintschainer-judge": ("PaintsChainerDiscriminator", {}),
}

# What `train` and `paint` make of a class for a laptop; a constructor's defaults are the authors'.
QUICK: dict[str, dict[str, Any]] = {
    "NormUNet": {"base_channels": 8, "depth": 3, "padding": "same"},
    "FCN": {"base_channels": 8, "padding": "same", "batch_norm": True, "dropout": 0.0},
    "SegNet": {"base_channels": 8},
    "SegNetBasic": {"base_channels": 8},
    "UNetPlusPlus": {"base_channels": 8, "batch_norm": True, "dropout": 0.0},
    "PSPNet": {"base_channels": 8, "blocks": [1, 1, 1, 1], "dropout": 0.0},
    "Pix2PixGenerator": {"widths": [24, 48, 64, 64], "drops": 2},
    "PatchGAN": {"base_channels": 24, "layers": 1},
    "PaintsChainer": {"widths": [12, 24, 32, 48]},
    "PaintsChainerDiscriminator": {"widths": [12, 24, 32, 48]},
}

# What `gradcheck` makes of one, so that thousands of forward passes take seconds.
CHECKED: dict[str, dict[str, Any]] = {
    "NormUNet": {"base_channels": 2, "depth": 2, "padding": "same"},
    "FCN": {"base_channels": 2, "head": [(6, 3), (5, 1)], "padding": "same"},
    "VGG16": {"base_channels": 2, "head": [(6, 2), (5, 1)]},
    "SegNet": {"widths": [2, 3, 4], "convolutions": [1, 2, 1]},
    "SegNetBasic": {"base_channels": 2},
    "UNetPlusPlus": {"base_channels": 2, "heads": 4},
    "PSPNet": {"base_channels": 2, "blocks": [1, 1, 1, 1], "auxiliary": True},
    "Pix2PixGenerator": {"widths": [3, 4, 5]},
    "PatchGAN": {"base_channels": 2, "layers": 2},
    "PaintsChainer": {"widths": [3, 4, 5]},
    "PaintsChainerDiscriminator": {"widths": [3, 4], "size": 16},
}


def meaning(name: str) -> tuple[str, dict[str, Any]]:
    """Return the class and the arguments that a name stands for: a class's own stands for no more."""
    return ALIASES.get(name, (name, {}))
