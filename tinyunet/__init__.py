"""tinyunet: a U-Net built by hand. ``import tinyunet as tu``."""

import importlib
from typing import TYPE_CHECKING

from tinyunet import networks
from tinyunet.engine.arrays import array_module, gpu_available, to_cpu, to_gpu
from tinyunet.engine.mpi import workers
from tinyunet.engine.threads import num_threads, one_blas_thread
from tinyunet.engine.workers import joined, sharing, together
from tinyunet.exchange.torch_layout import to_torch_layout
from tinyunet.gradcheck import (
    GradientReport,
    check_adjoint,
    check_function,
    check_gradients,
    check_object,
)
from tinyunet.layers import (
    AdaptiveAvgPool2d,
    Add,
    BatchNorm2d,
    BilinearConvTranspose2d,
    CenterCrop,
    Concat,
    Conv2d,
    ConvTranspose2d,
    CropAt,
    Dropout,
    Dropout2d,
    InstanceNorm2d,
    LeakyReLU,
    MaxPool2d,
    MaxUnpool2d,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Tanh,
    Upsample,
    fold,
)
from tinyunet.layers.decisions import held_decisions
from tinyunet.layers.layer import Layer
from tinyunet.learning.checkpoint import Checkpoint, load, save
from tinyunet.learning.history import History
from tinyunet.learning.optim import SGD, Adam
from tinyunet.losses import (
    BCEDiceLoss,
    BCEWithLogitsLoss,
    DeepSupervision,
    DiceLoss,
    GANLoss,
    L1Loss,
    LeastSquaresGANLoss,
    SoftmaxCrossEntropy,
    SoftmaxGANLoss,
    median_frequency,
    pixel_weights,
)
from tinyunet.networks import Network, UNet, freeze, unfreeze
from tinyunet.version import __version__ as __version__

if TYPE_CHECKING:  # what editors read in the place of `__getattr__` below
    from tinyunet import data, metrics, plots, segmentation
    from tinyunet.data import separate, weight_map
    from tinyunet.exchange.onnx_file import export_onnx
    from tinyunet.exchange.torch_weights import load_torch, save_torch
    from tinyunet.exchange.web_page import export_web
    from tinyunet.inside.page import explore
    from tinyunet.learning.adversarial import adversarial_step
    from tinyunet.learning.film import Film
    from tinyunet.learning.fit import fit
    from tinyunet.learning.painting import fit_painter
    from tinyunet.learning.schedule import rate_factor
    from tinyunet.learning.step import training_step
    from tinyunet.learning.training import Training
    from tinyunet.segmentation import evaluate, instances, predict_image

__all__ = [
    "SGD",
    "Adam",
    "AdaptiveAvgPool2d",
    "Add",
    "BCEDiceLoss",
    "BCEWithLogitsLoss",
    "BatchNorm2d",
    "BilinearConvTranspose2d",
    "CenterCrop",
    "Checkpoint",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "CropAt",
    "DeepSupervision",
    "DiceLoss",
    "Dropout",
    "Dropout2d",
    "Film",
    "GANLoss",
    "GradientReport",
    "History",
    "InstanceNorm2d",
    "L1Loss",
    "Layer",
    "LeakyReLU",
    "LeastSquaresGANLoss",
    "MaxPool2d",
    "MaxUnpool2d",
    "Network",
    "ReLU",
    "Scale",
    "Sequential",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "SoftmaxGANLoss",
    "Tanh",
    "Training",
    "UNet",
    "Upsample",
    "adversarial_step",
    "array_module",
    "check_adjoint",
    "check_function",
    "check_gradients",
    "check_object",
    "data",
    "evaluate",
    "explore",
    "export_onnx",
    "export_web",
    "fit",
    "fit_painter",
    "fold",
    "freeze",
    "gpu_available",
    "held_decisions",
    "instances",
    "joined",
    "load",
    "load_torch",
    "median_frequency",
    "metrics",
    "networks",
    "num_threads",
    "one_blas_thread",
    "pixel_weights",
    "plots",
    "predict_image",
    "rate_factor",
    "save",
    "save_torch",
    "segmentation",
    "separate",
    "sharing",
    "to_cpu",
    "to_gpu",
    "to_torch_layout",
    "together",
    "training_step",
    "unfreeze",
    "weight_map",
    "workers",
]

# What needs SciPy or matplotlib, and where it is. Both are slow to load, and layers and gradient checks
# do without them: such a name is imported when it is first used.
_LATER = {
    "Film": "tinyunet.learning.film",
    "adversarial_step": "tinyunet.learning.adversarial",
    "data": "tinyunet.data",
    "evaluate": "tinyunet.segmentation",
    "export_onnx": "tinyunet.exchange.onnx_file",
    "export_web": "tinyunet.exchange.web_page",
    "explore": "tinyunet.inside.page",
    "Training": "tinyunet.learning.training",
    "fit": "tinyunet.learning.fit",
    "fit_painter": "tinyunet.learning.painting",
    "instances": "tinyunet.segmentation",
    "load_torch": "tinyunet.exchange.torch_weights",
    "metrics": "tinyunet.metrics",
    "plots": "tinyunet.plots",
    "predict_image": "tinyunet.segmentation",
    "rate_factor": "tinyunet.learning.schedule",
    "save_torch": "tinyunet.exchange.torch_weights",
    "segmentation": "tinyunet.segmentation",
    "separate": "tinyunet.data",
    "training_step": "tinyunet.learning.step",
    "weight_map": "tinyunet.data",
}


def __getattr__(name: str) -> object:
    """Import what `_LATER` names; Python asks here for a name that it doesn't find above."""
    if name not in _LATER:
        raise AttributeError(f"module 'tinyunet' has no attribute {name!r}")
    home = importlib.import_module(_LATER[name])
    return home if home.__name__ == f"tinyunet.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
