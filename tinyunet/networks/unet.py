"""The U-Net (Ronneberger, Fischer, Brox 2015, arXiv:1505.04597), forward and backward on one screen."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.layers import Add, CenterCrop, Concat, Conv2d, ConvTranspose2d, Dropout, MaxPool2d
from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.unet_shapes import unet_outline


class UNet(Network):
    """A contracting path that sees more and more, an expanding path that says where, and skips.

        x ── encoder 0 ──────────────── skip ──────────────── decoder 0 ── head ── logits
                 └ pool ─ encoder 1 ─── skip ─── decoder 1 ─ up ┘
                              └ pool ── bottom ── up ┘

    The defaults are the paper's network: 31,030,658 parameters, 572 pixels in and 388 out.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    base_channels
        Channels of encoder 0; every level below has twice as many.
    depth
        How often the image is halved.
    padding
        ``"valid"``: 3x3 convolutions without padding, so each takes a pixel off every side, and the
        output is smaller than the input. ``"same"``: zeros around, output as large as the input.
    skip
        ``"concat"`` joins the encoder's features to the decoder's as channels, ``"sum"`` adds them,
        ``"none"`` leaves them out.
    dropout
        The probability for the dropout at the end of the contracting path (the last encoder level
        and the bottom).
    seed
        Draws the weights and the dropout masks.
    dtype
        ``"float32"`` or ``"float64"``.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        *,
        base_channels: int = 64,
        depth: int = 4,
        padding: str = "valid",
        skip: str = "concat",
        dropout: float = 0.0,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        for name, value in (("base_channels", base_channels), ("depth", depth)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if padding not in ("valid", "same"):
            raise ValueError(f'padding must be "valid" or "same", got {padding!r}')
        self.in_channels, self.num_classes = in_channels, num_classes
        self.depth, self.padding = depth, padding
        self.pads, self.tile_stride = padding == "same", 2**depth

        rng = np.random.default_rng(seed)
        widths = [base_channels * 2**level for level in range(depth + 1)]
        joined = [2 * width if skip == "concat" else width for width in widths]

        def drop(level: int) -> Dropout | None:
            return Dropout(dropout, rng.spawn(1)[0]) if dropout and level >= depth - 1 else None

        self.encoder = [
            self._double(
                widths[level - 1] if level else in_channels,
                widths[level],
                padding,
                rng,
                drop(level),
            )
            for level in range(depth)
        ]
        self.pools = [MaxPool2d(2) for _ in range(depth)]
        self.bottom = self._double(widths[-2], widths[-1], padding, rng, drop(depth))
        self.ups = [
            ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2, rng=rng)
            for level in range(depth)
        ]
        self.skips = [Skip(skip) for _ in range(depth)]
        self.decoder = [
            self._double(joined[level], widths[level], padding, rng) for level in range(depth)
        ]
        self.head = Conv2d(base_channels, num_classes, 1, rng=rng)
        self.astype(dtype)

    def forward(self, x: Array) -> Array:
        """Return logits (N, H', W', num_classes) for images (N, H, W, in_channels)."""
        self._check_size(x)
        across = []
        for level in range(self.depth):
            x = self.encoder[level](x)
            across.append(x)  # a fork: x goes across the U, and down
            x = self.pools[level](x)
        x = self.bottom(x)
        for level in reversed(range(self.depth)):
            x = self.ups[level](x)
            x = self.skips[level](across[level], x)
            x = self.decoder[level](x)
        return self.head(x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits) and return dL/d(images)."""
        dacross = []
        dx = self.head.backward(dy)
        for level in range(self.depth):
            dx = self.decoder[level].backward(dx)
            dskip, dx = self.skips[level].backward(dx)
            dacross.append(dskip)
            dx = self.ups[level].backward(dx)
        dx = self.bottom.backward(dx)
        for level in reversed(range(self.depth)):
            dx = self.pools[level].backward(dx)
            dskip = dacross.pop()
            if dskip is not None:
                add(dx, dskip)  # where forward forked, the gradients add
                del dskip  # as large as an image: its memory is needed
            dx = self.encoder[level].backward(dx, input_gradient=input_gradient or level > 0)
        return dx

    def _double(self, *channels_and_options: Any) -> Layer:
        """Make the two convolutions of a level."""
        return DoubleConv(*channels_and_options)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        return unet_outline(config)

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes, 2^depth apart.

        Let n be a side after the bottom's convolutions. Downwards, each of the depth levels maps a
        side s to 2 s + lost, where two 3x3 convolutions take `lost` pixels off; upwards to
        2 s - lost. A geometric series adds the losses up: a side of 2^depth * n + grow goes in where
        2^depth * n - shrink comes out.
        """
        lost, step = 4 if self.padding == "valid" else 0, 2**self.depth
        shrink = lost * (step - 1)
        grow = shrink + lost * step
        least = shrink // step + 1  # the smallest n for which at least one pixel comes out
        side = Sizes(least * step + grow, step, grow + shrink)
        return side, side

    @functools.cached_property
    def reach(self) -> int:
        """How far around a block of output pixels the image counts: 6 * 2^depth pixels.

        That is so for blocks of 2^depth pixels on the poolings' grid, with either padding.
        """
        return 6 * 2**self.depth

    def _sized(self) -> str:
        return f"{type(self).__name__}(depth={self.depth}, padding={self.padding!r})"

    def _check_size(self, x: Array) -> None:
        self._check_image(x, self.in_channels)
        self.output_size(*x.shape[1:3])

    def _describe(self) -> str:
        shown = ("in_channels", "num_classes", "base_channels", "depth", "padding", "skip")
        ours = {name: self.config[name] for name in shown if name in self.config}
        return ", ".join(f"{name}={value!r}" for name, value in (ours or self.config).items())


class DoubleConv(Layer):
    """Two 3x3 convolutions, each with a ReLU, and perhaps dropout after them."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str,
        rng: np.random.Generator,
        dropout: Dropout | None = None,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"padding": padding, "activation": "relu", "rng": rng}
        self.conv1: Layer = Conv2d(in_channels, out_channels, 3, **options)
        self.conv2: Layer = Conv2d(out_channels, out_channels, 3, **options)
        self.dropout = dropout

    def forward(self, x: Array) -> Array:
        """Return (N, H', W', out_channels)."""
        x = self.conv2(self.conv1(x))
        return x if self.dropout is None else self.dropout(x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, in_channels)."""
        if self.dropout is not None:
            dy = self.dropout.backward(dy)
        return self.conv1.backward(self.conv2.backward(dy), input_gradient=input_gradient)


class Skip(Layer):
    """Bring what the encoder saw to the decoder: crop it to size, then concatenate or add.

    Parameters
    ----------
    how
        ``"concat"``, ``"sum"`` or ``"none"``.
    """

    def __init__(self, how: str) -> None:
        super().__init__()
        joins: dict[str, type[Layer] | None] = {"concat": Concat, "sum": Add, "none": None}
        if how not in joins:
            raise ValueError(f'skip must be "concat", "sum" or "none", got {how!r}')
        self.crop = CenterCrop()
        join = joins[how]
        self.join = None if join is None else join()

    def forward(self, across: Array, x: Array) -> Array:
        """Return the encoder's features joined to the decoder's x (N, h, w, C)."""
        if self.join is None:
            return x
        return self.join(self.crop(across, x.shape[1:3]), x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> tuple[MaybeArray, Array]:
        """Return the gradients of the encoder's features (None without a skip) and of x."""
        if self.join is None:
            return None, dy
        dcropped, dx = self.join.backward(dy)
        return self.crop.backward(dcropped), dx
