"""A limit on what layers may take while a network is built on a file's word.

A file can ask a class for a network of any size. Layers say what they are about to take before they
take it, so the build ends where it would be more than the file can fill.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from tinyunet.engine.rules import short


class TooLarge(ValueError):
    """A constructor asked for more than the limit."""


@dataclass
class _Left:
    numbers: int
    layers: int


_LEFT: ContextVar[_Left | None] = ContextVar("left", default=None)  # None: no limit


@contextlib.contextmanager
def at_most(numbers: int, layers: int) -> Iterator[None]:
    """Let layers be made with so many initial weights, and so many layers, while this lasts."""
    token = _LEFT.set(_Left(numbers, layers))
    try:
        yield
    finally:
        _LEFT.reset(token)


def spend(*shape: int, layers: int = 0) -> None:
    """Account for an array of a shape (none: for no array), or for a layer, before it is made.

    Raises
    ------
    TooLarge
        If that is more than what is left of `at_most`.
    """
    left = _LEFT.get()
    if left is None:
        return
    left.numbers -= math.prod(shape) if shape else 0
    left.layers -= layers
    if left.numbers < 0:
        raise TooLarge(f"weights of shape {short(shape)} are too many")
    if left.layers < 0:
        raise TooLarge("these are more layers than any file holds")
