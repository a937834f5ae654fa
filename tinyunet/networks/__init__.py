"""Networks made of layers."""

from tinyunet.networks.unet import DoubleConv, Skip, UNet

__all__ = ["DoubleConv", "Skip", "UNet"]
