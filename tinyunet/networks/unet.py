"""The U-Net (Ronneberger, Fischer, Brox 2015, arXiv:1505.04597), forward and backward on one screen."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import Array, checked_dtype
from tinyunet.engine.elementwise import add
from tinyunet.layers import Add, CenterCrop, Concat, Conv2d, ConvTranspose2d, Dropout, MaxPool2d
from tinyunet.layers.layer import Layer


class UNet(Layer):
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
        self.config = {
            "in_channels": in_channels, "num_classes": num_classes, "base_channels": base_channels,
            "depth": depth, "padding": padding, "skip": skip, "dropout": dropout, "seed": seed,
            "dtype": checked_dtype(dtype).name,
        }  # fmt: skip
        self.depth, self.padding = depth, padding

        rng = np.random.default_rng(seed)
        widths = [base_channels * 2**level for level in range(depth + 1)]
        joined = [2 * width if skip == "concat" else width for width in widths]

        def drop(level: int) -> Dropout | None:
            return Dropout(dropout, rng.spawn(1)[0]) if dropout and level >= depth - 1 else None

        self.encoder = [
            DoubleConv(
                widths[level - 1] if level else in_channels,
                widths[level],
                padding,
                rng,
                drop(level),
            )
            for level in range(depth)
        ]
        self.pools = [MaxPool2d(2) for _ in range(depth)]
        self.bottom = DoubleConv(widths[-2], widths[-1], padding, rng, drop(depth))
        self.ups = [
            ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2, rng=rng)
            for level in range(depth)
        ]
        self.skips = [Skip(skip) for _ in range(depth)]
        self.decoder = [
            DoubleConv(joined[level], widths[level], padding, rng) for level in range(depth)
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

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Array | None:
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

    def astype(self, dtype: str) -> UNet:
        """Convert all parameters to float32 or float64."""
        super().astype(dtype)
        self.config["dtype"] = checked_dtype(dtype).name
        return self

    # ------------------------------------------------------------------ sizes

    @property
    def _lost(self) -> int:
        """The pixels that two 3x3 convolutions take off a side."""
        return 4 if self.padding == "valid" else 0

    @property
    def _margins(self) -> tuple[int, int]:
        """(a, b) such that a side of 2^depth * n + a goes in where 2^depth * n - b comes out.

        n is the side after the bottom's convolutions. Downwards, each of the depth levels maps a
        side s to 2 s + lost, upwards to 2 s - lost, and a geometric series adds the losses up.
        """
        below = self._lost * (2**self.depth - 1)
        return below + self._lost * 2**self.depth, below

    @property
    def reach(self) -> int:
        """How far around a block of output pixels the image counts: 6 * 2^depth pixels.

        That is so for blocks of 2^depth pixels on the poolings' grid, with either padding.
        """
        return 6 * 2**self.depth

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the logits for an image of a valid size.

        Raises
        ------
        ValueError
            If a pooling would see an odd side, or nothing is left; it names the nearest valid sizes.
        """
        grow, shrink = self._margins
        for what, side in (("height", height), ("width", width)):
            nearest = self._nearest(side)
            if side not in nearest:
                choices = " or ".join(str(size) for size in nearest)
                raise ValueError(
                    f"UNet(depth={self.depth}, padding={self.padding!r}) cannot take an image of "
                    f"{what} {side}: the nearest valid sizes are {choices}"
                )
        return height - grow - shrink, width - grow - shrink

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest valid image (height, width) whose logits cover (height, width)."""
        grow, shrink = self._margins
        sides = [max(-(-(side + shrink) // 2**self.depth), self._least) for side in (height, width)]
        return sides[0] * 2**self.depth + grow, sides[1] * 2**self.depth + grow

    def valid_input_sizes(self, limit: int) -> list[int]:
        """Return all image sides up to `limit` that the network accepts."""
        grow, _ = self._margins
        return list(range(self._least * 2**self.depth + grow, limit + 1, 2**self.depth))

    @property
    def _least(self) -> int:
        """The smallest side after the bottom for which at least one pixel comes out."""
        return self._margins[1] // 2**self.depth + 1

    def _nearest(self, side: int) -> list[int]:
        """The largest valid size up to `side` and the smallest from it on."""
        grow, _ = self._margins
        step, least = 2**self.depth, self._least
        below = (side - grow) // step
        counts = sorted({max(below, least), max(-(-(side - grow) // step), least)})
        return [n * step + grow for n in counts]

    def _check_size(self, x: Array) -> None:
        self._check_image(x, self.config["in_channels"])
        self.output_size(*x.shape[1:3])

    def _describe(self) -> str:
        shown = ("in_channels", "num_classes", "base_channels", "depth", "padding", "skip")
        return ", ".join(f"{name}={self.config[name]!r}" for name in shown)


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
        options = {"padding": padding, "activation": "relu", "rng": rng}
        self.conv1 = Conv2d(in_channels, out_channels, 3, **options)
        self.conv2 = Conv2d(out_channels, out_channels, 3, **options)
        self.dropout = dropout

    def forward(self, x: Array) -> Array:
        """Return (N, H', W', out_channels)."""
        x = self.conv2(self.conv1(x))
        return x if self.dropout is None else self.dropout(x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Array | None:
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
        joins = {"concat": Concat, "sum": Add, "none": None}
        if how not in joins:
            raise ValueError(f'skip must be "concat", "sum" or "none", got {how!r}')
        self.crop = CenterCrop()
        self.join = joins[how]() if joins[how] else None

    def forward(self, across: Array, x: Array) -> Array:
        """Return the encoder's features joined to the decoder's x (N, h, w, C)."""
        if self.join is None:
            return x
        return self.join(self.crop(across, x.shape[1:3]), x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> tuple[Array | None, Array]:
        """Return the gradients of the encoder's features (None without a skip) and of x."""
        if self.join is None:
            return None, dy
        dcropped, dx = self.join.backward(dy)
        return self.crop.backward(dcropped), dx
