"""Small networks of each kind, which a gradient check can take whole."""

from __future__ import annotations

from collections.abc import Callable

from tinyunet.networks.network import Network
from tinyunet.networks.unet import UNet


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
    }


def small_input(network: Network) -> tuple[int, int, int, int]:
    """The shape (1, H, W, C) of a small image that a network takes, whose sides differ."""
    rows, columns = network.sizes
    height, width = rows.first + rows.step, columns.first + 2 * columns.step
    return 1, height, width, network.in_channels
