"""What networks that paint share: their widths and weights, and how they are run when published."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from tinyunet.engine.rules import short
from tinyunet.layers import BatchNorm2d, Dropout
from tinyunet.networks.network import Network


def widths_of(base_channels: int, levels: int, widths: Sequence[int] | None) -> list[int]:
    """Return the channels of each level: those given, or 1, 2, 4 and then 8 times the base.

    Raises
    ------
    ValueError
        If there are fewer than two levels, or one without channels.
    """
    found = [base_channels * min(2**level, 8) for level in range(levels)]
    found = found if widths is None else list(widths)
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
