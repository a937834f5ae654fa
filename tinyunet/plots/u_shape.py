"""A network, drawn from itself: the U of a U-Net."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

from tinyunet.plots.figure import LINE, MARK, NotebookFigure
from tinyunet.plots.u_boxes import Box, Layout, size
from tinyunet.plots.u_layout import u_layout

ENTRY, LINE_HEIGHT = 1.4, 0.22  # inches: of the legend's entries, below the drawing
FONT = 9  # points
SPACE, BESIDE = 0.04, 0.07  # inches from a box, and from an arrow, to what is written
Colour = str | tuple[float, float, float]
GRAY: Colour = "0.45"
COLOURS: dict[str, Colour] = {"conv": LINE, "pool": MARK, "up": "#009e73", "head": "#cc79a7"}
SHADE, WHITE = "#8ec1e6", "white"
NAMES = {"conv": "conv, ReLU", "pool": "max-pool", "up": "up-conv", "head": "last conv"}
OTHERS = NAMES | {"conv": "conv", "pool": "pooling", "up": "enlarged", "other": "other layers"}
ACROSS = {"concat": "concat", "sum": "add", "skip": "joined"}


def u_shape(net: Any, height: int, width: int | None = None) -> Figure:
    """Draw a network: a box for each array, and an arrow for each step; a U-Net as a U.

    A box is as tall as its array and as wide as it has channels (above it; below it stands its side in
    pixels). What came across is white. Nothing is drawn from memory: sizes and channels are those of
    the network's layers. `u_layout` says how other networks are laid out.

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
    layout = u_layout(net, height, width)
    columns = max(1, int(layout.width / ENTRY))
    handles = _legend(layout)
    tall = layout.height + LINE_HEIGHT * -(-len(handles) // columns)
    figure = NotebookFigure((layout.width, tall))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set_xlim(0, layout.width)
    axis.set_ylim(tall, 0)
    for number, box in enumerate(layout.boxes):
        _paint(axis, box)
        _write(axis, number, layout)
    _arrows(axis, layout)
    axis.legend(
        handles=handles, loc="lower center", ncols=min(columns, len(handles)), fontsize=10,
        frameon=False, handlelength=1.5,
    )  # fmt: skip
    return figure


def _paint(axis: Axes, box: Box) -> None:
    """A box, white where it came across."""
    white = box.wide * box.across / box.channels
    for left, wide, colour in ((box.left, box.wide, SHADE), (box.left, white, WHITE)):
        if wide:
            corner = left, box.top
            axis.add_patch(
                Rectangle(corner, wide, box.tall, facecolor=colour, edgecolor="0.25", linewidth=0.8)
            )


def _write(axis: Axes, number: int, layout: Layout) -> None:
    """Channels above and side below; beside the arrow where one comes in or goes out there."""
    box = layout.boxes[number]
    middle = box.left + box.wide / 2
    above, below = (middle, "center"), (middle, "center")
    for arrow in layout.arrows:
        here = number in (arrow.start, arrow.end)
        if not arrow.is_upright:
            continue
        down = arrow.tip[1] > arrow.tail[1]
        if here and down:  # to the right of its tail, to the left of its tip
            if number == arrow.start:
                below = arrow.tail[0] + BESIDE, "left"
            else:
                above = arrow.tip[0] - BESIDE, "right"
        elif here:
            if number == arrow.start:
                above = arrow.tail[0] + BESIDE, "left"
            else:
                below = arrow.tip[0] - BESIDE, "right"
    axis.text(above[0], box.top - SPACE, str(box.channels), ha=above[1], va="bottom", fontsize=FONT)
    axis.text(
        below[0], box.top + box.tall + SPACE, size(box), ha=below[1], va="top", fontsize=FONT,
        color="0.35",
    )  # fmt: skip


def _arrows(axis: Axes, layout: Layout) -> None:
    """All arrows, and a dashed frame around what a crop keeps."""
    for arrow in layout.arrows:
        if arrow.kind in ACROSS:
            start, end = layout.boxes[arrow.start], layout.boxes[arrow.end]
            larger = start.height >= end.height and start.width >= end.width
            if not arrow.bends and larger and start.level == end.level and start.tall > end.tall:
                axis.add_patch(
                    Rectangle(
                        (start.left, end.top), start.wide, end.tall, fill=False, linestyle=(0, (2, 2)),
                        edgecolor="0.25", linewidth=0.8,
                    )
                )  # fmt: skip
        *before, corner = arrow.tail, *arrow.bends
        if before:
            x, y = zip(*before, corner, strict=True)
            axis.add_line(Line2D(x, y, color=COLOURS.get(arrow.kind, GRAY), linewidth=1.5))
        axis.add_patch(
            FancyArrowPatch(
                corner, arrow.tip, arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=0,
                color=COLOURS.get(arrow.kind, GRAY), linewidth=1.5,
            )
        )  # fmt: skip


def _legend(layout: Layout) -> list[Line2D]:
    """What the arrows mean, as far as there are any."""
    skips = [arrow for arrow in layout.arrows if arrow.kind in ACROSS]
    ends = [(layout.boxes[arrow.start], layout.boxes[arrow.end]) for arrow in skips]
    crops = any(a.height > b.height for a, b in ends if a.level == b.level)
    kinds = {arrow.kind for arrow in layout.arrows}
    own = NAMES if layout.home is None else OTHERS
    names = own | {kind: ("crop, " if crops else "") + word for kind, word in ACROSS.items()}
    return [
        Line2D([], [], color=COLOURS.get(kind, GRAY), linewidth=3, label=name)
        for kind, name in names.items()
        if kind in kinds
    ]
