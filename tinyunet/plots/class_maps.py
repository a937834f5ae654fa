"""Images and class maps side by side, every class in a colour of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tinyunet.plots.colours import palette, visible
from tinyunet.plots.figure import WIDTH, NotebookFigure, show

MOST = 4  # pictures in a row


def class_maps(pictures: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Show images and class maps in rows of up to four, and below them what the colours mean.

    Parameters
    ----------
    pictures
        By title: images (H, W, C) of floats, or class maps (H, W) of whole numbers.
    classes
        The names of classes 0, 1, 2, ...

    Raises
    ------
    ValueError
        If there is no picture, or a class has no name.
    """
    if not pictures:
        raise ValueError("class_maps needs at least one picture, got none")
    colours = palette(len(classes) - 1)
    columns = min(MOST, len(pictures))
    rows = -(-len(pictures) // columns)
    first = next(iter(pictures.values()))
    height = rows * (0.35 + WIDTH / columns * first.shape[0] / first.shape[1]) + 0.4
    figure = NotebookFigure((WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(pictures) :]:
        axis.set_axis_off()
    for axis, (title, picture) in zip(axes, pictures.items(), strict=False):
        if picture.ndim == 2 and not 0 <= picture.min() <= picture.max() < len(classes):
            raise ValueError(
                f"{title!r} has classes {picture.min()} to {picture.max()}, and {len(classes)} have "
                "names"
            )
        show(axis, visible(picture) if picture.ndim == 3 else colours[picture])
        axis.set_title(title, fontsize=13)
    handles = [
        Patch(facecolor=colour, edgecolor="0.4", label=name)
        for colour, name in zip(colours, classes, strict=False)
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(classes), fontsize=12, frameon=False,
        handlelength=1, handleheight=1,
    )  # fmt: skip
    return figure
