"""The boxes and arrows of a network's drawing."""

from __future__ import annotations

from dataclasses import dataclass

TALL = 2.1  # inches: the tallest box
LEAST = 0.06  # inches: the lowest box
WIDTHS = 0.06, 0.25  # inches: of a box without channels, and what the most channels add
GAP = 0.23  # inches from box to box in a row, at least
DIGIT = 0.075  # inches: how wide a digit is written
BETWEEN = 0.5  # inches from one level's tallest box to the next one's
MARGIN = 0.32  # inches around all


@dataclass(frozen=True)
class Box:
    """An array (height, width, channels) between two layers, and its place on paper in inches.

    Attributes
    ----------
    name
        Of the layer that makes it, as in `tinyunet.networks.summarize`: ``encoder.0.conv1``; ``image``.
    step
        What makes it: ``"image"``, ``"conv"``, ``"pool"``, ``"up"`` (with what came across beside it),
        ``"head"`` or, by another layer, ``"other"``.
    level
        How often the image was halved.
    height, width, channels
        Of the array.
    across
        How many of the channels came across by a concat.
    left, top, wide, tall
        On paper; top counts downwards.
    """

    name: str
    step: str
    level: int
    height: int
    width: int
    channels: int
    across: int = 0
    left: float = 0.0
    top: float = 0.0
    wide: float = 0.0
    tall: float = 0.0


@dataclass(frozen=True)
class Arrow:
    """A step from one box to another; it begins and ends on their edges.

    Attributes
    ----------
    kind
        The step of the box at its end, or ``"concat"``, ``"sum"`` or ``"skip"`` for what goes across.
    start, end
        Numbers of boxes.
    tail, tip
        Points (x, y) on paper in inches; y counts downwards.
    bends
        Points between them, where it is not straight.
    """

    kind: str
    start: int
    end: int
    tail: tuple[float, float]
    tip: tuple[float, float]
    bends: tuple[tuple[float, float], ...] = ()

    @property
    def is_upright(self) -> bool:
        """Whether it goes straight up or down."""
        return not self.bends and self.tail[0] == self.tip[0]


@dataclass(frozen=True)
class Layout:
    """All boxes in the order in which they are computed, the arrows, and the paper's size in inches.

    Attributes
    ----------
    home
        For each layer's call, in order, the number of the box in which it is told; None where names
        say it.
    """

    boxes: list[Box]
    arrows: list[Arrow]
    width: float
    height: float
    home: list[int] | None = None


def size(box: Box) -> str:
    """An array's size in words: 28 for a square, 28x36 for another."""
    return str(box.height) if box.height == box.width else f"{box.height}x{box.width}"
