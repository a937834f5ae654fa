"""Where the boxes and arrows of a U-Net's drawing lie, as numbers; `u_shape` paints them.

Nothing here draws, so that a page may paint the same boxes in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinyunet.layers import Concat

TALL = 2.1  # inches: the tallest box
LEAST = 0.06  # inches: the lowest box
WIDTHS = 0.06, 0.25  # inches: of a box without channels, and what the most channels add
GAP = 0.23  # inches from box to box in a row, at least
DIGIT = 0.075  # inches: how wide a digit is written
BETWEEN = 0.5  # inches from one level's tallest box to the next one's
MARGIN = 0.32  # inches around all
PARTS = ("depth", "encoder", "pools", "bottom", "ups", "skips", "decoder", "head")


@dataclass(frozen=True)
class Box:
    """An array (height, width, channels) between two layers, and its place on paper in inches.

    Attributes
    ----------
    name
        Of the layer that makes it, as in `tinyunet.networks.summarize`: ``encoder.0.conv1``; ``image``.
    step
        What makes it: ``"image"``, ``"conv"``, ``"pool"``, ``"up"`` (with what came across beside it)
        or ``"head"``.
    level
        0 at the top.
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
        The step of the box at its end, or ``"concat"`` or ``"sum"`` for what goes across.
    start, end
        Numbers of boxes.
    tail, tip
        Points (x, y) on paper in inches; y counts downwards.
    """

    kind: str
    start: int
    end: int
    tail: tuple[float, float]
    tip: tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """All boxes in the order in which they are computed, the arrows, and the paper's size in inches."""

    boxes: list[Box]
    arrows: list[Arrow]
    width: float
    height: float


def u_layout(net: Any, height: int, width: int | None = None) -> Layout:
    """Ask a U-Net's layers for their sizes and channels, and lay them out as a U.

    A box is as tall as its array and as wide as it has channels, on a scale of its own each.

    Parameters
    ----------
    net
        A `tinyunet.UNet`, or a network with layers of the same names.
    height, width
        Of the image, in pixels; a lone height means a square.

    Raises
    ------
    ValueError
        If the network is no U-Net, or does not take an image of this size.
    """
    missing = [part for part in PARTS if not hasattr(net, part)]
    if missing:
        raise ValueError(
            f"the U is drawn of networks with the parts of tu.UNet, but {type(net).__name__} has no "
            f"{missing[0]}"
        )
    boxes = _placed(_arrays(net, height, height if width is None else width))
    right = max(box.left + box.wide for box in boxes)
    bottom = max(box.top + box.tall for box in boxes)
    return Layout(boxes, _arrows(net, boxes), right + MARGIN, bottom + MARGIN)


def _arrays(net: Any, height: int, width: int) -> list[Box]:
    """All arrays in their order, without places."""
    found = [Box("image", "image", 0, height, width, net.encoder[0].conv1.in_channels)]

    def add(name: str, step: str, level: int, sizes: Any, channels: int, across: int = 0) -> None:
        before = found[-1]
        high, wide = sizes.output_size(before.height, before.width)
        if min(high, wide) < 1 or (
            step == "pool" and (before.height % high or before.width % wide)
        ):
            raise ValueError(
                f"an image of {height} x {width} does not fit: {name} would get "
                f"{before.height} x {before.width} pixels"
            )
        found.append(Box(name, step, level, high, wide, channels, across))

    def pair(name: str, level: int, two: Any) -> None:
        for part in ("conv1", "conv2"):
            conv = getattr(two, part)
            add(f"{name}.{part}", "conv", level, conv.geometry, conv.out_channels)

    for level in range(net.depth):
        pair(f"encoder.{level}", level, net.encoder[level])
        add(f"pools.{level}", "pool", level + 1, net.pools[level], found[-1].channels)
    pair("bottom", net.depth, net.bottom)
    for level in reversed(range(net.depth)):
        up, both = net.ups[level], net.decoder[level].conv1.in_channels
        name = f"skips.{level}" if _way(net, level) else f"ups.{level}"
        add(name, "up", level, up, both, both - up.out_channels)
        pair(f"decoder.{level}", level, net.decoder[level])
    add("head", "head", 0, net.head.geometry, net.head.out_channels)
    return found


def _way(net: Any, level: int) -> str:
    """How what goes across is joined: ``"concat"``, ``"sum"``, or ``""`` for not at all."""
    join = net.skips[level].join
    if join is None:
        return ""
    return "concat" if isinstance(join, Concat) else "sum"


def _placed(arrays: list[Box]) -> list[Box]:
    """The same boxes with places: each pooled one below, each enlarged one above the one before it."""
    tallest, most = max(box.height for box in arrays), max(box.channels for box in arrays)
    digits = max(len(size(box)) for box in arrays)
    gap = max(GAP, DIGIT * digits)
    levels = range(max(box.level for box in arrays) + 1)
    heights = [max(b.height for b in arrays if b.level == level) for level in levels]
    room = [max(LEAST, TALL * height / tallest) for height in heights]
    tops = [MARGIN + sum(room[:level]) + BETWEEN * level for level in levels]
    placed: list[Box] = []
    for box in arrays:
        wide = WIDTHS[0] + WIDTHS[1] * box.channels / most
        tall = max(LEAST, TALL * box.height / tallest)
        if not placed:
            left = MARGIN
        elif box.step in ("pool", "up"):
            left = placed[-1].left + placed[-1].wide / 2 - wide / 2
        else:
            left = placed[-1].left + placed[-1].wide + gap
        top = tops[box.level] + (room[box.level] - tall) / 2
        placed.append(replace(box, left=left, top=top, wide=wide, tall=tall))
    return placed


def size(box: Box) -> str:
    """An array's size in words: 28 for a square, 28x36 for another."""
    return str(box.height) if box.height == box.width else f"{box.height}x{box.width}"


def came_up(box: Box) -> tuple[float, float]:
    """The left and right edge of a box, without the part that came across."""
    return box.left + box.wide * box.across / box.channels, box.left + box.wide


def _arrows(net: Any, boxes: list[Box]) -> list[Arrow]:
    """An arrow for each step, and one for each skip."""
    found = []
    for end, box in enumerate(boxes[1:], start=1):
        before, middle = boxes[end - 1], box.top + box.tall / 2
        if box.step in ("conv", "head"):
            tail, tip = (before.left + before.wide, middle), (box.left, middle)
        elif box.step == "pool":
            x = box.left + box.wide / 2
            tail, tip = (x, before.top + before.tall), (x, box.top)
        else:
            x = sum(came_up(box)) / 2
            x = min(max(x, before.left), before.left + before.wide)
            tail, tip = (x, before.top), (x, box.top + box.tall)
            if way := _way(net, box.level):
                start = max(i for i in range(end) if boxes[i].level == box.level)
                left = boxes[start]
                across = (left.left + left.wide, middle), (box.left, middle)
                found.append(Arrow(way, start, end, *across))
        found.append(Arrow(box.step, end - 1, end, tail, tip))
    return found
