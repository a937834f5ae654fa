"""What networks that paint share: their stages and widths, and how they are run when published."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.layers import BatchNorm2d, Conv2d, ConvTranspose2d, Dropout
from tinyunet.layers.layer import Layer
from tinyunet.networks.listing import Listing
from tinyunet.networks.network import Network

PICTURES = "pictures, not logits for pixels"  # of networks that paint
HALF = {3: (1, 1), 4: (2, 1)}  # of a kernel's side, the stride and the padding; of others 1 and 0


class Stage(NamedTuple):
    """A convolution and what may come after it.

    Kernels of 4x4 have stride 2, or 1 if they are not `strided`: then half the side comes out, or
    with `up`, of a transposed convolution, twice the side. 3x3 keep the side.
    """

    ins: int
    outs: int
    kernel: int = 4
    strided: bool = True
    up: bool = False
    bias: bool = True
    norm: bool = True
    drop: bool = False

    def layers(self, rng: np.random.Generator, eps: float = 1e-5) -> list[Layer]:
        """The convolution and, if asked for, the batch norm, which leaves a bias without effect."""
        stride, padding = HALF.get(self.kernel, (1, 0))
        kind = ConvTranspose2d if self.up else Conv2d
        conv = kind(
            self.ins, self.outs, self.kernel,
            stride=stride if self.strided else 1, padding=padding, bias=self.bias, rng=rng,
        )  # fmt: skip
        if not self.norm:
            return [conv]
        conv.idle = frozenset({"bias"} & set(conv.params))
        return [conv, BatchNorm2d(self.outs, eps)]

    def list_in(self, listing: Listing, name: str, first: int = 0) -> None:
        """List what `layers` makes, as numbers `first` and `first` + 1 of a `Sequential` of a name."""
        listing.conv(f"{name}.{first}", self.ins, self.outs, self.kernel)
        if self.up:
            shape = self.ins, self.kernel, self.kernel, self.outs
            listing.parameters[f"{name}.{first}.weight"] = shape
        if not self.bias:
            del listing.parameters[f"{name}.{first}.bias"]
        if self.norm:
            listing.norm(f"{name}.{first + 1}", self.outs)


def widths_of(base: int, factors: Iterable[int], widths: Sequence[int] | None) -> list[int]:
    """Return the channels of each level: those given, or so many times the base.

    Raises
    ------
    ValueError
        If there are fewer than two levels, or one without channels.
    """
    found = [base * factor for factor in factors] if widths is None else list(widths)
    if len(found) < 2 or min(found) < 1:
        raise ValueError(
            f"there must be two levels or more, each of 1 channel or more, got {found}"
        )
    return found


def draw_weights(model: Network, rng: np.random.Generator, spread: float = 0.02) -> None:
    """Draw a new network's weights from N(0, spread), the scales of its batch norms from N(1, spread).

    Biases stay 0.
    """
    for _, layer in model.named_layers():
        if "weight" in layer.params:
            weight = layer.params["weight"]
            middle = 1.0 if isinstance(layer, BatchNorm2d) else 0.0
            weight[...] = rng.normal(middle, spread, weight.shape)


@contextlib.contextmanager
def as_published(model: Network, seed: int) -> Iterator[None]:
    """Within, forward passes are as in training, but leave nothing behind.

    Batch norm takes the statistics of what it gets and does not move the running ones; dropout drops,
    with masks drawn by `seed`.
    """
    layers = [layer for _, layer in model.named_layers()]
    modes = [layer.training for layer in layers]
    norms = [layer for layer in layers if isinstance(layer, BatchNorm2d)]
    drops = [layer for layer in layers if isinstance(layer, Dropout)]
    generators = [layer.rng for layer in drops]
    held = [norm._replays for norm in norms]
    try:
        for layer in layers:
            layer.training = True
        for norm in norms:
            norm._replays = True
        for drop, rng in zip(drops, np.random.default_rng(seed).spawn(len(drops)), strict=True):
            drop.rng = rng
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.training, layer._kept = mode, None
        for norm, replays in zip(norms, held, strict=True):
            norm._replays = replays
        for drop, rng in zip(drops, generators, strict=True):
            drop.rng = rng


def paints(model: Network) -> str:
    """The settings of a network that an error message or a summary should name, without the rest."""
    rest = ("seed", "dtype")
    config = model.config
    gone = ("base_channels", "levels") if config.get("widths") is not None else ("widths",)
    return ", ".join(f"{k}={short(v)}" for k, v in config.items() if k not in (*rest, *gone))
