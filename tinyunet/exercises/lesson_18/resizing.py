"""Lesson 18: the matrix of linear interpolation."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.layers.resize import interpolation as right_matrix

AXES = {"the matrix": ("new pixel", "old pixel")}


@exercise(
    lesson=18,
    hints=(
        "At which place of the old row, a number with a fraction, does new pixel i read? The first "
        "reads at 0, the last at side - 1, the others evenly between.",
        "The place is i * (side - 1) / (new - 1), and 0 where new is 1. Split it into a whole number p "
        "and a fraction f. Pixel p gets the weight 1 - f, pixel p + 1 gets f; the last one has no "
        "neighbour, but there f is 0.",
        "U = np.zeros((new, side)); for each i: place = i * (side - 1) / max(new - 1, 1), p = "
        "int(place), f = place - p, U[i, p] += 1 - f, and U[i, min(p + 1, side - 1)] += f.",
    ),
)
def interpolation(trial: Trial) -> None:
    """The matrix that makes a row longer, or shorter, by linear interpolation."""
    for side, new in (
        (2, 3), (3, 5), (2, 4), (5, 3), (3, 4), (6, 17), (17, 65), (4, 4), (1, 4), (3, 1), (7, 2),
        *trial.drawn((2, 12), (2, 20)),
    ):  # fmt: skip
        got = trial.call(side=side, new=new)
        right = right_matrix(side, new, align_corners=True)
        trial.compare(got, {"the matrix": right}, axes=AXES, mistakes=MATRIX_MISTAKES)


def _matrix(side, new, place=None, near=lambda f: 1 - f, far=lambda f: f, add=True, round_to=None,
            lost=False):  # fmt: skip
    """The right way, and with something changed, a wrong one."""
    matrix = np.zeros((new, side))
    for i in range(new):
        at = i * (side - 1) / max(new - 1, 1) if place is None else place(i, side, new)
        at = min(max(at, 0), side - 1 + lost) if round_to is None else round_to(at)
        p = min(int(at), side - 1)
        f = at - p
        matrix[i, p] += near(f)
        if lost and p == side - 1:
            continue
        beyond = min(p + 1, side - 1)
        matrix[i, beyond] = far(f) + (matrix[i, beyond] if add else 0)
    return matrix


def _divided(side, new):
    """In the place of an exception, what NumPy gives for 0 / 0 where new is 1."""
    matrix = _matrix(side, new)
    return np.full_like(matrix, np.nan) if new == 1 else matrix


def _last_row_lost(side, new):
    matrix = _matrix(side, new)
    matrix[matrix[:, -1] == 1, -1] = 0
    return matrix


WRONG_PLACES = {
    "the corners are not aligned: pixel i reads at i * (side - 1) / (new - 1)": (
        lambda i, h, n: (i + 0.5) * h / n - 0.5
    ),
    "pixel i reads at i * side / new: the last should read at side - 1, so (side - 1) / (new - 1)": (
        lambda i, h, n: i * h / n
    ),
    "pixel i reads at i * (side - 1) / new: there are new - 1 steps between new pixels": (
        lambda i, h, n: i * (h - 1) / n
    ),
    "pixel i reads at i * side / (new - 1): there are side - 1 steps between side pixels": (
        lambda i, h, n: i * h / max(n - 1, 1)
    ),
}


def _places(**options):
    return {
        what: lambda side, new, p=place: _matrix(side, new, p, **options)
        for what, place in WRONG_PLACES.items()
    }


MATRIX_MISTAKES = {
    **_places(),
    # What falls beyond the last pixel is lost: rows that do not sum to 1.
    **{f"{what}; and every row sums to 1": make for what, make in _places(lost=True).items()},
    "between two old pixels nothing is read: they share the weight, 1 - f and f": (
        lambda side, new: np.floor(_matrix(side, new))
    ),
    "only the nearest pixel before the place is read: the one after it gets f": (
        lambda side, new: _matrix(side, new, round_to=int)
    ),
    "only the nearest pixel is read: two pixels share the weight": (
        lambda side, new: _matrix(side, new, round_to=round)
    ),
    "the two weights are exchanged: pixel p gets 1 - f, the one after it f": (
        lambda side, new: _matrix(side, new, near=lambda f: f, far=lambda f: 1 - f)
    ),
    "the weights are 1/2 and 1/2 everywhere: they are 1 - f and f": (
        lambda side, new: _matrix(
            side, new, near=lambda f: 0.5 if f else 1, far=lambda f: 0.5 if f else 0
        )
    ),
    "the last pixel, which has no neighbour, is overwritten by its f of 0: add it, +=": (
        lambda side, new: _matrix(side, new, add=False)
    ),
    "the rows that read exactly at the last pixel are missing": _last_row_lost,
    "where new is 1 there is 0 / 0: the one pixel reads at 0": _divided,
    "the matrix is transposed: a row for each new pixel": lambda side, new: _matrix(side, new).T,
    "old and new are exchanged: a row for each new pixel": lambda side, new: _matrix(new, side),
}
