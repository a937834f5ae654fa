"""Many images on one page, each with the outlines of its cells or classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tinyunet.metrics.regions import consecutive
from tinyunet.plots.colours import colour_numbers, outlines, palette, visible
from tinyunet.plots.figure import NotebookFigure, show

SIDE = 3.0  # inches of a picture
COLUMNS = 5
WINDOW = 320  # pixels: of a larger image a part is shown
ACROSS = 40  # pixels that things of usual size have on the sheet at most
WARNING = "#b3261e"


@dataclass(frozen=True)
class Shown:
    """An image (H, W, C) of floats, the numbers (H, W) of its cells or classes, and what to write.

    `warning`: the caption is written in red. `beside`: numbers (H, W) that are shown in colours beside
    it, such as those in a mask of which it is in doubt what they mean.
    """

    image: np.ndarray
    numbers: np.ndarray
    caption: str
    warning: bool = False
    beside: np.ndarray | None = None


def contact_sheet(
    pictures: Sequence[Shown],
    *,
    title: str = "",
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Show images side by side with outlines of what their masks were taken for.

    Of a large image the part is shown in which most is marked, made smaller where cells are large.

    Parameters
    ----------
    pictures
        What is shown.
    title
        Above everything.
    class_names
        Numbers are classes, with these names: each has its own colour.

    Raises
    ------
    ValueError
        If there are no pictures.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one image, got none")
    each = 2 if any(picture.beside is not None for picture in pictures) else 1
    columns = min(len(pictures), COLUMNS // each)
    rows = math.ceil(len(pictures) / columns)
    parts = [part_of(picture) for picture in pictures]
    shapes = [part.numbers.shape for part in parts]
    ratios = [min(max(height / width, 0.3), 1.5) for height, width in shapes]
    heights = [max(ratios[row * columns : (row + 1) * columns]) for row in range(rows)]
    size = max(8, SIDE * columns * each), SIDE * sum(heights) + 0.3 * rows + 0.8
    figure = NotebookFigure(size, layout="constrained")
    axes = figure.subplots(rows, columns * each, squeeze=False, height_ratios=heights)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, part in enumerate(parts):
        row, column = divmod(number, columns)
        colours = part.numbers if class_names is not None else colour_numbers(part.numbers)
        first = axes[row, column * each]
        _draw(first, _outlined(part.image, part.numbers, colours))
        first.set_title(part.caption, fontsize=9, color=WARNING if part.warning else "black")
        if part.beside is not None:
            ranks = consecutive(part.beside)
            _draw(axes[row, column * each + 1], palette(int(ranks.max()))[ranks])
    if class_names is not None:
        table = palette(len(class_names))
        handles = [
            Patch(facecolor=table[k], label=f"{k} {name}".strip())
            for k, name in enumerate(class_names)
        ]
        figure.legend(handles=handles[:20], loc="outside lower center", ncols=5, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11, wrap=True)
    return figure


def part_of(picture: Shown) -> Shown:
    """The part that a sheet shows of an image: at most 320 x 320 pixels, in arrays of their own."""
    place = _place(picture.numbers)
    beside = None if picture.beside is None else picture.beside[place].copy()
    image, numbers = picture.image[place].copy(), picture.numbers[place].copy()
    return replace(picture, image=image, numbers=numbers, beside=beside)


def _draw(axis: object, picture: np.ndarray) -> None:
    axis.set_axis_on()
    show(axis, picture, interpolation="nearest" if max(picture.shape[:2]) < 200 else None)


def _outlined(image: np.ndarray, numbers: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) with the outlines of its numbers in their colours."""
    shown, edges = visible(image).copy(), outlines(numbers)
    shown[edges] = palette(int(colours.max()))[colours[edges]]
    return shown


def _place(numbers: np.ndarray) -> tuple[slice, slice]:
    """The window of an image in which most is marked, and how many pixels it leaves out."""
    edges = np.count_nonzero(outlines(numbers))
    across = 4 * np.count_nonzero(numbers) / max(edges, 1)  # of discs, the diameter
    step = max(1, round(across / ACROSS))
    rows, columns = (_window(numbers.any(axis=axis), step) for axis in (1, 0))
    return rows, columns


def _window(marked: np.ndarray, step: int) -> slice:
    """The rows, or columns, around the middle of those that are marked."""
    side = WINDOW * step
    if marked.size <= side:
        return slice(0, marked.size, max(1, min(step, marked.size // WINDOW)))
    where = np.flatnonzero(marked)
    middle = int(np.median(where)) if where.size else marked.size // 2
    first = min(max(0, middle - side // 2), marked.size - side)
    return slice(first, first + side, step)
