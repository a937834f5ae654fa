"""The U-Net's relatives at the size of a lesson: what one training step of each is measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinyunet.losses import BCEDiceLoss, DeepSupervision, SoftmaxCrossEntropy
from tinyunet.losses.loss import Loss
from tinyunet.networks import FCN, SegNet, SmallPSPNet, UNetPlusPlus
from tinyunet.networks.network import Network


class Relative(NamedTuple):
    """A network, its loss, and the shape (N, H, W, C) of a batch."""

    make: Callable[[], Network]
    loss: Callable[[], Loss]
    shape: tuple[int, int, int, int]


def fcn8s() -> FCN:
    """FCN-8s for streets."""
    return FCN(
        3, 6, stride=8, widths=(12, 20, 32, 44, 56), convolutions=(2,) * 5, head=((48, 3),),
        padding="same", batch_norm=True, dropout=0,
    )  # fmt: skip


def segnet() -> SegNet:
    """SegNet for streets."""
    return SegNet(3, 6, widths=(12, 24, 36, 48), convolutions=(2,) * 4)


def unet_plus_plus() -> UNetPlusPlus:
    """U-Net++ with four heads for outlines."""
    return UNetPlusPlus(heads=4, channels=(8, 12, 20, 32, 48), dropout=0, batch_norm=True)


def pspnet() -> SmallPSPNet:
    """The pyramid for cues."""
    return SmallPSPNet(1, 3)


def dilated() -> SmallPSPNet:
    """Dilation in the pyramid's place."""
    return SmallPSPNet(1, 3, bins=(), dilations=(2, 4, 8))


def four_heads() -> Loss:
    """The mean loss of U-Net++'s heads."""
    return DeepSupervision(BCEDiceLoss(), [1 / 4] * 4)


STREETS, CUES = (4, 64, 64, 3), (8, 65, 65, 1)
RELATIVES = {
    "fcn8s": Relative(fcn8s, SoftmaxCrossEntropy, STREETS),
    "segnet": Relative(segnet, SoftmaxCrossEntropy, STREETS),
    "unet++": Relative(unet_plus_plus, four_heads, (4, 64, 64, 1)),
    "pspnet": Relative(pspnet, SoftmaxCrossEntropy, CUES),
    "dilated": Relative(dilated, SoftmaxCrossEntropy, CUES),
}
