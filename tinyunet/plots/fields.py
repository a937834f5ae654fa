"""What a pixel of the output sees of the image, and what several networks make of the same images."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage

from tinyunet.plots.colours import palette, visible
from tinyunet.plots.figure import LINE, MARK, WIDTH, NotebookFigure, show

FLOOR = 1e-6  # of the largest value: what is smaller is drawn like it
LARGEST = 2.2  # inches: the width of a picture


def receptive_fields(
    gradients: Mapping[str, np.ndarray], sides: Mapping[str, tuple[int, int]]
) -> Figure:
    """Show how strongly one output pixel depends on each pixel of the image, on a logarithmic scale.

    Parameters
    ----------
    gradients
        By a title, the size (H, W) of the gradient of an output pixel that lies in the middle.
    sides
        By the same titles, the sides of two squares around the middle: a thin one around all that is
        seen, and a thick one.
    """
    figure = NotebookFigure((WIDTH, WIDTH / len(gradients) + 0.1), layout="constrained")
    axes = figure.subplots(1, len(gradients), squeeze=False)[0]
    for axis, (title, gradient) in zip(axes, gradients.items(), strict=True):
        shares = np.maximum(gradient / gradient.max(), FLOOR)
        drawn = show(axis, shares, cmap="gray", norm=LogNorm(FLOOR, 1))
        middle = np.array(gradient.shape[::-1]) // 2
        for side, colour, width in zip(sides[title], (LINE, MARK), (1.5, 2.5), strict=True):
            corner = middle - side / 2
            axis.add_patch(Rectangle(corner, side, side, fill=False, color=colour, lw=width))
        axis.set_title(title, fontsize=12)
    bar = figure.colorbar(drawn, ax=list(axes), fraction=0.03, pad=0.01)
    bar.set_label("share of the largest")
    return figure


def class_maps(
    images: Sequence[np.ndarray], maps: Mapping[str, Sequence[np.ndarray]], classes: int
) -> Figure:
    """Show images, a row for each, beside several class maps of them, such as predictions.

    Parameters
    ----------
    images
        (H, W, C) floats.
    maps
        By a title, for each image a map (H, W) of classes 0 to classes - 1, in one colour each.
    classes
        How many there are.
    """
    tall = images[0].shape[0] / images[0].shape[1]
    wide, titles = _width(1 + len(maps)), ["image", *maps]
    figure = NotebookFigure(
        (wide * len(titles), 0.5 + len(images) * wide * tall), layout="constrained"
    )
    axes = figure.subplots(len(images), len(titles), squeeze=False)
    for row, image in enumerate(images):
        show(axes[row, 0], visible(image))
        for axis, drawn in zip(axes[row, 1:], maps.values(), strict=True):
            show(axis, palette(classes)[drawn[row]])
    for axis, title in zip(axes[0], titles, strict=True):
        _set_title(axis, title, wide)
    return figure


def sensitivities(
    image: np.ndarray, pixel: tuple[int, int], gradients: Mapping[str, np.ndarray]
) -> Figure:
    """Show an image with one pixel marked, and beside it on what that pixel's class depends.

    Parameters
    ----------
    image
        (H, W, C) floats.
    pixel
        Its row and column.
    gradients
        By a title, the size (H, W) of the gradient: what is shown is its mean over 3 x 3 pixels, from
        0 to its brightest 1 %.
    """
    tall = image.shape[0] / image.shape[1]
    wide, titles = _width(1 + len(gradients)), ["image", *gradients]
    figure = NotebookFigure((wide * len(titles), 0.5 + wide * tall), layout="constrained")
    axes = figure.subplots(1, len(titles))
    show(axes[0], visible(image))
    for axis, gradient in zip(axes[1:], gradients.values(), strict=True):
        smooth = ndimage.uniform_filter(np.asarray(gradient, float), 3)
        show(axis, smooth, cmap="magma", vmin=0, vmax=np.percentile(smooth, 99))
    for axis, title in zip(axes, titles, strict=True):
        axis.plot(pixel[1], pixel[0], "+", color=MARK, markersize=11, markeredgewidth=2)
        _set_title(axis, title, wide)
    return figure


def _width(count: int) -> float:
    """Return the width in inches of one of several pictures in a row."""
    return min(LARGEST, WIDTH / count)


def _set_title(axis: Axes, title: str, wide: float) -> None:
    """Set a title above a picture, in several lines where it is wider than that."""
    axis.set_title(textwrap.fill(title, int(9 * wide)), fontsize=12)
