"""Pictures of data, training and results.

Every function returns a `matplotlib.figure.Figure` and opens no window (a notebook shows what a cell
returns); `save` writes it as a PNG. Arrays are NumPy arrays: `tinyunet.to_cpu` for others.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tinyunet.data.warp import deformed
from tinyunet.engine.whole_files import written_whole
from tinyunet.plots.colours import (
    CONFUSED,
    EXTRA,
    MISSED,
    RIGHT,
    colour_numbers,
    common_pixels,
    consecutive,
    errors,
    outlines,
    palette,
    visible,
)

LINE, MARK = to_rgb("#0072b2"), to_rgb("#d55e00")
WIDTH = 8  # inches


class NotebookFigure(Figure):
    """A figure that notebooks show even where nothing has imported pyplot."""

    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        save(self, png)
        return png.getvalue()


def save(figure: Figure, path: str | Path | io.BytesIO) -> None:
    """Write a figure as a PNG with 100 dots an inch; a file is written whole or not at all."""
    target = written_whole(path) if isinstance(path, str | Path) else contextlib.nullcontext(path)
    with target as file:
        figure.savefig(file, format="png", dpi=100)


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
        _show(row[0], visible(image))
        for axis, cells, colours in zip(row[1:3], (truth, guess), numbers, strict=True):
            shade = np.where(outlines(cells), 0.6, 1)[..., None]
            _show(axis, palette(colours.max(initial=0))[colours] * shade)
        judged = errors(truth, guess, classes)
        inner = outlines(truth) & (judged == RIGHT).all(axis=2)
        judged[inner] *= 0.75  # where a merged cell should part
        judged[merged] = CONFUSED
        _show(row[3], judged)

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


def curves(history: Any) -> Figure:
    """Show the loss of every step and its running mean, and the validation scores.

    Parameters
    ----------
    history
        A `tinyunet.learning.training.History`, or a dict with its ``loss`` (one number a step),
        ``validation`` ((step, score) pairs), ``score_name`` and ``best_step`` (or None).

    Raises
    ------
    ValueError
        If there is no step to show.
    """
    run = SimpleNamespace(**history) if isinstance(history, dict) else history
    loss = np.asarray(run.loss, float)
    if not loss.size:
        raise ValueError("the history holds no step yet: there is nothing to show")
    panels = 2 if run.validation else 1
    figure = NotebookFigure((WIDTH if panels == 2 else WIDTH / 2, 3.6), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]

    steps, width = np.arange(1, loss.size + 1), max(1, loss.size // 25)
    axes[0].plot(steps, loss, color="0.8", linewidth=0.8, label="each step")
    smooth = np.convolve(loss, np.full(width, 1 / width), mode="valid")
    middles = np.convolve(steps, np.full(width, 1 / width), mode="valid")
    line = "o-" if loss.size == 1 else "-"  # a line needs two points
    axes[0].plot(middles, smooth, line, color=LINE, linewidth=2, label=f"mean of {width}")
    # A loss that reached 0, or ended as nan, has no place on a logarithmic axis.
    axes[0].set_yscale("log" if loss.min() > 0 else "linear")
    axes[0].set_ylabel("training loss", fontsize=12)
    if run.validation:
        at, scores = zip(*run.validation, strict=True)
        axes[1].plot(at, scores, "o-", color=LINE, linewidth=2, markersize=4)
        axes[1].set_ylabel(f"{run.score_name} on validation images", fontsize=12)
        if run.best_step is not None:
            best = dict(run.validation)[run.best_step]
            label = f"kept: {best:.3f} at step {run.best_step}"
            axes[1].plot(run.best_step, best, "*", color=MARK, markersize=15, label=label)
    for axis in axes:
        axis.set_xlabel("step", fontsize=12)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="0.93")
        if axis.get_legend_handles_labels()[0]:
            axis.legend(frameon=False, fontsize=11)
    return figure


def weight_map(image: np.ndarray, weights: np.ndarray) -> Figure:
    """Show an image (H, W, C) beside the weight (H, W) of each of its pixels in the loss."""
    figure = NotebookFigure((WIDTH, WIDTH / 2.15 * image.shape[0] / image.shape[1] + 0.4))
    figure.set_layout_engine("constrained")
    left, right = figure.subplots(1, 2)
    _show(left, visible(image))
    left.set_title("image", fontsize=13)
    shown = _show(right, weights, cmap="magma", vmin=0)
    right.set_title("weight in the loss", fontsize=13)
    figure.colorbar(shown, ax=right, fraction=0.05, pad=0.02)
    return figure


def deformation(image: np.ndarray, field: np.ndarray, lines: int = 8) -> Figure:
    """Show an image beside its deformed version, with a grid that is deformed along.

    Parameters
    ----------
    image
        (H, W, C) floats.
    field
        The displacements (2, H, W) in rows and columns: `tinyunet.data.displacement_field`.
    lines
        How many meshes the grid has along the longer side.

    Raises
    ------
    ValueError
        If image and field differ in size.
    """
    height, width = image.shape[:2]
    if field.shape != (2, height, width):
        raise ValueError(
            f"the image is {height}x{width}, but the field has shape {field.shape}: "
            f"it should be (2, {height}, {width})"
        )
    figure = NotebookFigure(
        (WIDTH, (WIDTH / 2 - 0.05) * height / width + 0.4), layout="constrained"
    )
    places = np.indices((height, width), float)
    mesh = max(height, width) / lines
    for axis, name, source, shown in zip(
        figure.subplots(1, 2),
        ("image", "deformed"),
        (places, places + field),
        (image, deformed(image, field)),
        strict=True,
    ):
        _show(axis, visible(shown), alpha=0.85)
        # A line of the grid runs through the pixels that come from the same row or column.
        for along, length in zip(source, (height, width), strict=True):
            levels = np.arange(mesh / 2, length, mesh) - 0.5
            axis.contour(along, levels, colors=[MARK], linewidths=1.3)
        axis.set_title(name, fontsize=13)
    return figure


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
    outlined = outlines(instances)[..., None]
    shown = np.where(outlined, palette(colours.max(initial=0))[colours], visible(image))
    return np.round(255 * shown).astype(np.uint8)


def _merged(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return the mask of the predicted cells that hold more than half of two true cells or more."""
    cells = consecutive(guess)[1]
    common = common_pixels(cells, consecutive(truth)[1])
    held = common > common.sum(axis=0) / 2
    held[:, 0] = held[0] = False
    return (held.sum(axis=1) > 1)[cells]


def _show(axis: Axes, picture: np.ndarray, **options: Any) -> Any:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    return axis.imshow(picture, **options)
