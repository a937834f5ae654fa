"""tinyunet: a U-Net built by hand. ``import tinyunet as tu``."""

from tinyunet.arrays import array_module, gpu_available, to_cpu, to_gpu
from tinyunet.gradcheck import (
    GradientReport,
    check_adjoint,
    check_function,
    check_gradients,
)
from tinyunet.layer import Layer, Sequential, held_decisions
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
)
from tinyunet.loss import DiceLoss, SoftmaxCrossEntropy
from tinyunet.optim import SGD, Adam
from tinyunet.unet import UNet

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "Add",
    "CenterCrop",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "DiceLoss",
    "Dropout",
    "GradientReport",
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
    "gpu_available",
    "held_decisions",
    "to_cpu",
    "to_gpu",
]
