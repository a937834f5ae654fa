"""Pictures that the lessons draw: small arrays with their numbers, and pictures that move."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

MARK = "#d55e00"


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


class Animation:
    """Pictures one after the other, again and again; a notebook shows them when a cell returns them.

    They are kept as a PNG that moves (an "animated PNG"): every browser plays it, and where it cannot
    be played the first picture is shown.

    Parameters
    ----------
    frames
        RGB pictures (H, W, 3) of uint8, all of one size.
    milliseconds
        How long each is shown.
    """

    def __init__(self, frames: list[np.ndarray], milliseconds: int) -> None:
        first, *others = (Image.fromarray(frame) for frame in frames)
        file = io.BytesIO()
        first.save(file, "PNG", save_all=True, append_images=others, duration=milliseconds, loop=0)
        self.png = file.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png


def animate(
    draw: Callable[[int], Figure], count: int, milliseconds: int = 400, dpi: int = 80
) -> Animation:
    """Make an animation of the figures ``draw(0)``, ``draw(1)``, ... ``draw(count - 1)``.

    `draw` returns a `matplotlib.figure.Figure` (not one of pyplot's, which would stay open), always of
    the same size.
    """
    frames = []
    for i in range(count):
        figure = draw(i)
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return Animation(frames, milliseconds)
