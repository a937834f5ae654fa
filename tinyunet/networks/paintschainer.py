"""PaintsChainer (Taizan Yonetsuji 2017): a U-Net that colours line drawings."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.engine.rules import check
from tinyunet.layers import Concat, Conv2d, ReLU, Sequential
from tinyunet.layers.layer import Layer
from tinyunet.networks.alignment import IMAGE
from tinyunet.networks.listing import ANY, Listing
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.painting import PICTURES, Stage, paints, widths_of
from tinyunet.networks.sizes import Sizes

EPS = 2e-5  # Chainer's, for batch norm
WIDTHS = (1, 2, 4, 8, 16)  # times the base


class PaintsChainer(Network):
    """A U-Net of strided convolutions: each level has one that halves the side, and one 3x3.

        image ── c0 ─────────────────────────────────────── concat ── dc0
                  └ c1, c2 ────────────────────── concat ── dc2, dc1 ┘
                       └ c3, c4 ──────── concat ── dc4, dc3 ┘
                            └ c5, c6 ─ concat ── dc6, dc5 ┘
                                 └ c7 ── c8 ── concat of both ── dc8, dc7 ┘

    c1, c3, c5 and c7 are 4x4 with stride 2, dc8, dc6, dc4 and dc2 are 4x4 transposed, all others 3x3;
    each but dc0 is followed by batch norm and a ReLU. The first concat joins two maps of the same
    size, before and after c8. The defaults are the authors' network: 18,639,619 parameters. With 3
    channels in and 1 out it is their line extractor, of 18,638,177.

    Parameters
    ----------
    in_channels, num_classes
        Channels of what it gets, a drawing and three of hints by default, and of what it paints.
        Nothing bounds the output.
    base_channels
        Channels of c0; of the levels below 2, 4, 8 and 16 times as many.
    widths
        In their place, the channels of c0 and of each level.
    seed, dtype
        As for `UNet`.
    """

    gives_instead = PICTURES

    def __init__(
        self,
        in_channels: int = 4,
        num_classes: int = 3,
        *,
        base_channels: int = 32,
        widths: Sequence[int] | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        widths, rng = widths_of(base_channels, WIDTHS, widths), np.random.default_rng(seed)
        self.pads, self.tile_stride = True, 2 ** (len(widths) - 1)
        parts = _stages(in_channels, widths)

        def made(stages: Sequence[Stage]) -> list[Sequential]:
            return [Sequential(*stage.layers(rng, EPS), ReLU()) for stage in stages]

        (self.first,) = made(parts["first"])
        self.downs, self.convs = made(parts["downs"]), made(parts["convs"])
        self.ups, self.backs = made(parts["ups"]), made(parts["backs"])
        self.joins: list[Layer] = [Concat() for _ in widths]
        self.last = Conv2d(2 * widths[0], num_classes, 3, padding=1, rng=rng)
        self.astype(dtype)

    def forward(self, image: Array) -> Array:
        """Return images (N, H, W, num_classes) for images (N, H, W, in_channels)."""
        self._check_image(image, self.in_channels)
        self.output_size(*image.shape[1:3])
        x = self.first(image)
        across = [x]
        for down, conv in zip(self.downs, self.convs, strict=True):
            half = down(x)
            x = conv(half)
            across.append(x)  # a fork: x goes down, and over to the decoder
        across[-1] = half  # on the bottom, it is what went into the 3x3 that goes over
        for level in reversed(range(len(self.ups))):
            x = self.joins[level + 1](across.pop(), x)
            x = self.backs[level](self.ups[level](x))
        return self.last(self.joins[0](across.pop(), x))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(painted images) and return dL/d(images)."""
        dskip, dx = self.joins[0].backward(self.last.backward(dy))
        dacross = [dskip]
        for level, (up, back) in enumerate(zip(self.ups, self.backs, strict=True), start=1):
            dskip, dx = self.joins[level].backward(up.backward(back.backward(dx)))
            dacross.append(dskip)
        dhalf = dacross.pop()
        for level in reversed(range(len(self.downs))):
            dx = self.convs[level].backward(dx)
            if level == len(self.downs) - 1:
                add(dx, dhalf)  # where forward forked, the gradients add
            dx = self.downs[level].backward(dx)
            add(dx, dacross.pop())
        return self.first.backward(dx, input_gradient=input_gradient)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        check("network.config", config, ANY, complete=True)
        listing = Listing(config["dtype"])
        widths = widths_of(config["base_channels"], WIDTHS, config["widths"])
        for name, stages in _stages(config["in_channels"], widths).items():
            for i, stage in enumerate(stages):
                stage.list_in(listing, name if name == "first" else f"{name}.{i}")
        listing.conv("last", 2 * widths[0], config["num_classes"], 3)
        return listing.outline()

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes: multiples of 2^levels, from two pixels on the bottom.

        A single one has no variance.
        """
        side = Sizes(2 * self.tile_stride, self.tile_stride, 0)
        return side, side

    @functools.cached_property
    def reach(self) -> int:
        """How far around an output pixel the image counts for it."""
        grid = IMAGE.windows(3, 1, 1)
        for _ in self.downs:
            grid = grid.windows(4, 2, 1).windows(3, 1, 1)
        for _ in self.ups:
            grid = grid.spread(4, 2, 1).windows(3, 1, 1)
        return math.ceil(grid.windows(3, 1, 1).radius)

    def _describe(self) -> str:
        return paints(self)


def _stages(ins: int, widths: list[int]) -> dict[str, list[Stage]]:
    """All convolutions but the last, by the names of their lists, each from the image downwards."""
    pairs = list(itertools.pairwise(widths))
    return {
        "first": [Stage(ins, widths[0], 3)],
        "downs": [Stage(above, width) for above, width in pairs],
        "convs": [Stage(width, width, 3) for _, width in pairs],
        "ups": [Stage(2 * width, width, up=True) for _, width in pairs],
        "backs": [Stage(width, above, 3) for above, width in pairs],
    }
