"""Networks made of layers, and the contract that they keep."""

from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.plain import as_network
from tinyunet.networks.pspnet import PSPNet, SmallPSPNet
from tinyunet.networks.registry import find_network, registered
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.summary import summarize
from tinyunet.networks.unet import DoubleConv, Skip, UNet
from tinyunet.networks.unet_plus_plus import UNetPlusPlus

__all__ = [
    "DoubleConv",
    "Network",
    "Outline",
    "PSPNet",
    "Sizes",
    "Skip",
    "SmallPSPNet",
    "UNet",
    "UNetPlusPlus",
    "as_network",
    "find_network",
    "registered",
    "summarize",
]
