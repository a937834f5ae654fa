"""Figures of the report that no other command needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from tinyunet.plots.colours import visible
from tinyunet.plots.figure import LINE, MARK, WIDTH
from tinyunet.reproduce.statistics import Row


def dots(rows: dict[str, Row], order: Sequence[str], columns: dict[str, str]) -> Figure:
    """Show columns of a table side by side: a dot for each seed, a line for their mean.

    Parameters
    ----------
    rows
        As `collect` gives them.
    order
        The rows to show, from top to bottom; those that are missing are left out.
    columns
        The title of each column by its key.
    """
    shown = [name for name in order if name in rows]
    figure = Figure((WIDTH, 0.36 * len(shown) + 0.9), layout="constrained")
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axis, (column, title) in zip(axes, columns.items(), strict=True):
        for place, name in enumerate(shown):
            row = rows[name]
            values, colour = row.values[column], LINE if row.seeded else MARK
            if row.seeded:
                axis.plot([row.mean(column)] * 2, [place - 0.32, place + 0.32], color=colour)
            marker = "o" if row.seeded else "D"
            axis.plot(values, [place] * len(values), marker, color=colour, alpha=0.7, markersize=6)
        axis.set_title(title, fontsize=13)
        axis.set_yticks(range(len(shown)), shown, fontsize=12)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
        axis.grid(color="0.93")
        axis.set_axisbelow(True)
    axes[0].invert_yaxis()  # shared by all
    return figure


def losses(curves: dict[str, tuple[float, Sequence[float]]]) -> Figure:
    """Show running means of losses over seconds.

    Parameters
    ----------
    curves
        By name: the seconds of a step, and the loss of every step.
    """
    figure = Figure((WIDTH, 3.4), layout="constrained")
    axis = figure.subplots()
    colours = (LINE, MARK, "0.45")
    for (name, (seconds, loss)), colour in zip(curves.items(), colours, strict=False):
        width = max(1, len(loss) // 25)
        smooth = np.convolve(loss, np.full(width, 1 / width), mode="valid")
        at = (np.arange(smooth.size) + (width + 1) / 2) * seconds
        axis.plot(at, smooth, "-" if smooth.size > 1 else "o", color=colour, label=name)
    axis.set_xlabel("seconds of training", fontsize=12)
    axis.set_ylabel("training loss", fontsize=12)
    axis.set_yscale("log")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.93")
    axis.legend(frameon=False, fontsize=11)
    return figure


def swings(runs: dict[str, list[dict[str, float]]], title: str) -> Figure:
    """Show how scores move while networks train: a line for each run, a colour for each kind.

    Parameters
    ----------
    runs
        By kind, for each run its score by the number of steps.
    title
        What the score is.
    """
    figure = Figure((WIDTH, 3.4), layout="constrained")
    axis = figure.subplots()
    for (kind, curves), colour in zip(runs.items(), (LINE, MARK, "0.45"), strict=False):
        for i, curve in enumerate(curves):
            steps, scores = [int(step) for step in curve], list(curve.values())
            label = kind if i == 0 else None
            axis.plot(steps, scores, "o-", color=colour, label=label, alpha=0.7, markersize=4)
    axis.set_xlabel("steps", fontsize=12)
    axis.set_ylabel(title, fontsize=12)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.93")
    axis.legend(frameon=False, fontsize=11)
    return figure


def seam_map(image: np.ndarray, whole: np.ndarray, differences: dict[str, np.ndarray]) -> Figure:
    """Show an image (H, W, C), what the network makes of it in one piece, and what tiles change.

    Parameters
    ----------
    image
        (H, W, C) floats.
    whole
        Probability (H, W) of the foreground, from the whole image at once.
    differences
        By title: how far each pixel (H, W) is from it in tiles; shown from 1e-7 to 1.
    """
    panels = len(differences) + 2
    columns = 2
    lines = -(-panels // columns)
    side = WIDTH / columns
    height = side * image.shape[0] / image.shape[1] + 0.5
    figure = Figure((WIDTH, lines * height + 0.4), layout="constrained")
    axes = figure.subplots(lines, columns).ravel()
    axes[0].imshow(visible(image))
    axes[0].set_title("image", fontsize=11)
    axes[1].imshow(whole, cmap="gray", vmin=0, vmax=1)
    axes[1].set_title("the whole image at once", fontsize=11)
    for axis, (title, difference) in zip(axes[2:], differences.items(), strict=False):
        norm = LogNorm(1e-7, 1)
        shown = axis.imshow(np.maximum(difference, 1e-7), cmap="inferno", norm=norm)
        axis.set_title(title, fontsize=11)
    for axis in axes:
        axis.set_axis_off()
    bar = figure.colorbar(shown, ax=list(axes), location="bottom", fraction=0.04, aspect=50)
    bar.set_label("change of the probability (1e-7 and below: black)", fontsize=11)
    return figure
