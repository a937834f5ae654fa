"""Small arrays drawn with their numbers, for the lessons."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinyunet.plots.figure import MARK


def draw_numbers(
    axis: Axes,
    array: np.ndarray,
    title: str = "",
    *,
    mark: tuple[int, int, int, int] | None = None,
    fontsize: int = 12,
) -> None:
    """Draw a small array (H, W) as squares with its numbers: orange above 0, purple below.

    Parameters
    ----------
    axis
        Where to.
    array
        The numbers; a NaN is left white.
    title
        Above it.
    mark
        Draw a frame around a part: (top, left, height, width).
    fontsize
        Of the numbers and the title.
    """
    array = np.asarray(array, float)
    height, width = array.shape
    limit = 1.6 * np.nanmax(np.abs(array), initial=1e-12)  # pale enough to read black on it
    axis.imshow(array, cmap="PuOr_r", vmin=-limit, vmax=limit)
    for (i, j), value in np.ndenumerate(array):
        if not np.isnan(value):
            axis.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=fontsize)
    axis.set_xticks(np.arange(width + 1) - 0.5, [])
    axis.set_yticks(np.arange(height + 1) - 0.5, [])
    axis.grid(color="0.8")
    axis.tick_params(length=0)
    axis.set_title(title, fontsize=fontsize)
    if mark is not None:
        top, left, tall, wide = mark
        corner = (left - 0.5, top - 0.5)
        axis.add_patch(Rectangle(corner, wide, tall, fill=False, color=MARK, linewidth=4, zorder=3))
