"""Small networks of each kind, which a gradient check can take whole."""

from __future__ import annotations

from collections.abc import Callable

from tinyunet.layers import BatchNorm2d
from tinyunet.networks.network import Network
from tinyunet.networks.norm_unet import NormUNet
from tinyunet.networks.paintschainer import PaintsChainer
from tinyunet.networks.patchgan import PatchGAN
from tinyunet.networks.pix2pix import Pix2PixGenerator
from tinyunet.networks.pspnet import SmallPSPNet
from tinyunet.networks.unet import UNet
from tinyunet.networks.unet_plus_plus import UNetPlusPlus


def small_networks() -> dict[str, tuple[Callable[[], Network], tuple[int, ...]]]:
    """Return each network's name, what makes it, and an input's shape (N, H, W, C).

    Height and width differ, so that swapped axes show.
    """
    return {
        "U-Net, valid, depth 2": (lambda: UNet(2, 3, base_channels=3, depth=2), (1, 44, 48, 2)),
        "U-Net, same, depth 3, dropout": (
            lambda: UNet(1, 2, base_channels=3, depth=3, padding="same", dropout=0.3),
            (2, 16, 24, 1),
        ),
        "U-Net, summed skips": (
            lambda: UNet(1, 2, base_channels=3, depth=2, padding="same", skip="sum"),
            (2, 8, 12, 1),
        ),
        "U-Net, no skips": (
            lambda: UNet(1, 2, base_channels=3, depth=2, padding="same", skip="none"),
            (2, 8, 12, 1),
        ),
        "U-Net with batch norm, dropout": (
            lambda: NormUNet(1, 2, base_channels=3, depth=2, padding="same", dropout=0.3),
            (2, 8, 12, 1),
        ),
        "U-Net++, three heads, dropout": (
            lambda: UNetPlusPlus(1, 2, channels=(3, 4, 5, 6), heads=3, dropout=0.3),
            (2, 8, 16, 1),
        ),
        "PSPNet, small": (
            lambda: SmallPSPNet(1, 2, channels=(3, 4, 5), dilations=(1, 2), bins=(1, 3)),
            (2, 5, 9, 1),
        ),
        "pix2pix, dropout": (lambda: Pix2PixGenerator(2, 1, widths=(3, 4, 5)), (2, 8, 16, 2)),
        "PatchGAN": (lambda: PatchGAN(2, base_channels=2, layers=1), (2, 8, 10, 2)),
        "PaintsChainer": (lambda: PaintsChainer(2, 1, widths=(3, 4)), (2, 4, 6, 2)),
    }


def small_input(network: Network) -> tuple[int, int, int, int]:
    """The shape (N, H, W, C) of a small image that a network takes, whose sides differ.

    With batch norm there are two images: one may have a single value a channel, without variance.
    """
    rows, columns = network.sizes
    height, width = rows.first + rows.step, columns.first + 2 * columns.step
    norms = any(isinstance(layer, BatchNorm2d) for _, layer in network.named_layers())
    return 2 if norms else 1, height, width, network.in_channels
