"""FCN (Long, Shelhamer, Darrell 2015, arXiv:1411.4038): coarse scores, enlarged and added up."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.engine.rules import Rule, check, whole
from tinyunet.layers import Add, BilinearConvTranspose2d, Conv2d, CropAt, MaxPool2d, Scale
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer
from tinyunet.networks.alignment import crops, grids, skips
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

RULES: dict[str, Rule] = {
    **ANY,
    "stride": whole(2, 2**30, "a power of 2"),
    "convolutions": CONVOLUTIONS,
    "head": HEAD,
    "padding": (
        lambda value: value == "same" or (type(value) is int and 1 <= value <= 10_000),
        "a whole number from 1 or 'same'",
    ),
    "batch_norm": SWITCH,
    "dropout": DROPOUT,
    "at_once": SWITCH,
}


class FCN(Network):
    """VGG16 with scores for every 32 pixels, which finer scores of pooled features refine.

        image ── blocks and poolings 1 ... 3 ── 4 ── 5 ── fc6 ── fc7 ── score
                                          │     │                         │ up
                                          │     └── score ─── crop ────── + ·········· 16s
                                          │                               │ up
                                          └──────── score ─── crop ────── + ·········· 8s
                                                                          └ up ── crop ── logits

    The sums end at the stride asked for. Enlarging is bilinear and fixed. Where maps are cut follows
    from where their pixels lie: see `crops`. The defaults are the authors' network, which takes any
    image: 136,152,917, 134,815,994 and 134,489,759 parameters with strides 32, 16 and 8.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    stride
        Pixels from score to score before the last enlargement: a power of 2, at most that of all
        poolings. (The authors stop at 8.)
    base_channels
        Channels of block 1; the others have 2, 4, 8 and 8 times as many, fc6 and fc7 64 times.
    widths
        In their place, the channels of each block.
    convolutions
        How many 3x3 convolutions each block has.
    head
        (channels, kernel size) of fc6 and fc7, or of other layers. With padding, any odd kernel.
    padding
        Zeros around the image in the first convolution; the head has none. The authors' 100 let it
        take small images. ``"same"``: every convolution keeps the size, the head's too.
    batch_norm
        Whether each convolution but the scores is followed by one; the authors had none yet.
    dropout
        The probability for the dropout after fc6 and fc7.
    at_once
        Whether pooled features are multiplied by 0.01, and 0.0001, before their scores, as in the
        network that the authors trained at once instead of one stride after the other.
    seed, dtype
        As for `UNet`. Scores of pooled features start at 0: FCN-16s, with the weights of FCN-32s,
        begins by computing nearly the same. (The authors' others do, too.)
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        *,
        stride: int = 32,
        base_channels: int = 64,
        widths: Sequence[int] | None = None,
        convolutions: Sequence[int] = VGG,
        head: Sequence[tuple[int, int]] | None = None,
        padding: int | str = 100,
        batch_norm: bool = False,
        dropout: float = 0.5,
        at_once: bool = False,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        rng, layers = np.random.default_rng(seed), head_of(base_channels, head)
        widths = widths_of(base_channels, widths, convolutions)
        fuses = skips(stride, len(widths))
        self.kernels = [kernel for _, kernel in layers]
        self.crops = crops(convolutions, self.kernels, padding, stride)
        self.stride, self.padding, self.batch_norm = stride, padding, batch_norm

        self.encoder = [
            ConvBlock(channels, rng, batch_norm=batch_norm, padding="same" if i else padding)
            for i, channels in enumerate(blocks_of(in_channels, widths, convolutions))
        ]
        self.pools = [MaxPool2d(2, ceil_mode=True) for _ in widths]
        pad = "same" if padding == "same" else 0
        self.head = fully_connected(widths[-1], layers, pad, batch_norm, dropout, rng)
        self.score = Conv2d(layers[-1][0], num_classes, 1, rng=rng)
        self.ups = [BilinearConvTranspose2d(num_classes, 4, stride=2) for _ in fuses]
        self.skips = [
            SkipScore(widths[level], num_classes, crop, 100.0**-i if at_once else 1.0)
            for i, (level, crop) in enumerate(zip(fuses, self.crops, strict=False), start=1)
        ]
        self.up = BilinearConvTranspose2d(num_classes, 2 * stride, stride=stride)
        self.crop = CropAt(self.crops[-1])
        self.astype(dtype)

    def forward(self, x: Array) -> Array:
        """Return logits (N, H, W, num_classes) for images (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        size, pooled = x.shape[1:3], []
        for block, pool in zip(self.encoder, self.pools, strict=True):
            x = pool(block(x))
            pooled.append(x)  # a fork: x goes to its scores, and down
        x = self.score(self.head(x))
        for i, (up, skip) in enumerate(zip(self.ups, self.skips, strict=True)):
            x = skip(up(x), pooled[-2 - i])
        return self.crop(self.up(x), size)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits) and return dL/d(images)."""
        dx, dpooled = self.up.backward(self.crop.backward(dy)), []
        for up, skip in reversed(list(zip(self.ups, self.skips, strict=True))):
            dx, dskip = skip.backward(dx)
            dpooled.append(dskip)
            dx = up.backward(dx)
        dx = self.head.backward(self.score.backward(dx))
        for level in reversed(range(len(self.pools))):
            if dpooled and level < len(self.pools) - 1:
                add(dx, dpooled.pop())  # where forward forked, the gradients add
            dx = self.pools[level].backward(dx)
            dx = self.encoder[level].backward(dx, input_gradient=input_gradient or level > 0)
        return dx

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        check("network.config", config, RULES, complete=True)
        stride, classes = config["stride"], config["num_classes"]
        listing = Listing(config["dtype"])
        widths = list_vgg(listing, config)
        fuses = skips(stride, len(widths))
        for i in range(len(fuses)):
            listing.bilinear(f"ups.{i}", classes, 4)
        for i, level in enumerate(fuses):
            listing.conv(f"skips.{i}.score", widths[level], classes, 1)
        listing.bilinear("up", classes, 2 * stride)
        return listing.outline()

    # ------------------------------------------------------------------ sizes

    pads = True

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """All heights and widths from the first one which leaves the head enough.

        With batch normalisation that is two pixels, for one has no variance.
        """
        pads = 0 if self.padding == "same" else 2 * int(self.padding) - 2
        eats = 0 if self.padding == "same" else sum(kernel - 1 for kernel in self.kernels)
        least, step = eats + (2 if self.batch_norm else 1), 2 ** len(self.pools)
        side = Sizes(max(1, (least - 1) * step + 1 - pads), 1, 0)
        return side, side

    @functools.cached_property
    def tile_stride(self) -> int:
        """Pixels between tiles which all meet the poolings at the same places."""
        return 2 ** len(self.pools)

    @functools.cached_property
    def reach(self) -> int:
        """How far around an output pixel the image counts for it."""
        counts = [len(block.convs) for block in self.encoder]
        last = grids(counts, self.kernels, self.padding, self.stride)[-1]
        return math.ceil(last.radius)


class SkipScore(Layer):
    """Score pooled features, cut them and the enlarged coarser scores to what both cover, and add.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the features and of the scores.
    begin
        Where the enlarged scores begin in the pooled map; negative: where that begins in them.
    factor
        What features are multiplied by first.
    """

    def __init__(self, in_channels: int, num_classes: int, begin: int, factor: float) -> None:
        super().__init__()
        self.scale = Scale(factor)
        self.score = Conv2d(in_channels, num_classes, 1)
        self.score.params["weight"][...] = 0
        self.crop_skip, self.crop_up = CropAt(max(0, begin)), CropAt(max(0, -begin))
        self.add: Layer = Add()

    def forward(self, x: Array, pooled: Array) -> Array:
        """Return the sum (N, h, w, num_classes) for enlarged scores x and pooled features."""
        scores = self.score(self.scale(pooled))
        within = [
            tuple(side - cut for side, cut in zip(y.shape[1:3], crop.offset, strict=True))
            for y, crop in ((x, self.crop_up), (scores, self.crop_skip))
        ]
        height, width = map(min, *within)
        size = height, width
        return self.add(self.crop_up(x, size), self.crop_skip(scores, size))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> tuple[MaybeArray, MaybeArray]:
        """Return the gradients of the enlarged scores and of the pooled features."""
        dx, dscores = self.add.backward(dy)
        dpooled = self.scale.backward(self.score.backward(self.crop_skip.backward(dscores)))
        return self.crop_up.backward(dx), dpooled

    def write_nodes(self, graph: Graph, x: str, pooled: str) -> str:
        """Add what the parts say, with the size worked out as in `forward`."""
        scores = self.score.write_nodes(graph, self.scale.write_nodes(graph, pooled))
        parts = (x, self.crop_up), (scores, self.crop_skip)
        ends = [(graph.size(y), graph.constant(crop.offset)) for y, crop in parts]
        size = graph.node("Min", *(graph.node("Sub", *end) for end in ends))
        return self.add.write_nodes(graph, *(crop.write_nodes(graph, y, size) for y, crop in parts))
