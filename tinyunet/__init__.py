"""tinyunet: a U-Net built by hand. ``import tinyunet as tu``."""

import importlib
from typing import TYPE_CHECKING

from tinyunet.arrays import array_module, gpu_available, to_cpu, to_gpu
from tinyunet.checkpoint import Checkpoint, load, save
from tinyunet.gradcheck import (
    GradientReport,
    check_adjoint,
    check_function,
    check_gradients,
    check_object,
)
from tinyunet.history import History
from tinyunet.layer import Layer, held_decisions
from tinyunet.layers import (
    Add,
    CenterCrop,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    MaxPool2d,
    MaxUnpool2d,
    ReLU,
    Sequential,
)
from tinyunet.loss import DiceLoss, SoftmaxCrossEntropy
from tinyunet.optim import SGD, Adam
from tinyunet.torch_layout import to_torch_layout
from tinyunet.unet import UNet

if TYPE_CHECKING:  # what editors read in the place of `__getattr__` below
    from tinyunet import data, metrics, plots
    from tinyunet.data import separate, weight_map
    from tinyunet.evaluation import evaluate
    from tinyunet.inference import predict_image
    from tinyunet.labelling import instances
    from tinyunet.training import fit

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "Add",
    "CenterCrop",
    "Checkpoint",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "DiceLoss",
    "Dropout",
    "GradientReport",
    "History",
    "Layer",
    "MaxPool2d",
    "MaxUnpool2d",
    "ReLU",
    "Sequential",
    "SoftmaxCrossEntropy",
    "UNet",
    "array_module",
    "check_adjoint",
    "check_function",
    "check_gradients",
    "check_object",
    "data",
    "evaluate",
    "fit",
    "gpu_available",
    "held_decisions",
    "instances",
    "load",
    "metrics",
    "plots",
    "predict_image",
    "save",
    "separate",
    "to_cpu",
    "to_gpu",
    "to_torch_layout",
    "weight_map",
]

# The modules that need SciPy or matplotlib, and what we have from each. Both are slow to load, and
# layers and gradient checks do without them: such a module is imported when its name is first used.
_LATER = {
    "data": ("separate", "weight_map"),
    "evaluation": ("evaluate",),
    "inference": ("predict_image",),
    "labelling": ("instances",),
    "metrics": (),
    "plots": (),
    "training": ("fit",),
}


def __getattr__(name: str) -> object:
    """Import what `_LATER` names; Python asks here for a name that it doesn't find above."""
    for module, names in _LATER.items():
        if name == module or name in names:
            found = importlib.import_module(f"tinyunet.{module}")
            return found if name == module else getattr(found, name)
    raise AttributeError(f"module 'tinyunet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
