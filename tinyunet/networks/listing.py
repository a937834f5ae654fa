"""What a network's file holds, put together layer by layer without making any of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from tinyunet.engine.arrays import DTYPES
from tinyunet.engine.rules import Rule, one_of, real, whole
from tinyunet.networks.outline import Outline, Shapes
from tinyunet.networks.unet_shapes import CHANNELS, CONFIG

WIDEST = 2**20  # channels, where a list says how many
BLOCKS, LAYERS = 30, 1000  # of a network, and of one of its blocks


def several(test: Callable[[Any], bool], words: str, optional: bool = False) -> Rule:
    """A list of up to `BLOCKS` such values; None, too, if it is optional."""

    def right(values: Any) -> bool:
        if values is None:
            return optional
        return (
            type(values) in (list, tuple) and 0 < len(values) <= BLOCKS and all(map(test, values))
        )

    return right, f"a list of {words}" + " or None" * optional


def _is_width(value: Any) -> bool:
    return type(value) is int and 1 <= value <= WIDEST


def _is_window(value: Any) -> bool:
    return type(value) in (list, tuple) and len(value) == 2 and all(map(_is_width, value))


ANY = {
    "in_channels": CHANNELS,
    "num_classes": CHANNELS,
    "base_channels": whole(1, WIDEST, "a whole number from 1"),
    "widths": several(_is_width, "whole numbers from 1", optional=True),
    "seed": CONFIG["seed"],
    "dtype": one_of(*DTYPES),
}
CONVOLUTIONS = several(
    lambda n: type(n) is int and 1 <= n <= LAYERS, f"whole numbers from 1 to {LAYERS}"
)
HEAD = several(_is_window, "pairs (channels, kernel size)", optional=True)
SWITCH: Rule = (lambda value: type(value) is bool, "true or false")
DROPOUT = real(lambda value: 0 <= value < 1, "at least 0 and below 1")


class Listing:
    """The arrays of a network, listed in the order of its constructor.

    Parameters
    ----------
    dtype
        Of the parameters.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.parameters: Shapes = {}
        self.buffers: Shapes = {}
        self.generators: list[str] = []
        self.frozen: list[str] = []

    def conv(self, name: str, ins: int, outs: int, kernel: int) -> None:
        """A `Conv2d` with a bias."""
        self.parameters[f"{name}.weight"] = (kernel, kernel, ins, outs)
        self.parameters[f"{name}.bias"] = (outs,)

    def norm(self, name: str, channels: int) -> None:
        """A `BatchNorm2d`."""
        for key in ("weight", "bias"):
            self.parameters[f"{name}.{key}"] = (channels,)
        for key in ("running_mean", "running_var"):
            self.buffers[f"{name}.{key}"] = (channels,)
        self.buffers[f"{name}.num_batches_tracked"] = ()

    def block(self, name: str, channels: Sequence[int], kernel: int, batch_norm: bool) -> None:
        """A `ConvBlock`."""
        for i, (ins, outs) in enumerate(itertools.pairwise(channels)):
            self.conv(f"{name}.convs.{i}", ins, outs, kernel)
        for i, outs in enumerate(channels[1:] if batch_norm else []):
            self.norm(f"{name}.norms.{i}", outs)

    def bilinear(self, name: str, channels: int, kernel: int) -> None:
        """A `BilinearConvTranspose2d`."""
        self.parameters[f"{name}.weight"] = (channels, kernel, kernel, channels)
        self.frozen.append(f"{name}.weight")

    def outline(self) -> Outline:
        """All of it."""
        counters = [name for name, shape in self.buffers.items() if shape == ()]
        floats = [name for name in (*self.parameters, *self.buffers) if name not in counters]
        dtypes: dict[str, tuple[str, ...]] = dict.fromkeys(floats, (self.dtype,))
        dtypes |= dict.fromkeys(counters, ("int64",))
        return Outline(self.parameters, self.buffers, dtypes, self.generators, tuple(self.frozen))
