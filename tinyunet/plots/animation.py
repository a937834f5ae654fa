"""Pictures that move, for the lessons."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from tinyunet.plots.figure import picture


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
    draw: Callable[[int], Figure], count: int, milliseconds: int = 400, dpi: int = 110
) -> Animation:
    """Make an animation of the figures ``draw(0)``, ``draw(1)``, ... ``draw(count - 1)``.

    `draw` returns a `matplotlib.figure.Figure` (not one of pyplot's, which would stay open), always of
    the same size.
    """
    return Animation([picture(draw(i), dpi) for i in range(count)], milliseconds)
