"""The layers, one idea a file, forward beside backward."""

from tinyunet.layers.activation import ReLU
from tinyunet.layers.average import AdaptiveAvgPool2d
from tinyunet.layers.bilinear import BilinearConvTranspose2d
from tinyunet.layers.conv import Conv2d
from tinyunet.layers.crop import CropAt
from tinyunet.layers.dropout import Dropout
from tinyunet.layers.dropout2d import Dropout2d
from tinyunet.layers.folding import fold
from tinyunet.layers.instance_norm import InstanceNorm2d
from tinyunet.layers.join import Add, CenterCrop, Concat
from tinyunet.layers.leaky import LeakyReLU
from tinyunet.layers.norm import BatchNorm2d
from tinyunet.layers.pool import MaxPool2d
from tinyunet.layers.resize import Upsample
from tinyunet.layers.scale import Scale
from tinyunet.layers.sequential import Sequential
from tinyunet.layers.sigmoid import Sigmoid
from tinyunet.layers.tanh import Tanh
from tinyunet.layers.unpool import MaxUnpool2d
from tinyunet.layers.upconv import ConvTranspose2d

__all__ = [
    "AdaptiveAvgPool2d",
    "Add",
    "BatchNorm2d",
    "BilinearConvTranspose2d",
    "CenterCrop",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "CropAt",
    "Dropout",
    "Dropout2d",
    "InstanceNorm2d",
    "LeakyReLU",
    "MaxPool2d",
    "MaxUnpool2d",
    "ReLU",
    "Scale",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "Upsample",
    "fold",
]
