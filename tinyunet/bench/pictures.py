"""Pictures of a benchmark: the ladder of algorithms, and how time grows with work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from tinyunet.plots.figure import LINE, MARK, WIDTH

WAYS = {"whole patches": "im2col, whole image", "im2col": "im2col in bands", "winograd": "Winograd"}


def ladder(rows: Sequence[dict[str, Any]], title: str = "") -> Figure:
    """Show the time of one convolution for every way to compute it, PyTorch's in another colour."""
    figure = Figure((WIDTH, 0.5 * len(rows) + 1.3), layout="constrained")
    axis = figure.subplots()
    names = [WAYS.get(row["way"], row["way"]) for row in rows]
    times = [1e3 * row["seconds"] for row in rows]
    colours = [MARK if name.startswith("PyTorch") else LINE for name in names]
    axis.barh(names, times, color=colours)
    for i, ms in enumerate(times):
        axis.text(
            ms, i, f" {ms:,.0f} ms" if ms >= 100 else f" {ms:.3g} ms", va="center", fontsize=11
        )
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlim(min(1, min(times) / 2), 4 * max(times))  # 1 ms: a bar of no length
    axis.set_xlabel("forward and backward, ms", fontsize=12)
    axis.set_title(f"{rows[0]['task']}\n{title}", fontsize=12)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def sweep(rows: Sequence[dict[str, Any]], title: str = "") -> Figure:
    """Show the time of a training step against the pixels in it; a straight line is linear."""
    figure = Figure((WIDTH, 4.5), layout="constrained")
    axis = figure.subplots()
    for kind, marker in (
        ("small, growing batch", "o"),
        ("small, growing image", "s"),
        ("paper", "^"),
    ):
        chosen = [row for row in rows if row["group"] == kind]
        chosen.sort(key=lambda row: row["pixels"])
        pixels = [row["pixels"] for row in chosen]
        axis.loglog(pixels, [row["seconds"] for row in chosen], marker + "-", label=kind)
    axis.set_xlabel("pixels in a step", fontsize=12)
    axis.set_ylabel("seconds", fontsize=12)
    axis.set_title(title, fontsize=12)
    axis.grid(color="0.93")
    axis.legend(frameon=False, fontsize=11)
    return figure
