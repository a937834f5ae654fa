"""Lesson 4: an up-convolution that interpolates."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


def _outer(hat: np.ndarray) -> np.ndarray:
    return np.outer(hat, hat)


def _tent(stride: int, length: int, centre: float) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(np.arange(length) - centre) / stride)


@exercise(
    lesson=4,
    hints=(
        "Begin along one side: a tent of 2 * stride numbers, highest in the middle. Where is "
        "the middle of places 0, 1, ..., 2 * stride - 1?",
        "The middle is at (2 * stride - 1) / 2, which is stride - 0.5. At a distance d from it "
        "the tent is 1 - d / stride high.",
        "With places = np.arange(2 * stride), tent = 1 - np.abs(places - (stride - 0.5)) / "
        "stride. In two dimensions, every pair is multiplied: np.outer.",
    ),
)
def bilinear_kernel(trial: Trial) -> None:
    """The kernel with which an up-convolution interpolates."""

    def right(stride: int) -> np.ndarray:
        return _outer(_tent(stride, 2 * stride, stride - 0.5))

    mistakes = {
        "the middle is a place too far: of places 0 ... 2 * stride - 1 it is stride - 0.5": (
            lambda s: _outer(_tent(s, 2 * s, s))
        ),
        "the middle is a place too early: of places 0 ... 2 * stride - 1 it is stride - 0.5": (
            lambda s: _outer(_tent(s, 2 * s, s - 1))
        ),
        "the tent is too narrow: it should reach 0 one stride from the middle": (
            lambda s: _outer(_tent(s / 2, 2 * s, s - 0.5))
        ),
        "the tent is too wide: it should reach 0 one stride from the middle": (
            lambda s: _outer(_tent(2 * s, 2 * s, s - 0.5))
        ),
        "it sums to 1, but has to sum to stride * stride: that many outputs for each input": (
            lambda s: right(s) / right(s).sum()
        ),
        "only one dimension: multiply rows and columns, np.outer": (
            lambda s: _tent(s, 2 * s, s - 0.5)
        ),
        "rows and columns are added, not multiplied": (
            lambda s: np.add.outer(_tent(s, 2 * s, s - 0.5), _tent(s, 2 * s, s - 0.5))
        ),
        "the smaller of rows and columns: they should be multiplied": (
            lambda s: np.minimum.outer(_tent(s, 2 * s, s - 0.5), _tent(s, 2 * s, s - 0.5))
        ),
        "a pyramid with 2 * stride - 1 rows: ours has 2 * stride": (
            lambda s: _outer(_tent(s, 2 * s - 1, s - 1))
        ),
        "all weights are equal: that is not interpolation, but a blur of boxes": (
            lambda s: np.full((2 * s, 2 * s), 1 / 4)
        ),
        "the distance is missing its sign: np.abs": (
            lambda s: _outer(1 - (np.arange(2 * s) - (s - 0.5)) / s)
        ),
    }
    for stride in (2, 3, 4, *(stride for (stride,) in trial.drawn((5, 10)))):
        got = trial.call(stride=stride)
        if getattr(got, "dtype", None) == np.float32:
            got = got.astype(np.float64)  # nobody said which
        trial.compare(
            got, {"the kernel": right(stride)}, axes={"the kernel": ("row", "column")},
            mistakes=mistakes,
        )  # fmt: skip
