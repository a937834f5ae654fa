"""The scores of several ways to do something, a dot for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from tinyunet.plots.figure import LINE, MARK, WIDTH, NotebookFigure


def score_dots(
    scores: Mapping[str, Sequence[Sequence[float]]],
    names: Sequence[str],
    *,
    lines: Mapping[str, float] | None = None,
    rows: Sequence[str] | None = None,
) -> Figure:
    """Draw a panel for each score, and in it a row for each way: dots are runs, a stroke their mean.

    Parameters
    ----------
    scores
        By the name of the way: for each run (one seed, say) its scores. A way may have no run yet.
    names
        What the scores are called.
    lines
        A dotted line at a value, by the score's name.
    rows
        The ways, from top to bottom; default: all that have scores. Name all that will come, and the
        figure keeps its size while `scores` grows.

    Raises
    ------
    ValueError
        If a run has not one value for each name.
    """
    rows = list(scores) if rows is None else list(rows)
    figure = NotebookFigure((WIDTH, 1.1 + 0.3 * len(rows)), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for place, way in enumerate(rows):
        for values in (runs := scores.get(way, ())):
            if len(values) != len(names):
                raise ValueError(
                    f"{way!r} has a run of {len(values)} scores, but {len(names)} have names"
                )
        for axis, values in zip(panels, zip(*runs, strict=True), strict=False):
            axis.plot(values, [place] * len(values), "o", color=LINE, alpha=0.6)
            axis.plot(np.mean(values), place, "|", color=MARK, markersize=16, markeredgewidth=2.5)
    for axis, name in zip(panels, names, strict=True):
        if lines and name in lines:
            axis.axvline(lines[name], color="0.4", linestyle=":")
        axis.set_title(name, fontsize=12)
        axis.locator_params(axis="x", nbins=4)
        axis.grid(color="0.93")
        axis.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(rows)), rows, fontsize=11)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    return figure
