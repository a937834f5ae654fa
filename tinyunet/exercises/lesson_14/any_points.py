"""Lesson 14: Winograd's matrices from any points."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=14,
    hints=(
        "Row i holds the coefficients of the product of (z - a) over all points but the i-th. The "
        "last row leaves none out.",
        "np.delete(points, i) is all points but one, and np.poly makes coefficients of them, highest "
        "power first: turn them with [::-1].",
        "The first rows are one number shorter than the last: np.append(..., 0) gives them the "
        "coefficient of the highest power, 0. Then np.poly(points)[::-1] makes the last row; np.array "
        "of the list of rows is B^T.",
    ),
)
def input_transform(trial: Trial) -> None:
    """B^T of F(m, 3) from its points."""
    drawn = trial.rng(3).permutation(np.arange(-4, 5))[:4] / 2
    for points in ((0, 1), (0, 1, -1), (0, 2, 3), (0, 1, -1, 0.5, -2), drawn):
        points = np.array(points, float)
        got = trial.call(points=points)
        right = {"B^T": _input_transform(points)}
        trial.compare(got, right, axes={"B^T": ("row", "power")}, mistakes=POINT_MISTAKES)


def _input_transform(points, scaled=False, last=True):
    rows = []
    for i, point in enumerate(points):
        others = np.delete(points, i)
        row = np.append(np.poly(others)[::-1], 0)
        rows.append(row / np.prod(point - others) if scaled else row)
    rows.append(np.poly(points)[::-1] if last else np.eye(len(points) + 1)[-1])
    return np.array(rows)


def _highest_first(points):
    """np.poly's own order, with the missing zero behind it."""
    rows = [np.append(np.poly(np.delete(points, i)), 0) for i in range(len(points))]
    return np.array([*rows, np.poly(points)])


POINT_MISTAKES = {
    "the highest power comes first, as np.poly has it: turn it with [::-1]": (
        lambda points: _input_transform(points)[:, ::-1]
    ),
    "the highest power comes first, as np.poly has it, and the 0 is at the wrong end": (
        _highest_first
    ),
    "the 0 stands before the coefficients: it belongs behind them, to the highest power": (
        lambda points: np.vstack(
            [np.roll(_input_transform(points)[:-1], 1, axis=1), _input_transform(points)[-1]]
        )
    ),
    "B^T is transposed: each row holds one polynomial": lambda points: _input_transform(points).T,
    "divided by the values s_i: that is left to G": lambda points: _input_transform(points, True),
    "the last row is that of the leading coefficient, as A and G have it; here it holds q_infinity": (
        lambda points: _input_transform(points, last=False)
    ),
    "the last row, of infinity, is missing": lambda points: _input_transform(points)[:-1],
    "the signs of the points are turned: the factors are (z - a), with zeros at the points": (
        lambda points: _input_transform(-points)
    ),
    "powers of the points: those are in A": (
        lambda points: np.vander(np.append(points, 0), len(points) + 1, increasing=True)
    ),
}
