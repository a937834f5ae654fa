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
