"""SegNet (Badrinarayanan, Kendall, Cipolla 2015, arXiv:1511.00561): maxima go back to their places."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.rules import check, one_of, whole
from tinyunet.layers import Conv2d, MaxPool2d, MaxUnpool2d, Upsample
from tinyunet.layers.layer import Layer
from tinyunet.networks.alignment import IMAGE
from tinyunet.networks.listing import ANY, CONVOLUTIONS, SWITCH, Listing
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.vgg_parts import VGG, ConvBlock, blocks_of, widths_of

UNPOOLINGS = ("indices", "bilinear")


class SegNet(Network):
    """VGG16's convolutions down, the same mirrored up, and across only the places of the maxima.

        image ── encoder 0                               decoder 0 ── head ── logits
                     └ pool ═══════ its winners ═══════ unpool ┘
                         └ encoder 1               decoder 1 ┘
                               └ pool ═ winners ═ unpool ┘

    A U-Net's skips carry features; these carry two bits for each pooled value. The defaults are the
    authors' network, which takes any image: 29,449,355 parameters.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    base_channels
        Channels of encoder 0; the others have 2, 4, 8 and 8 times as many.
    widths
        In their place, the channels of each level.
    convolutions
        How many 3x3 convolutions each level has, down and up again. The last one of all is the head.
    batch_norm
        Whether each but the head is followed by one.
    unpool
        ``"indices"``: values go back to where they were the largest, zeros between them.
        ``"bilinear"``: they are enlarged, and nothing goes across; to measure what indices do.
    seed, dtype
        As for `UNet`.

    Notes
    -----
    The authors' batch normalisation has an eps of 1e-9 and starts with a shift of 0.001, and takes its
    statistics from a pass through the training set at the end; this is `BatchNorm2d` as it is.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 11,
        *,
        base_channels: int = 64,
        widths: Sequence[int] | None = None,
        convolutions: Sequence[int] = VGG,
        batch_norm: bool = True,
        unpool: str = "indices",
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        rng = np.random.default_rng(seed)
        widths = widths_of(base_channels, widths, convolutions)
        down, up = blocks_of(in_channels, widths, convolutions), _mirrored(widths, convolutions)
        self.encoder = [ConvBlock(channels, rng, batch_norm=batch_norm) for channels in down]
        self.pools = [MaxPool2d(2, ceil_mode=True) for _ in widths]
        self.unpools = [_unpooling(unpool, pool) for pool in self.pools]
        self.decoder = [ConvBlock(channels, rng, batch_norm=batch_norm) for channels in up]
        self.head = Conv2d(widths[0], num_classes, 3, padding="same", rng=rng)
        self.astype(dtype)

    def forward(self, x: Array) -> Array:
        """Return logits (N, H, W, num_classes) for images (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        sizes = []
        for block, pool in zip(self.encoder, self.pools, strict=True):
            x = block(x)
            sizes.append(x.shape[1:3])
            x = pool(x)
        for level in reversed(range(len(self.decoder))):
            x = self.unpools[level](x, sizes[level])
            x = self.decoder[level](x)
        return self.head(x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """As for `UNet`; the winners are whole numbers, so nothing goes back across."""
        dx = self.head.backward(dy)
        for unpool, block in zip(self.unpools, self.decoder, strict=True):
            dx = block.backward(dx)
            dx = unpool.backward(dx)
        for level in reversed(range(len(self.encoder))):
            dx = self.pools[level].backward(dx)
            dx = self.encoder[level].backward(dx, input_gradient=input_gradient or level > 0)
        return dx

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        rules = {"convolutions": CONVOLUTIONS, "batch_norm": SWITCH, "unpool": one_of(*UNPOOLINGS)}
        check("network.config", config, ANY | rules, complete=True)
        counts = config["convolutions"]
        widths = widths_of(config["base_channels"], config["widths"], counts)
        down, up = blocks_of(config["in_channels"], widths, counts), _mirrored(widths, counts)
        return _listed(config, down, up, 3, 3, config["batch_norm"])

    # ------------------------------------------------------------------ sizes

    pads = True

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """All heights and widths from the first of which the last pooling leaves more than one pixel.

        Smaller ones pass, but one alone cannot be trained on: a single pixel has no variance.
        Without indices it is every 2^levels pixels: of other sides, enlarging stretches the image, so
        that tiles would not fit together.
        """
        step = self.tile_stride
        exact = isinstance(self.unpools[0], MaxUnpool2d)
        side = Sizes(step + 1, 1, 0) if exact else Sizes(2 * step, step, 0)
        return side, side

    @functools.cached_property
    def tile_stride(self) -> int:
        """Pixels between tiles which all meet the poolings at the same places."""
        return 2 ** len(self.pools)

    @functools.cached_property
    def reach(self) -> int:
        """How far around an output pixel the image counts for it."""
        grid = IMAGE
        for block in self.encoder:
            for conv in block.convs:
                grid = grid.windows(conv.geometry.kernel[0])
            grid = grid.windows(2, 2)
        for unpool, block in zip(reversed(self.unpools), reversed(self.decoder), strict=True):
            grid = grid.spread(2 if isinstance(unpool, MaxUnpool2d) else 4, 2)
            for conv in block.convs:
                grid = grid.windows(conv.geometry.kernel[0])
        return math.ceil(grid.windows(self.head.geometry.kernel[0]).radius)


class SegNetBasic(SegNet):
    """Four levels of one wide convolution each; those of the decoder have no ReLU.

    The defaults are the authors' network, 1,416,587 parameters, without its local response
    normalisation of the image.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    base_channels
        Channels of each of four levels.
    widths
        In their place, the channels of each level.
    kernel_size
        Of all convolutions but the head, which is 1x1.
    batch_norm, unpool, seed, dtype
        As for `SegNet`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 11,
        *,
        base_channels: int = 64,
        widths: Sequence[int] | None = None,
        kernel_size: int = 7,
        batch_norm: bool = True,
        unpool: str = "indices",
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        Network.__init__(self)
        self.in_channels, self.num_classes = in_channels, num_classes
        rng, widths = np.random.default_rng(seed), list(widths or [base_channels] * 4)
        options: dict[str, Any] = {"kernel_size": kernel_size, "batch_norm": batch_norm}
        down, up = _basic(in_channels, widths)
        self.encoder = [ConvBlock(channels, rng, **options) for channels in down]
        self.pools = [MaxPool2d(2, ceil_mode=True) for _ in widths]
        self.unpools = [_unpooling(unpool, pool) for pool in self.pools]
        self.decoder = [ConvBlock(channels, rng, relu=False, **options) for channels in up]
        self.head = Conv2d(widths[0], num_classes, 1, rng=rng)
        self.astype(dtype)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        rules = {
            "kernel_size": whole(1, 1000, "a whole number from 1"),
            "batch_norm": SWITCH,
            "unpool": one_of(*UNPOOLINGS),
        }
        check("network.config", config, ANY | rules, complete=True)
        widths = list(config["widths"] or [config["base_channels"]] * 4)
        down, up = _basic(config["in_channels"], widths)
        return _listed(config, down, up, config["kernel_size"], 1, config["batch_norm"])


