"""What is done to an image before training: its weight map, its deformation."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from tinyunet.data.warp import deformed
from tinyunet.plots.colours import visible
from tinyunet.plots.figure import MARK, WIDTH, NotebookFigure, show


def weight_map(image: np.ndarray, weights: np.ndarray, most: float | None = None) -> Figure:
    """Show an image (H, W, C) beside the weight (H, W) of each of its pixels in the loss.

    The brightest colour is the largest weight, or `most`: for several figures with the same colours.
    """
    figure = NotebookFigure((WIDTH, WIDTH / 2.15 * image.shape[0] / image.shape[1] + 0.4))
    figure.set_layout_engine("constrained")
    left, right = figure.subplots(1, 2)
    show(left, visible(image))
    left.set_title("image", fontsize=13)
    shown = show(right, weights, cmap="magma", vmin=0, vmax=most)
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
        show(axis, visible(shown), alpha=0.85)
        # A line of the grid runs through the pixels that come from the same row or column.
        for along, length in zip(source, (height, width), strict=True):
            levels = np.arange(mesh / 2, length, mesh) - 0.5
            axis.contour(along, levels, colors=[MARK], linewidths=1.3)
        axis.set_title(name, fontsize=13)
    return figure
