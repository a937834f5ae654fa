"""pix2pix's generator (Isola et al. 2017, arXiv:1611.07004): a U-Net that paints."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.engine.elementwise import add
from tinyunet.engine.rules import Rule, check, whole
from tinyunet.layers import Concat, Dropout, LeakyReLU, ReLU, Sequential, Tanh
from tinyunet.layers.layer import Layer
from tinyunet.networks.alignment import IMAGE
from tinyunet.networks.listing import ANY, BLOCKS, DROPOUT, SWITCH, Listing
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.painting import (
    PICTURES,
    Stage,
    as_published,
    draw_weights,
    paints,
    widths_of,
)
from tinyunet.networks.sizes import Sizes

RULES: dict[str, Rule] = {
    **ANY,
    "levels": whole(0, BLOCKS, f"a whole number up to {BLOCKS}"),
    "dropout": DROPOUT,
    "drops": whole(0, BLOCKS, f"a whole number from 0 to {BLOCKS}"),
    "port": SWITCH,
}


class Pix2PixGenerator(Network):
    """Half the side at every level down to a single pixel, and up again; skips, but no pooling.

        image ── e1 ───────────────────────── concat ── d8 ── tanh
                  └ e2 ────────────── concat ── d7 ┘
                     └ e3 ─── concat ── d6 ┘
                         └ ... e8 ── d1 ... ┘

        e1 = conv            e2 ... e7 = leaky ReLU, conv, batch norm       e8 = leaky ReLU, conv
        d1 ... d3 = ReLU, transposed conv, batch norm, dropout              d4 ... d7 without dropout
        d8 = ReLU, transposed conv, tanh

    Every convolution is 4x4 with stride 2 and padding 1. A skip carries e before its leaky ReLU. On a
    256x256 image e8 is one pixel, which batch norm would turn into its own bias: hence e8 has none.
    The defaults are the authors' network: 54,419,459 parameters.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image that it gets and of the one that it paints, with values from -1 to 1.
    base_channels
        Channels of e1; e2, e3 and all below have 2, 4 and 8 times as many.
    levels
        How often the side is halved: 8 for 256x256 images.
    widths
        In the place of both, the channels of e1, e2 and so on.
    dropout
        The probability for the dropout, which stands in for the noise of other generators.
    drops
        How many d have one, from d1 on, the last never.
    port
        Whether to build what the authors' PyTorch port builds, 54,413,955 parameters: no bias but
        that of the last convolution, and dropout after d2, d3 and d4. (A bias in front of a batch norm
        has no effect: it is taken off again with the mean.)
    seed
        Draws the weights and the dropout masks. Weights are from N(0, 0.02), the scales of batch norm
        from N(1, 0.02), as the authors'.
    dtype
        ``"float32"`` or ``"float64"``.

    Notes
    -----
    `predict` paints as published: by the statistics of the image itself, with dropout. The network in
    `eval` has neither, as other networks. Tiles of a large image would have statistics of their own.
    """

    gives_instead = PICTURES

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 3,
        *,
        base_channels: int = 64,
        levels: int = 8,
        widths: Sequence[int] | None = None,
        dropout: float = 0.5,
        drops: int = 3,
        port: bool = False,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        widths, rng = _widths(base_channels, levels, widths), np.random.default_rng(seed)
        downs, ups = _stages(in_channels, num_classes, widths, drops, port)
        self.pads, self.tile_stride = True, 2 ** len(widths)

        def down(level: int, stage: Stage) -> Sequential:
            before = [LeakyReLU(0.2)] if level else []
            return Sequential(*before, *stage.layers(rng))

        def up(stage: Stage) -> Sequential:
            after = [Dropout(dropout, rng.spawn(1)[0])] if stage.drop else []
            return Sequential(ReLU(), *stage.layers(rng), *after)

        self.downs = [down(level, stage) for level, stage in enumerate(downs)]
        self.ups = [up(stage) for stage in ups]
        self.joins: list[Layer] = [Concat() for _ in ups[1:]]
        self.tanh = Tanh()
        draw_weights(self, rng)
        self.astype(dtype)

    def forward(self, image: Array) -> Array:
        """Return images (N, H, W, num_classes) from -1 to 1 for images (N, H, W, in_channels)."""
        self._check_image(image, self.in_channels)
        self.output_size(*image.shape[1:3])
        x, across = image, []
        for down in self.downs:
            x = down(x)
            across.append(x)  # a fork: x goes down, and over to the decoder
        x = self.ups[0](across.pop())
        for up, join in zip(self.ups[1:], self.joins, strict=True):
            x = up(join(x, across.pop()))
        return self.tanh(x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(painted images) and return dL/d(images)."""
        dx, dacross = self.tanh.backward(dy), []
        for up, join in reversed(list(zip(self.ups[1:], self.joins, strict=True))):
            dx, dskip = join.backward(up.backward(dx))
            dacross.append(dskip)
        dx = self.ups[0].backward(dx)
        for level, down in reversed(list(enumerate(self.downs))):
            if level < len(dacross):
                add(dx, dacross[level])  # where forward forked, the gradients add
            dx = down.backward(dx, input_gradient=input_gradient or level > 0)
        return dx

    def predict(self, image: Array, *, seed: int = 0) -> Array:  # type: ignore[override]
        """Paint as published: each image by its own statistics, with dropout drawn by `seed`.

        Every image is painted by itself, so it does not depend on others beside it, and with the same
        draw. Neither the running statistics nor the generators of the dropout move; what an earlier
        training forward kept for its backward is gone then.
        """
        painted = []
        for i in range(max(1, len(image))):  # of none, forward says that there is none
            with self.as_predicted(seed):
                painted.append(self.forward(image[i : i + 1]))
        return array_module(image).concatenate(painted)

    @contextlib.contextmanager
    def as_predicted(self, seed: int = 0) -> Iterator[None]:
        """Within, `forward` computes what `predict` gives, of one image."""
        with as_published(self, seed):
            yield

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        check("network.config", config, RULES, complete=True)
        listing = Listing(config["dtype"])
        widths = _widths(*(config[key] for key in ("base_channels", "levels", "widths")))
        ends = config["in_channels"], config["num_classes"]
        downs, ups = _stages(*ends, widths, config["drops"], config["port"])
        for level, stage in enumerate(downs):
            stage.list_in(listing, f"downs.{level}", int(level > 0))
        for i, stage in enumerate(ups):
            stage.list_in(listing, f"ups.{i}", 1)
            listing.generators += [f"ups.{i}.3.rng"] if stage.drop else []
        return listing.outline()

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes: multiples of 2^levels."""
        side = Sizes(self.tile_stride, self.tile_stride, 0)
        return side, side

    @functools.cached_property
    def reach(self) -> int:
        """How far around a pixel the image counts for it in eval; for statistics, all of it does."""
        grid = IMAGE
        for _ in self.downs:
            grid = grid.windows(4, 2, 1)
        for _ in self.ups:
            grid = grid.spread(4, 2, 1)
        return math.ceil(grid.radius)

    def _describe(self) -> str:
        return paints(self)


def _widths(base: int, levels: int, widths: Sequence[int] | None) -> list[int]:
    return widths_of(base, [min(2**level, 8) for level in range(levels)], widths)


def _stages(
    ins: int, outs: int, widths: list[int], drops: int, port: bool
) -> tuple[list[Stage], list[Stage]]:
    """The convolutions down, from the image on, and up again."""
    last, downs, ups = len(widths) - 1, [], []
    for level, (before, width) in enumerate(itertools.pairwise([ins, *widths])):
        downs.append(Stage(before, width, bias=not port, norm=0 < level < last))
    for i, level in enumerate(reversed(range(len(widths)))):
        joined = widths[level] * (1 if level == last else 2)
        above = widths[level - 1] if level else outs
        ends, drop = level == 0, port <= i < drops + port and level > 0
        ups.append(Stage(joined, above, up=True, bias=ends or not port, norm=not ends, drop=drop))
    return downs, ups
