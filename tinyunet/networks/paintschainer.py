"""PaintsChainer (Taizan Yonetsuji 2017): a U-Net that colours line drawings, and its discriminator."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.layers import BatchNorm2d, Concat, Conv2d, ConvTranspose2d, ReLU, Sequential
from tinyunet.layers.layer import Layer
from tinyunet.networks.alignment import IMAGE
from tinyunet.networks.network import Network
from tinyunet.networks.painting import paints
from tinyunet.networks.patchgan import Judge
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
        widths, rng = _widths(base_channels, widths, WIDTHS), np.random.default_rng(seed)
        levels = range(1, len(widths))
        self.pads, self.tile_stride = True, 2 ** len(levels)
        self.first = stage(in_channels, widths[0], 3, rng)
        self.downs = [stage(widths[i - 1], widths[i], 4, rng) for i in levels]
        self.convs = [stage(widths[i], widths[i], 3, rng) for i in levels]
        self.joins: list[Layer] = [Concat() for _ in widths]
        self.ups = [stage(2 * widths[i], widths[i], 4, rng, up=True) for i in levels]
        self.backs = [stage(widths[i], widths[i - 1], 3, rng) for i in levels]
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


class PaintsChainerDiscriminator(Judge):
    """Strided and plain convolutions by turns, then one pair of logits, real and fake, for the image.

        x ── 4x4 s2, 32 ── 3x3, 32 ── 4x4 s2, 64 ── 3x3, 64 ── 4x4 s2, 128 ── 3x3, 128
          ── 4x4 s2, 256 ── 8x8, 2 ── logits

    Each but the last is followed by batch norm and a ReLU. The last is the authors' fully connected
    layer: on a larger image it gives a map of pairs. Its loss is `SoftmaxGANLoss`. The defaults are
    the authors' network for 128x128 images: 918,082 parameters.

    Parameters
    ----------
    in_channels
        Channels of the image. It sees no input beside it.
    size
        The side of the images: a multiple of 16, or of 2^levels.
    base_channels
        Of the first convolution; the next levels have 2, 4 and 8 times as many.
    widths
        In their place, the channels of each level.
    seed, dtype
        As for `UNet`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        size: int = 128,
        base_channels: int = 32,
        widths: Sequence[int] | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        widths, rng = _widths(base_channels, widths, WIDTHS[:4]), np.random.default_rng(seed)
        self.in_channels, self.num_classes, self.step = in_channels, 2, 2 ** len(widths)
        if size < self.step or size % self.step:
            raise ValueError(
                f"size must be a multiple of {self.step}, for the side is halved {len(widths)} "
                f"times, got {size}"
            )
        self.size, self.stages, ins = size, [], in_channels
        for level, outs in enumerate(widths):
            self.stages.append(stage(ins, outs, 4, rng))
            if level < len(widths) - 1:
                self.stages.append(stage(outs, outs, 3, rng))
            ins = outs
        self.stages.append(Conv2d(ins, 2, size // self.step, rng=rng))
        self.astype(dtype)

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes; the first gives one pair of logits."""
        side = Sizes(self.size, self.step, self.size - 1)
        return side, side

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many pairs of logits there are for an image of a valid size."""
        super().output_size(height, width)  # raises with the nearest valid sizes
        return (height - self.size) // self.step + 1, (width - self.size) // self.step + 1


def stage(
    ins: int, outs: int, kernel: int, rng: np.random.Generator, *, up: bool = False
) -> Sequential:
    """A convolution, batch norm and ReLU: 3x3, or 4x4 to half the side, or transposed to twice it.

    The bias in front of batch norm has no effect, but is in the authors' counts.
    """
    kind = ConvTranspose2d if up else Conv2d
    conv = kind(ins, outs, kernel, stride=kernel - 2 if kernel == 4 else 1, padding=1, rng=rng)
    conv.idle = frozenset({"bias"})
    return Sequential(conv, BatchNorm2d(outs, EPS), ReLU())


def _widths(base: int, widths: Sequence[int] | None, factors: Sequence[int]) -> list[int]:
    found = [base * factor for factor in factors] if widths is None else list(widths)
    if len(found) < 2 or min(found) < 1:
        raise ValueError(f"widths must be two numbers or more, each above 0, got {found}")
    return found
