"""What a pixel of the output sees of the image, and on what its class depends."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage

from tinyunet.plots.colours import visible
from tinyunet.plots.figure import LINE, MARK, WIDTH, NotebookFigure, show

FLOOR = 1e-6  # of the largest value: what is smaller is drawn like it


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
    titles = ["image", *gradients]
    wide = WIDTH / len(titles)
    figure = NotebookFigure((WIDTH, 0.5 + wide * tall), layout="constrained")
    axes = figure.subplots(1, len(titles))
    show(axes[0], visible(image))
    for axis, gradient in zip(axes[1:], gradients.values(), strict=True):
        smooth = ndimage.uniform_filter(np.asarray(gradient, float), 3)
        show(axis, smooth, cmap="magma", vmin=0, vmax=np.percentile(smooth, 99))
    for axis, title in zip(axes, titles, strict=True):
        axis.plot(pixel[1], pixel[0], "+", color=MARK, markersize=11, markeredgewidth=2)
        axis.set_title(textwrap.fill(title, int(9 * wide)), fontsize=12)
    return figure
