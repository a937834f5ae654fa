"""Networks made of layers, and the contract that they keep."""

from tinyunet.networks.network import Network, as_network, find_network, registered
from tinyunet.networks.unet import DoubleConv, Skip, UNet

__all__ = ["DoubleConv", "Network", "Skip", "UNet", "as_network", "find_network", "registered"]
