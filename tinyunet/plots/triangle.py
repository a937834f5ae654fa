"""The nodes of a U-Net++ as a triangle, each shaded by a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from tinyunet.plots.figure import LINE, MARK, WIDTH, NotebookFigure

Place = tuple[int, int]
RADIUS = 0.42
DOWN, UP, ACROSS = MARK, LINE, "0.6"


def triangle(
    values: Mapping[Place, float] | Sequence[Mapping[Place, float]],
    *,
    labels: Mapping[Place, str] | None = None,
    titles: Sequence[str] = (),
) -> Figure:
    """Draw the nodes X[i, j] of a U-Net++, and the paths between them.

    Poolings go down to the right, up-convolutions up to the right, skips to the right: gray, those that
    leave out a node as bows. Nodes that have no value, or 0, stay white; the others are the darker the
    larger their value, on a scale of logarithms.

    Parameters
    ----------
    values
        A number for each (i, j), not negative; several of them make a triangle each, two in a row.
    labels
        What to write into the nodes; by default i and j.
    titles
        Above each triangle.

    Raises
    ------
    ValueError
        If there is no node.
    """
    several = [values] if isinstance(values, Mapping) else list(values)
    if not several or not all(several):
        raise ValueError("triangle needs at least one node, got none")
    depth = max(i + j for each in several for i, j in each)
    largest = max(value for each in several for value in each.values())
    columns = min(2, len(several))
    rows = -(-len(several) // columns)
    side = WIDTH / columns * (depth + 1.9) / (2 * depth + 1.2)  # inches
    figure = NotebookFigure((WIDTH, rows * (side + 0.3 * bool(titles))), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    small = len(several) > 1
    for axis in axes:
        axis.set_axis_off()
    for number, (axis, each) in enumerate(zip(axes, several, strict=False)):
        _paths(axis, depth, small)
        for i in range(depth + 1):
            for j in range(depth + 1 - i):
                text = (labels or {}).get((i, j), f"{i},{j}")
                _node(axis, i, j, each.get((i, j), 0) / (largest or 1), text, 9 if small else 12)
        axis.set_xlim(-0.6, 2 * depth + 0.6)
        axis.set_ylim(-depth - 0.6, 1.3)
        axis.set_aspect("equal")
        if titles:
            axis.set_title(titles[number], fontsize=12)
    return figure


def _node(axis: Axes, i: int, j: int, share: float, text: str, size: int) -> None:
    """A circle, white for a share of 0 and darkest for 1."""
    shade = 0.0 if share <= 0 else 0.15 + 0.75 * np.clip(1 + np.log10(share) / 3, 0, 1)
    colour = colormaps["Greens"](shade) if share > 0 else "white"
    edge = "black" if share > 0 else "0.7"
    axis.add_patch(Circle(_at(i, j), RADIUS, facecolor=colour, edgecolor=edge, zorder=2))
    ink = "white" if shade > 0.55 else "black" if share > 0 else "0.6"
    axis.text(*_at(i, j), text, ha="center", va="center", fontsize=size, color=ink, zorder=3)


def _at(i: int, j: int) -> tuple[float, float]:
    """Where a node stands: one to the right for each level down, two for each step across."""
    return i + 2 * j, -i


def _paths(axis: Axes, depth: int, small: bool) -> None:
    """All arrows between nodes."""
    for i in range(depth + 1):
        for j in range(depth + 1 - i):
            if j == 0 and i < depth:
                _arrow(axis, (i, 0), (i + 1, 0), DOWN, small)
            if i > 0:
                _arrow(axis, (i, j), (i - 1, j + 1), UP, small)
            for right in range(j + 1, depth + 1 - i):
                over = right - j - 1  # nodes; between two levels there is little room
                height = 0.15 + 0.22 * over if i == 0 else 0.18 + 0.05 * over
                _arrow(axis, (i, j), (i, right), ACROSS, small, height * bool(over))


def _arrow(
    axis: Axes, start: Place, end: Place, colour: object, small: bool, bow: float = 0.0
) -> None:
    """An arrow that ends at a node's edge, or a bow of a height above the nodes."""
    a, b = np.array(_at(*start), float), np.array(_at(*end), float)
    length = np.hypot(*(b - a))
    way = (b - a) / length
    lift = np.array([0.0, 0.85 * RADIUS]) if bow else 0 * way
    near = (0.55 if bow else 1.0) * RADIUS * way
    axis.add_patch(
        FancyArrowPatch(
            a + near + lift, b - near + lift, connectionstyle=f"arc3,rad={-2 * bow / length}", zorder=1,
            arrowstyle="-|>", mutation_scale=5 if small else 10, shrinkA=0, shrinkB=0,
            color=colour, linewidth=0.6 if small else 1.1,
        )
    )  # fmt: skip
