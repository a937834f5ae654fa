"""What all figures share: colours and width, how a notebook shows them, how they are saved."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tinyunet.engine.whole_files import written_whole

LINE, MARK = to_rgb("#0072b2"), to_rgb("#d55e00")
WIDTH = 8  # inches


class NotebookFigure(Figure):
    """A figure that notebooks show even where nothing has imported pyplot."""

    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=110)
        return png.getvalue()


def save(figure: Figure, path: str | Path | io.BytesIO) -> None:
    """Write a figure as a PNG with 100 dots an inch; a file is written whole or not at all."""
    target = written_whole(path) if isinstance(path, str | Path) else contextlib.nullcontext(path)
    with target as file:
        figure.savefig(file, format="png", dpi=100)


def picture(figure: Figure, dpi: int) -> np.ndarray:
    """Draw a figure into an RGB picture (H, W, 3) of uint8."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def show(axis: Axes, picture: np.ndarray, **options: Any) -> Any:
    """Draw a picture without ticks and frame."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    return axis.imshow(picture, **options)
