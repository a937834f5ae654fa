"""What VGG16 is made of, and FCN and SegNet with it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.layers import BatchNorm2d, Conv2d, Dropout, ReLU, Sequential
from tinyunet.layers.layer import Layer
from tinyunet.networks.listing import Listing

VGG = (2, 2, 3, 3, 3)  # 3x3 convolutions of each block
Head = list[tuple[int, int]]


class ConvBlock(Layer):
    """Convolutions one after the other, each with batch normalisation if asked for, and a ReLU.

    Parameters
    ----------
    channels
        Of the input, and of what each convolution makes.
    rng
        Draws the weights.
    kernel_size
        Of all of them; an odd number.
    padding
        Of the first one; the others keep the size.
    batch_norm, relu
        Whether each is followed by one.
    """

    def __init__(
        self,
        channels: Sequence[int],
        rng: np.random.Generator,
        *,
        kernel_size: int = 3,
        padding: int | str = "same",
        batch_norm: bool = False,
        relu: bool = True,
    ) -> None:
        super().__init__()
        fused = "relu" if relu and not batch_norm else None
        self.convs, self.norms, self.relus = [], [], []
        for i, (ins, outs) in enumerate(itertools.pairwise(channels)):
            pad = "same" if i else padding
            self.convs.append(
                Conv2d(ins, outs, kernel_size, padding=pad, activation=fused, rng=rng)
            )
            self.norms += [BatchNorm2d(outs)] if batch_norm else []
            self.relus += [ReLU()] if relu and batch_norm else []

    def forward(self, x: Array) -> Array:
        """Return (N, H', W', channels[-1])."""
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = self.norms[i](x) if self.norms else x
            x = self.relus[i](x) if self.relus else x
        return x

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, channels[0])."""
        dx = dy
        for i, conv in reversed(list(enumerate(self.convs))):
            dx = self.relus[i].backward(dx) if self.relus else dx
            dx = self.norms[i].backward(dx) if self.norms else dx
            dx = conv.backward(dx, input_gradient=input_gradient or i > 0)
        return dx


def widths_of(
    base_channels: int, widths: Sequence[int] | None, convolutions: Sequence[int]
) -> list[int]:
    """Return the channels of each block: those given, or 1, 2, 4, 8 and 8 times the base."""
    found = list(widths or (base_channels * factor for factor in (1, 2, 4, 8, 8)))
    if len(found) != len(convolutions):
        raise ValueError(
            "there must be one width and one number of convolutions for each block, got "
            f"widths={found} and convolutions={list(convolutions)}"
        )
    return found


def blocks_of(ins: int, widths: Sequence[int], convolutions: Sequence[int]) -> list[list[int]]:
    """Return the channels that go into each block of the encoder and come out of each convolution."""
    before = [ins, *widths]
    return [[before[i], *[widths[i]] * count] for i, count in enumerate(convolutions)]


def head_of(base_channels: int, head: Sequence[tuple[int, int]] | None) -> Head:
    """Return (channels, kernel size) of the layers that once were fully connected."""
    wide = 64 * base_channels
    return [(channels, kernel) for channels, kernel in head or ((wide, 7), (wide, 1))]


def fully_connected(
    ins: int,
    head: Head,
    padding: int | str,
    batch_norm: bool,
    dropout: float,
    rng: np.random.Generator,
) -> Sequential:
    """Return the layers that once were fully connected, each with a ReLU and dropout after it."""
    parts: list[Layer] = []
    for width, kernel in head:
        options: dict[str, Any] = {"padding": padding, "batch_norm": batch_norm}
        parts.append(ConvBlock([ins, width], rng, kernel_size=kernel, **options))
        parts.append(Dropout(dropout, rng.spawn(1)[0]))
        ins = width
    return Sequential(*parts)


def list_vgg(listing: Listing, config: dict[str, Any]) -> list[int]:
    """List a VGG's arrays, from its encoder to its scores; return its widths."""
    base, counts, norm = (config[key] for key in ("base_channels", "convolutions", "batch_norm"))
    widths = widths_of(base, config["widths"], counts)
    for level, channels in enumerate(blocks_of(config["in_channels"], widths, counts)):
        listing.block(f"encoder.{level}", channels, 3, norm)
    ins = widths[-1]
    for i, (width, kernel) in enumerate(head_of(base, config["head"])):
        listing.block(f"head.{2 * i}", [ins, width], kernel, norm)
        listing.generators.append(f"head.{2 * i + 1}.rng")
        ins = width
    listing.conv("score", ins, config["num_classes"], 1)
    return widths
