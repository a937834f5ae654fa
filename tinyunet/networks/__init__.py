"""Networks made of layers, and the contract that they keep."""

from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.plain import as_network
from tinyunet.networks.registry import find_network, registered
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.summary import summarize
from tinyunet.networks.unet import DoubleConv, Skip, UNet

__all__ = [
    "DoubleConv",
    "Network",
    "Outline",
    "Sizes",
    "Skip",
    "UNet",
    "as_network",
    "find_network",
    "registered",
    "summarize",
]
