"""A curve that a reader sketched, beside the measured one."""

from __future__ import annotations

import base64
import html
from typing import Any

import numpy as np

Points = list[tuple[float, float]]


def as_points(value: Any) -> Points | None:
    """Return (x, y) pairs in the order of x; None if these are none, or fewer than two."""
    try:
        points = np.array(value, float)
    except (TypeError, ValueError):
        return None
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        return None
    return [(float(x), float(y)) for x, y in sorted(points.tolist())]


def farthest(sketch: Points, curve: Points) -> str:
    """Say where a sketch is farthest from a curve, and by how much."""
    xs, ys = np.array(curve).T
    there = (xs >= sketch[0][0]) & (xs <= sketch[-1][0])
    if not there.any():
        return f"your sketch has no point between x = {xs[0]:.4g} and {xs[-1]:.4g}."
    guess = np.interp(xs, *np.array(sketch).T)
    off = np.where(there, guess - ys, 0)
    at = int(np.abs(off).argmax())
    if not off[at]:
        return "your sketch is right."
    return (
        f"your sketch is farthest off at x = {xs[at]:.4g}: you {guess[at]:.3g}, measured "
        f"{ys[at]:.3g}, {abs(off[at]):.2g} too {'high' if off[at] > 0 else 'low'}."
    )


def draw(what: str, sketch: Points, curve: Points) -> None:
    """Draw both in a notebook, in a small figure with an alternative text; elsewhere do nothing."""
    from tinyunet.plots.live import notebook

    if notebook() is None:
        return
    from IPython.display import HTML, display

    png = base64.b64encode(figure(sketch, curve)._repr_png_()).decode()
    text = html.escape(f"{what}: {farthest(sketch, curve)}", quote=True)
    display(HTML(f'<img width="400" alt="{text}" src="data:image/png;base64,{png}">'))


def figure(sketch: Points, curve: Points) -> Any:
    """Return the figure: the sketch dashed, the measured curve solid."""
    from tinyunet.plots.figure import LINE, MARK, NotebookFigure

    made = NotebookFigure((5, 2.8), layout="constrained")
    axis = made.subplots()
    axis.plot(*np.array(sketch).T, "o--", color=MARK, label="your sketch")
    axis.plot(*np.array(curve).T, color=LINE, linewidth=2, label="measured")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    return made
