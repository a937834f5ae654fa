"""How training went: losses and validation scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyunet.plots.figure import LINE, MARK, WIDTH, NotebookFigure


def curves(history: Any) -> Figure:
    """Show the loss of every step and its running mean, and the validation scores.

    Parameters
    ----------
    history
        A `tinyunet.learning.training.History`, or a dict with its ``loss`` (one number a step),
        ``validation`` ((step, score) pairs), ``score_name`` and ``best_step`` (or None).

    Raises
    ------
    ValueError
        If there is no step to show.
    """
    run = SimpleNamespace(**history) if isinstance(history, dict) else history
    loss = np.asarray(run.loss, float)
    if not loss.size:
        raise ValueError("the history holds no step yet: there is nothing to show")
    panels = 2 if run.validation else 1
    figure = NotebookFigure((WIDTH if panels == 2 else WIDTH / 2, 3.6), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]

    draw_losses(axes[0], loss)
    if run.validation:
        draw_scores(axes[1], run)
    return figure


def draw_losses(axis: Axes, loss: np.ndarray) -> None:
    """Draw the loss of every step, one or more, and its running mean."""
    steps, width = np.arange(1, loss.size + 1), max(1, loss.size // 25)
    axis.plot(steps, loss, color="0.8", linewidth=0.8, label="each step")
    smooth = np.convolve(loss, np.full(width, 1 / width), mode="valid")
    middles = np.convolve(steps, np.full(width, 1 / width), mode="valid")
    line = "o-" if loss.size == 1 else "-"  # a line needs two points
    axis.plot(middles, smooth, line, color=LINE, linewidth=2, label=f"mean of {width}")
    # A loss that reached 0, or ended as nan, has no place on a logarithmic axis.
    axis.set_yscale("log" if loss.min() > 0 else "linear")
    _finish(axis, "training loss")


def draw_scores(axis: Axes, run: Any) -> None:
    """Draw the validation scores of a history, and mark the one whose model was kept."""
    at, scores = zip(*run.validation, strict=True)
    axis.plot(at, scores, "o-", color=LINE, linewidth=2, markersize=4)
    if run.best_step is not None:
        best = dict(run.validation)[run.best_step]
        label = f"kept: {best:.3f} at step {run.best_step}"
        axis.plot(run.best_step, best, "*", color=MARK, markersize=15, label=label)
    _finish(axis, f"{run.score_name} on validation images")


def _finish(axis: Axes, name: str) -> None:
    """Name the axes, and give every panel the same look."""
    axis.set_ylabel(name, fontsize=12)
    axis.set_xlabel("step", fontsize=12)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.93")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, fontsize=11)
