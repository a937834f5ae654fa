"""Lesson 13: V_Rand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=13,
    hints=(
        "Leave out column 0 first, the true background. Only then take the sums of the rows and of "
        "the columns.",
        "You need three sums of squares: of n, of s (the rows' sums) and of t (the columns' sums). "
        "Pixels or shares of pixels: in a ratio it is all the same.",
        "split = sum n^2 / sum t^2, merge = sum n^2 / sum s^2, and V_Rand divides sum n^2 by the mean "
        "of the two sums below.",
    ),
)
def rand_scores(trial: Trial) -> None:
    """V_Rand with its two parts, split and merge."""
    drawn = trial.rng(2).integers(0, 40, (6, 5))
    drawn[0] = 0
    for n in (
        np.array([[0, 0, 0], [0, 10, 0], [0, 0, 20]]),
        np.array([[0, 0], [0, 12], [0, 8]]),
        np.array([[0, 0, 0], [0, 12, 8]]),
        np.array([[0, 0, 0], [5, 30, 4], [9, 2, 25]]),
        np.array([[0, 0, 0, 0], [40, 30, 6, 0], [10, 0, 21, 0], [0, 0, 13, 0], [7, 1, 0, 18]]),
        drawn,
    ):
        v_rand, split, merge = _rand(n)
        got = trial.call(n=n)
        trial.compare(
            tuple(got) if isinstance(got, np.ndarray) and got.shape == (3,) else got,
            {"V_Rand": v_rand, "split": split, "merge": merge},
            mistakes=RAND_MISTAKES,
        )  # fmt: skip


def _rand(n, *, first=1, sizes_first=False, power: Callable = np.square):
    s = n.sum(axis=1)
    n = n[:, first:]
    s = s if sizes_first else n.sum(axis=1)
    both, predicted, true = power(n).sum(), power(s).sum(), power(n.sum(axis=0)).sum()
    return both / (predicted / 2 + true / 2), both / true, both / predicted


def _of_sums(both, predicted, true):
    return both / (predicted / 2 + true / 2), both / true, both / predicted


def _other_mean(mean: Callable) -> Callable:
    def make(n):
        _, split, merge = _rand(n)
        return mean(split, merge), split, merge

    return make


RAND_MISTAKES = {
    "the true background (column 0) takes part": lambda n: _rand(n, first=0),
    "the predicted sizes s were taken before column 0 was left out": (
        lambda n: _rand(n, sizes_first=True)
    ),
    "split and merge are exchanged: a cut cell lowers split": (
        lambda n: (_rand(n)[0], _rand(n)[2], _rand(n)[1])
    ),
    "the squares are missing, or are of sums: first square every number, then add": lambda n: _rand(
        n, power=np.asarray
    ),
    "the ordinary mean of split and merge: V_Rand is their harmonic mean": (
        _other_mean(lambda split, merge: (split + merge) / 2)
    ),
    "the product of split and merge": _other_mean(lambda split, merge: split * merge),
    "the larger of split and merge: V_Rand is their harmonic mean": _other_mean(max),
    "divided by the square of the number of pixels: that is the share of all pairs, not of those in "
    "one cell": lambda n: (np.square(n[:, 1:]).sum() / n[:, 1:].sum() ** 2,) * 3,
    "the square root of split times merge: V_Rand is their harmonic mean": (
        _other_mean(lambda split, merge: np.sqrt(split * merge))
    ),
    "the smaller of split and merge: V_Rand is their harmonic mean": _other_mean(min),
    "the true sizes t were taken before column 0 was left out": lambda n: _of_sums(
        np.square(n[:, 1:]).sum(),
        np.square(n[:, 1:].sum(axis=1)).sum(),
        np.square(n.sum(axis=0)).sum(),
    ),
    "both sizes, s and t, were taken before column 0 was left out": lambda n: _of_sums(
        np.square(n[:, 1:]).sum(), np.square(n.sum(axis=1)).sum(), np.square(n.sum(axis=0)).sum()
    ),
    "the same pixel twice is allowed: n^2, not n (n - 1)": (
        lambda n: _rand(n, power=lambda n: n * (n - 1.0))
    ),
    "row 0 was left out: it is column 0, the true background, that does not count": (
        lambda n: _rand(n[1:], first=0)
    ),
    "the order: V_Rand, split, merge": lambda n: (*_rand(n)[1:], _rand(n)[0]),
    "1 minus each score": lambda n: tuple(1 - score for score in _rand(n)),
    "the halves are missing": _other_mean(lambda split, merge: 1 / (1 / split + 1 / merge)),
}