def _unpooling(how: str, pool: MaxPool2d) -> Layer:
    if how not in UNPOOLINGS:
        raise ValueError(f"unpool must be {' or '.join(map(repr, UNPOOLINGS))}, got {how!r}")
    return MaxUnpool2d(pool) if how == "indices" else Upsample()


def _mirrored(widths: Sequence[int], convolutions: Sequence[int]) -> list[list[int]]:
    """The channels along each level of the decoder: the last convolution has those of the level above.

    On level 0 that one is the head.
    """
    above = [[], *([width] for width in widths)]
    return [[w] * n + above[i] for i, (w, n) in enumerate(zip(widths, convolutions, strict=True))]


def _basic(in_channels: int, widths: Sequence[int]) -> tuple[list[list[int]], list[list[int]]]:
    """The channels along each level, down and up."""
    down = [list(pair) for pair in itertools.pairwise([in_channels, *widths])]
    up = [[before, after] for after, before in itertools.pairwise([widths[0], *widths])]
    return down, up


def _listed(
    config: dict[str, Any],
    down: list[list[int]], up: list[list[int]], kernel: int, head: int, batch_norm: bool,
) -> Outline:  # fmt: skip
    listing = Listing(config["dtype"])
    for name, blocks in (("encoder", down), ("decoder", up)):
        for level, channels in enumerate(blocks):
            listing.block(f"{name}.{level}", channels, kernel, batch_norm)
    listing.conv("head", down[0][-1], config["num_classes"], head)
    return listing.outline()
