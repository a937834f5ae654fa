"""Where the boxes and arrows of a network's drawing lie, as numbers; `u_shape` paints them.

Nothing here draws, so that a page may paint the same boxes in its own way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tinyunet.layers import Concat, Conv2d, ConvTranspose2d
from tinyunet.networks.plain import as_network
from tinyunet.plots.graph_layout import graph_layout
from tinyunet.plots.u_boxes import (
    BETWEEN,
    DIGIT,
    GAP,
    LEAST,
    MARGIN,
    TALL,
    WIDTHS,
    Arrow,
    Box,
    Layout,
    size,
)  # fmt: skip

PARTS = ("depth", "encoder", "pools", "bottom", "ups", "skips", "decoder", "head")


def u_layout(net: Any, height: int, width: int | None = None) -> Layout:
    """Lay a network's arrays out: a U-Net as a U, any other in rows by how fine its arrays are.

    A box is as tall as its array and as wide as it has channels, on a scale of its own each. A U-Net's
    layers are asked for sizes and channels. Any other network runs once, on noise, and is laid out from
    left to right: a layer that only norms, rectifies, crops or joins has no box of its own.

    Parameters
    ----------
    net
        A `Network`, or any layer that turns images into logits.
    height, width
        Of the image, in pixels; a lone height means a square.

    Raises
    ------
    ValueError
        If the network does not take an image of this size.
    """
    width = height if width is None else width
    if not _is_u(net):
        return graph_layout(as_network(net), height, width)
    boxes = _placed(_arrays(net, height, width))
    right = max(box.left + box.wide for box in boxes)
    bottom = max(box.top + box.tall for box in boxes)
    return Layout(boxes, _arrows(net, boxes), right + MARGIN, bottom + MARGIN)


def _is_u(net: Any) -> bool:
    """Whether a network has the parts of `tinyunet.UNet`."""
    if not all(hasattr(net, part) for part in PARTS):
        return False
    blocks = [*net.encoder, net.bottom, *net.decoder]
    convs = [_conv(getattr(block, name, None)) for block in blocks for name in ("conv1", "conv2")]
    return (
        all(isinstance(conv, Conv2d) for conv in (*convs, net.head))
        and all(isinstance(up, ConvTranspose2d) for up in net.ups)
        and all(hasattr(skip, "join") for skip in net.skips)
    )


def _conv(part: Any) -> Any:
    """The convolution that a part is, or that it has before its norm."""
    return getattr(part, "conv", part)


def _arrays(net: Any, height: int, width: int) -> list[Box]:
    """All arrays in their order, without places."""
    found = [Box("image", "image", 0, height, width, _conv(net.encoder[0].conv1).in_channels)]

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
            conv = _conv(getattr(two, part))
            add(f"{name}.{part}", "conv", level, conv.geometry, conv.out_channels)

    for level in range(net.depth):
        pair(f"encoder.{level}", level, net.encoder[level])
        add(f"pools.{level}", "pool", level + 1, net.pools[level], found[-1].channels)
    pair("bottom", net.depth, net.bottom)
    for level in reversed(range(net.depth)):
        up, both = net.ups[level], _conv(net.decoder[level].conv1).in_channels
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
