"""Held decisions: a network with kinks made smooth, for finite differences."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tinyunet.layers.layer import Layer


@contextlib.contextmanager
def held_decisions(layer: Layer) -> Iterator[Callable[[], int]]:
    """Replay the decisions of the last training forward while the context lasts.

    A network of ReLUs, max-pooling and dropout has kinks and draws, where finite differences do not
    converge. With the decisions held it is smooth, and equal to the plain network at the same input.
    Running statistics stay as they are.

    Yields
    ------
    flips
        A function that returns how many decisions would have come out differently since it was
        called last.
    """
    parts = [part for _, part in layer.named_layers() if not list(part.children())]

    def flips() -> int:
        total = sum(part._flips for part in parts)
        for part in parts:
            part._flips = 0
        return total

    try:
        for part in parts:
            decisions = part.decisions()
            part._held = decisions[0] if decisions else None
            part._replays = True
        flips()
        yield flips
    finally:
        for part in parts:
            part._held, part._replays = None, False
