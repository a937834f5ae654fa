"""The layers, one idea a file, forward beside backward."""

from tinyunet.layers.activation import ReLU
from tinyunet.layers.conv import Conv2d
from tinyunet.layers.dropout import Dropout
from tinyunet.layers.join import Add, CenterCrop, Concat
from tinyunet.layers.pool import MaxPool2d, MaxUnpool2d
from tinyunet.layers.sequential import Sequential
from tinyunet.layers.upconv import ConvTranspose2d

__all__ = [
    "Add",
    "CenterCrop",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "MaxPool2d",
    "MaxUnpool2d",
    "ReLU",
    "Sequential",
]
