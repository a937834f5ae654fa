"""Lesson 18: the mean over bins, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.layers import AdaptiveAvgPool2d

Edges = Callable[[int, int, int], tuple[int, int]]  # of (i, side, bins)

# (N, H, W, C) and the number of bins: without remainder, with one, and with more bins than pixels.
SHAPES = (((2, 7, 5, 2), 3), ((1, 4, 4, 1), 2), ((1, 5, 5, 1), 1), ((1, 5, 4, 1), 2),
          ((1, 2, 5, 1), 3))  # fmt: skip


def _edges(i: int, side: int, bins: int) -> tuple[int, int]:
    return i * side // bins, -(-(i + 1) * side // bins)


def _means(x, bins, edges: Edges = _edges, take=np.mean, size=None, swap=False):
    """The right way, and with something changed, a wrong one."""
    n, height, width, channels = x.shape
    y = np.zeros((n, bins, bins, channels), x.dtype)
    for i in range(bins):
        for j in range(bins):
            top, bottom = edges(i, height, bins)
            left, right = edges(j, width, bins)
            part = x[:, top:bottom, left:right]
            if not part.size:
                raise ValueError("an empty bin: this mistake cannot be made here")
            y[:, i, j] = take(part, axis=(1, 2)) / (1 if size is None else size(x, bins))
    return y.swapaxes(1, 2) if swap else y


@exercise(
    lesson=18,
    hints=(
        "Loop over the bins, i and j. For each, two slices cut a rectangle from all images and "
        "channels at once. Of which axes do you take the mean?",
        "Rows from i * H // bins to the rounded up (i + 1) * H / bins, which in whole numbers is "
        "-(-(i + 1) * H // bins). Columns alike, with j and W.",
        "y = np.empty((N, bins, bins, C), x.dtype), and in the loop y[:, i, j] = "
        "x[:, top:bottom, left:right].mean(axis=(1, 2)).",
    ),
)
def bin_means(trial: Trial) -> None:
    """The mean over each bin."""
    rng = trial.rng(1)
    for shape, bins in SHAPES:
        for dtype in ("float64", "float32"):
            x = rng.standard_normal(shape).astype(dtype)
            got = trial.call(x=x, bins=bins)
            trial.compare(got, {"y": _means(x, bins)}, axes={"y": IMAGE}, mistakes=MISTAKES)


def _down(i, side, bins):
    return i * side // bins, (i + 1) * side // bins


def _up(i, side, bins):
    return -(-i * side // bins), -(-(i + 1) * side // bins)


def _rounded(i, side, bins):
    return round(i * side / bins), round((i + 1) * side / bins)


def _steps(i, side, bins):
    """Bins of equal size; what is left over at the end is nobody's."""
    return i * (side // bins), (i + 1) * (side // bins)


def _last_takes_all(i, side, bins):
    return i * (side // bins), side if i == bins - 1 else (i + 1) * (side // bins)


def _one_more(i, side, bins):
    return i * side // bins, (i + 1) * side // bins + 1


WRONG_EDGES = {
    "bins end at the rounded down (i + 1) * H / bins: round up, so that no pixel is cut off": _down,
    "bins begin at the rounded up i * H / bins: round down": _up,
    "bins are rounded to the nearest pixel: begin rounded down, end rounded up": _rounded,
    "all bins have H // bins rows, and what is left over at the end is in none": _steps,
    "all bins have H // bins rows, and the last takes what is left over": _last_takes_all,
    "a bin ends with // + 1, which is one too many where nothing is left over": _one_more,
}

MISTAKES = {
    **{what: lambda x, bins, e=edges: _means(x, bins, e) for what, edges in WRONG_EDGES.items()},
    "the sum over a bin, not the mean": lambda x, bins: _means(x, bins, take=np.sum),
    "the largest of a bin, not the mean": lambda x, bins: _means(x, bins, take=np.max),
    "divided by H * W / bins ** 2: bins differ in size, so divide by that of each": (
        lambda x, bins: _means(x, bins, take=np.sum, size=lambda x, b: x[0, ..., 0].size / b**2)
    ),
    "divided by H * W: each bin has its own number of pixels": (
        lambda x, bins: _means(x, bins, take=np.sum, size=lambda x, b: x[0, ..., 0].size)
    ),
    "rows and columns of the bins are exchanged": lambda x, bins: _means(x, bins, swap=True),
    "the mean over the channels as well: each keeps its own": (
        lambda x, bins: _means(x, bins).mean(axis=3, keepdims=True) + np.zeros_like(x[:1, :1, :1])
    ),
    "the mean over the images as well: each keeps its own": (
        lambda x, bins: _means(x, bins).mean(axis=0, keepdims=True) + np.zeros_like(x[:, :1, :1])
    ),
}


# ---------------------------------------------------------------------- backward


def _spread(dy, height, width, edges: Edges = _edges, share=None, add=True, swap=False):
    """The right way, and with something changed, a wrong one."""
    dy = dy.swapaxes(1, 2) if swap else dy
    n, bins, _, channels = dy.shape
    dx = np.zeros((n, height, width, channels), dy.dtype)
    for i in range(bins):
        for j in range(bins):
            top, bottom = edges(i, height, bins)
            left, right = edges(j, width, bins)
            size = (bottom - top) * (right - left) if share is None else share(height, width, bins)
            part = dy[:, i, j][:, None, None] / size if size else 0
            dx[:, top:bottom, left:right] = part + (dx[:, top:bottom, left:right] if add else 0)
    return dx


@exercise(
    lesson=18,
    hints=(
        "Each pixel of a bin has the same say in its mean. How large is it? And what of a pixel that "
        "lies in two bins?",
        "Loop over the bins as in forward, with the same edges. Every pixel of bin (i, j) gets "
        "dy[:, i, j] divided by the number of the bin's pixels, in addition to what it has already.",
        "dx = np.zeros((N, height, width, C), dy.dtype), and in the loop dx[:, top:bottom, "
        "left:right] += dy[:, i, j][:, None, None] / ((bottom - top) * (right - left)).",
    ),
)
def bin_means_backward(trial: Trial) -> None:
    """The gradient of the mean over each bin."""
    rng = trial.rng(2)
    for shape, bins in SHAPES:
        s = slopes(
            AdaptiveAvgPool2d(bins).predict, rng.standard_normal(shape), seed=(2, trial.seed)
        )
        for dtype in ("float64", "float32"):
            dy, right = s.dy.astype(dtype), {"dx": s.whole[0].astype(dtype)}
            got = trial.call(dy=dy, height=shape[1], width=shape[2])
            trial.compare(got, right, axes={"dx": IMAGE}, mistakes=BACKWARD_MISTAKES)


BACKWARD_MISTAKES = {
    "each bin overwrites what its neighbours gave: a pixel in two bins gets both, +=": (
        lambda dy, h, w: _spread(dy, h, w, add=False)
    ),
    "each pixel got all of dy: its say in a mean is 1 / (the bin's pixels)": (
        lambda dy, h, w: _spread(dy, h, w, share=lambda *_: 1)
    ),
    "divided by H * W / bins ** 2: bins differ in size, so divide by that of each": (
        lambda dy, h, w: _spread(dy, h, w, share=lambda h, w, b: h * w / b**2)
    ),
    "divided by bins ** 2, the number of bins: divide by the number of the bin's pixels": (
        lambda dy, h, w: _spread(dy, h, w, share=lambda h, w, b: b**2)
    ),
    "divided by H * W: each bin has its own number of pixels": (
        lambda dy, h, w: _spread(dy, h, w, share=lambda h, w, b: h * w)
    ),
    **{what: lambda dy, h, w, e=edges: _spread(dy, h, w, e) for what, edges in WRONG_EDGES.items()},
    "rows and columns of the bins are exchanged": lambda dy, h, w: _spread(dy, h, w, swap=True),
    "height and width are exchanged": lambda dy, h, w: _spread(dy, w, h),
}
