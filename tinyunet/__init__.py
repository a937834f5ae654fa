"""tinyunet: a U-Net built by hand. ``import tinyunet as tu``."""

from tinyunet import data, metrics, plots
from tinyunet.arrays import array_module, gpu_available, to_cpu, to_gpu
from tinyunet.checkpoint import Checkpoint, load, save
from tinyunet.data import separate, weight_map
from tinyunet.evaluation import evaluate
from tinyunet.gradcheck import (
    GradientReport,
    check_adjoint,
    check_function,
    check_gradients,
    check_object,
)
from tinyunet.history import History
from tinyunet.inference import predict_image
from tinyunet.labelling import instances
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
from tinyunet.training import fit
from tinyunet.unet import UNet

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
