"""Cells and classes beside the truth, and drawn on their image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tinyunet.metrics.regions import consecutive
from tinyunet.plots.colours import (
    CONFUSED,
    EXTRA,
    MISSED,
    RIGHT,
    colour_numbers,
    common_pixels,
    errors,
    outlines,
    palette,
    visible,
)
from tinyunet.plots.figure import WIDTH, NotebookFigure, show


def compare(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predicted: Sequence[np.ndarray],
    *,
    captions: Sequence[str] | None = None,
    title: str = "",
    classes: bool = False,
) -> Figure:
    """Show images, truths, predictions and errors side by side, a row for each image.

    Cells that touch have different colours, and a predicted cell has that of the true cell on which
    most of it lies. A predicted cell that holds two true ones or more (more than half of each) is
    outlined as merged.

    Parameters
    ----------
    images
        (H, W, C) floats: gray with one channel, RGB with three; of others the first is shown.
    truths, predicted
        For each image the numbers (H, W) of its cells, or with `classes` its class map;
        0 = background.
    captions
        A text for each row, such as its scores.
    title
        Above everything.
    classes
        Give every class its own colour, and mark where one class was taken for another.

    Raises
    ------
    ValueError
        If there is no image, or sizes or lengths do not fit.
    """
    cases = list(zip(images, truths, predicted, strict=True))
    if not cases:
        raise ValueError("compare needs at least one image, got none")
    for number, arrays in enumerate(cases):
        if len({array.shape[:2] for array in arrays}) > 1:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise ValueError(f"image, truth and prediction {number} differ in size: {shapes}")
    if captions is not None and len(captions) != len(cases):
        raise ValueError(f"got {len(cases)} images but {len(captions)} captions")

    heights = [image.shape[0] / image.shape[1] for image in images]
    texts = 0.6 + (0.38 if title else 0) + (0.3 if captions else 0.08) * len(cases)  # inches
    figure = NotebookFigure(
        (WIDTH, (WIDTH / 4 - 0.08) * sum(heights) + texts), layout="constrained"
    )
    axes = figure.subplots(len(cases), 4, squeeze=False, height_ratios=heights)
    any_merged = False
    for row, (image, truth, guess) in zip(axes, cases, strict=True):
        merged = np.zeros(guess.shape, bool) if classes else outlines(guess) & _merged(truth, guess)
        any_merged |= merged.any()
        if classes:
            numbers = truth, guess
        else:
            numbers = (own := colour_numbers(truth)), colour_numbers(guess, like=own)
        show(row[0], visible(image))
        for axis, cells, colours in zip(row[1:3], (truth, guess), numbers, strict=True):
            shade = np.where(outlines(cells), 0.6, 1)[..., None]
            show(axis, palette(colours.max(initial=0))[colours] * shade)
        judged = errors(truth, guess, classes)
        inner = outlines(truth) & (judged == RIGHT).all(axis=2)
        judged[inner] *= 0.75  # where a merged cell should part
        judged[merged] = CONFUSED
        show(row[3], judged)

    for axis, name in zip(axes[0], ("image", "truth", "prediction", "errors"), strict=True):
        axis.set_title(name, fontsize=13)
    for axis, caption in zip(axes[:, 2], captions or [], strict=False):
        axis.set_xlabel(caption, fontsize=12)
    kinds = {"right": RIGHT, "too much": EXTRA, "missed": MISSED}
    if any_merged or classes:
        kinds["wrong class" if classes else "merged cells"] = CONFUSED
    handles = [Patch(facecolor=colour, label=kind) for kind, colour in kinds.items()]
    figure.legend(
        handles=handles, loc="outside lower right", ncols=4, fontsize=12, frameon=False,
        handlelength=1, handleheight=1,
    )  # fmt: skip
    if title:
        figure.suptitle(title, fontsize=15)
    return figure


def _merged(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return the mask of the predicted cells that hold more than half of two true cells or more."""
    cells = consecutive(guess)
    common = common_pixels(cells, consecutive(truth))
    held = common > common.sum(axis=0) / 2
    held[:, 0] = held[0] = False
    return (held.sum(axis=1) > 1)[cells]


def overlay(image: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Draw the outline of every cell on its image.

    Parameters
    ----------
    image
        (H, W, C) floats; the brightness is stretched as in `visible`.
    instances
        The number (H, W) of the cell at every pixel, 0 = background.

    Returns
    -------
    (H, W, 3) uint8 array
        The outline is the outermost line of pixels of a cell, in the cell's colour.
    """
    colours = colour_numbers(instances)
    outlined = outlines(instances)
    shown = np.round(255 * visible(image)).astype(np.uint8)
    table = np.round(255 * palette(colours.max(initial=0))).astype(np.uint8)
    shown[outlined] = table[colours[outlined]]
    return shown
