"""Small networks of each kind, which a gradient check can take whole."""

from __future__ import annotations

from collections.abc import Callable

from tinyunet.layers.layer import Layer
from tinyunet.networks.unet import UNet


def small_networks() -> dict[str, tuple[Callable[[], Layer], tuple[int, ...]]]:
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
    }
