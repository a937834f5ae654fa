"""VGG16 (Simonyan, Zisserman 2014, arXiv:1409.1556): the encoder of FCN and of SegNet."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.rules import check
from tinyunet.layers import Conv2d, MaxPool2d
from tinyunet.networks.listing import ANY, CONVOLUTIONS, DROPOUT, HEAD, SWITCH, Listing
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.vgg_parts import (
    VGG,
    ConvBlock,
    blocks_of,
    fully_connected,
    head_of,
    list_vgg,
    widths_of,
)


class VGG16(Network):
    """Five blocks of convolutions and poolings, then three fully connected layers as convolutions.

        image ── block 1 ─ pool ── block 2 ─ pool ── ... ── block 5 ─ pool ── fc6 ── fc7 ── score

    On a 224x224 image it gives one vector of logits, on a larger one a map of them, one for every 32
    pixels: what the fully connected layers say to each window of 224. It labels no pixels; `FCN` does.
    The defaults are the paper's configuration D: 138,357,544 parameters.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    base_channels
        Channels of block 1; the others have 2, 4, 8 and 8 times as many, fc6 and fc7 64 times.
    widths
        In their place, the channels of each block.
    convolutions
        How many 3x3 convolutions each block has; VGG19 has (2, 2, 4, 4, 4).
    head
        (channels, kernel size) of fc6 and fc7, or of other layers.
    batch_norm
        Whether each convolution but the last is followed by one.
    dropout
        The probability for the dropout after fc6 and fc7.
    seed, dtype
        As for `UNet`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1000,
        *,
        base_channels: int = 64,
        widths: Sequence[int] | None = None,
        convolutions: Sequence[int] = VGG,
        head: Sequence[tuple[int, int]] | None = None,
        batch_norm: bool = False,
        dropout: float = 0.5,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        rng, layers = np.random.default_rng(seed), head_of(base_channels, head)
        widths = widths_of(base_channels, widths, convolutions)
        self.encoder = [
            ConvBlock(channels, rng, batch_norm=batch_norm)
            for channels in blocks_of(in_channels, widths, convolutions)
        ]
        self.pools = [MaxPool2d(2) for _ in widths]
        self.head = fully_connected(widths[-1], layers, 0, batch_norm, dropout, rng)
        self.score = Conv2d(layers[-1][0], num_classes, 1, rng=rng)
        self._smallest = 1 + sum(kernel - 1 for _, kernel in layers)  # the side that the head reads
        self.astype(dtype)

    def forward(self, x: Array) -> Array:
        """Return logits (N, H', W', num_classes) for images (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        self.output_size(*x.shape[1:3])
        for block, pool in zip(self.encoder, self.pools, strict=True):
            x = pool(block(x))
        return self.score(self.head(x))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits) and return dL/d(images)."""
        dx = self.head.backward(self.score.backward(dy))
        for level in reversed(range(len(self.pools))):
            dx = self.pools[level].backward(dx)
            dx = self.encoder[level].backward(dx, input_gradient=input_gradient or level > 0)
        return dx

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        rules = {
            "convolutions": CONVOLUTIONS,
            "head": HEAD,
            "batch_norm": SWITCH,
            "dropout": DROPOUT,
        }
        check("network.config", config, ANY | rules, complete=True)
        listing = Listing(config["dtype"])
        list_vgg(listing, config)
        return listing.outline()

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes, a pooled pixel apart; the first gives one pixel."""
        step = 2 ** len(self.pools)
        side = Sizes(self._smallest * step, step, self._smallest * step - 1)
        return side, side

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the logits for an image of a valid size."""
        super().output_size(height, width)  # raises with the nearest valid sizes
        rows, columns = ((side // 2 ** len(self.pools)) for side in (height, width))
        return rows - self._smallest + 1, columns - self._smallest + 1

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest image that it takes; it has no logits for each pixel of a larger one."""
        return super().input_size(1, 1) if height == width == 1 else (self.tile_stride,) * 2

    @property
    def tile_stride(self) -> int:
        """It has none."""
        raise ValueError(
            f"{self} gives one vector of logits for a window, not one a pixel: see FCN"
        )
