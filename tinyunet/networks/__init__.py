"""Networks made of layers, and the contract that they keep."""

from tinyunet.networks.fcn import FCN
from tinyunet.networks.freezing import freeze, unfreeze
from tinyunet.networks.network import Network
from tinyunet.networks.norm_unet import DoubleConvNorm, NormUNet
from tinyunet.networks.outline import Outline
from tinyunet.networks.paintschainer import PaintsChainer
from tinyunet.networks.paintschainer_judge import PaintsChainerDiscriminator
from tinyunet.networks.patchgan import PatchGAN
from tinyunet.networks.pix2pix import Pix2PixGenerator
from tinyunet.networks.plain import as_network
from tinyunet.networks.pspnet import PSPNet, SmallPSPNet
from tinyunet.networks.registry import find_network, registered
from tinyunet.networks.segnet import SegNet, SegNetBasic
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.summary import summarize
from tinyunet.networks.transplant import as_convolution, transplant
from tinyunet.networks.unet import DoubleConv, Skip, UNet
from tinyunet.networks.unet_plus_plus import UNetPlusPlus
from tinyunet.networks.vgg import VGG16
from tinyunet.networks.vgg_parts import ConvBlock

__all__ = [
    "FCN",
    "VGG16",
    "ConvBlock",
    "DoubleConv",
    "DoubleConvNorm",
    "Network",
    "NormUNet",
    "Outline",
    "PSPNet",
    "PaintsChainer",
    "PaintsChainerDiscriminator",
    "PatchGAN",
    "Pix2PixGenerator",
    "SegNet",
    "SegNetBasic",
    "Sizes",
    "Skip",
    "SmallPSPNet",
    "UNet",
    "UNetPlusPlus",
    "as_convolution",
    "as_network",
    "find_network",
    "freeze",
    "registered",
    "summarize",
    "transplant",
    "unfreeze",
]
