"""Lesson 11: a smooth field of displacements."""

from __future__ import annotations

import numpy as np

from tinyunet.data.warp import spread
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

FIELD = ("component", "height", "width")


@exercise(
    lesson=11,
    hints=(
        "First only the right half, u from 0 to 1: put s = u into the formula. Then think of the "
        "left half as its mirror image.",
        "In the left half s = -u, the outer value is a instead of c, and the slope away from the "
        "middle is -m. So s = np.abs(u), and np.where(u < 0, ..., ...) chooses.",
        "outer = np.where(u < 0, a, c) and slope = np.sign(u) * 0.75 * (c - a); then b times its "
        "polynomial, plus slope times its own, plus outer times its own.",
    ),
)
def curve(trial: Trial) -> None:
    """The smooth curve through three values."""
    rng = trial.rng(2)
    for a, b, c, count in (
        (2, -1, 0.5, 9),
        (0, 1, 0, 9),
        (0, 0, 1, 9),
        (1, 0, 0, 9),
        (2, 2, 2, 5),
        (-1, 0, 1, 9),
    ):
        u = np.linspace(-1, 1, count)
        _try_curve(trial, float(a), float(b), float(c), u)
    for _ in range(3):
        _try_curve(trial, *rng.standard_normal(3), rng.uniform(-1, 1, 7))


def _try_curve(trial, a, b, c, u):
    got = trial.call(a=a, b=b, c=c, u=u)
    trial.compare(got, {"y": _curve(a, b, c, u)}, axes={"y": ("u",)}, mistakes=CURVE_MISTAKES)


def _curve(a, b, c, u):
    column = np.array([[a], [b], [c]]) * np.ones(3)
    return spread(np.stack([column, column]), (u + 1) * 500, np.zeros(1), (1001, 1))[0, :, 0]


def _spline(factor=0.75, left=-1, s=np.abs, swap=False):
    def make(a, b, c, u):
        slope, outer = factor * (c - a) * np.where(u < 0, left, 1), np.where(u < 0, a, c)
        if swap:
            outer = np.where(u < 0, c, a)
        t = s(u)
        near, far = 1 - 3 * t**2 + 2 * t**3, 3 * t**2 - 2 * t**3
        return b * near + slope * (t - 2 * t**2 + t**3) + outer * far

    return make


CURVE_MISTAKES = {
    "straight lines between the values": lambda a, b, c, u: np.interp(u, (-1, 0, 1), (a, b, c)),
    "the curve is flat in the middle: the slope m is missing": _spline(0),
    "the slope in the middle has the wrong sign": _spline(-0.75),
    "the slope is (c - a) / 2, but equal curvatures ask for 3/4 (c - a)": _spline(0.5),
    "the slope is c - a, but equal curvatures ask for 3/4 (c - a)": _spline(1),
    "in the left half the slope away from the middle is -m, not m": _spline(left=1),
    "s is u itself: in the left half it should be -u": _spline(s=lambda u: u),
    "s is u itself: in the left half it should be -u, and the slope -m": (
        _spline(left=1, s=lambda u: u)
    ),
    "both ends go to c: in the left half a stands in its place": (
        lambda a, b, c, u: np.where(u < 0, c - a, 0) * (3 * u**2 + 2 * u**3) + _spline()(a, b, c, u)
    ),
    "the slope is 3/4 of the difference c - a, not of the sum": (
        lambda a, b, c, u: _spline(0.75 * (c + a) / (c - a) if c != a else 0)(a, b, c, u)
    ),
    "3/4 is upside down: -8 m = 6 a - 6 c": _spline(4 / 3),
    "a and c are exchanged in the outer term: a belongs to u < 0": _spline(swap=True),
}


@exercise(
    lesson=11,
    hints=(
        "Once along the rows and once along the columns: the field is a sum over the nine points of "
        "the grid, each with its share along the height times its share along the width.",
        "shares(height) is (height, 3) and shares(width) is (width, 3). For one component g, a (3, 3) "
        "array, the field is a product of three matrices, (height, 3) (3, 3) (3, width).",
        "shares(height) @ grid @ shares(width).T: NumPy does the product for both components at once.",
    ),
)
def displacement_field(trial: Trial) -> None:
    """Displacements of all pixels from a coarse grid of 3 x 3."""
    rng, trial.crashes = trial.rng(3), FIELD_CRASHES
    simple = np.zeros((2, 3, 3))
    simple[0, 1, 1] = 1
    for grid, height, width in (
        (simple, 5, 5), (rng.standard_normal((2, 3, 3)), 5, 5), (rng.standard_normal((2, 3, 3)), 6, 9),
        (rng.standard_normal((2, 3, 3)), 12, 7),
    ):  # fmt: skip
        got = trial.call(grid=grid, height=height, width=width)
        right = {"u": _right_field(grid, height, width)}
        trial.compare(got, right, axes={"u": FIELD}, mistakes=FIELD_MISTAKES)


def _right_field(grid, height, width):
    return spread(grid, np.arange(height), np.arange(width), (height, width))


def _straight(n):
    return np.stack([np.interp(np.linspace(-1, 1, n), (-1, 0, 1), row) for row in np.eye(3)], 1)


FIELD_CRASHES = {
    "the product is (height, 3) (3, 3) (3, width), so the last factor is transposed": (
        lambda grid, height, width: np.ones((height, 3)) @ grid @ np.ones((width, 3))
    ),
    "the product is (height, 3) (3, 3) (3, width), so the first factor is not transposed": (
        lambda grid, height, width: np.ones((3, height)) @ grid
    ),
}
FIELD_MISTAKES = {
    "the grid's rows and columns are exchanged": (
        lambda grid, height, width: _right_field(grid.swapaxes(1, 2), height, width)
    ),
    "the two components are exchanged": (
        lambda grid, height, width: _right_field(grid[::-1], height, width)
    ),
    "height and width are exchanged": (
        lambda grid, height, width: _right_field(grid, width, height)
    ),
    "straight lines between the grid's points: use the smooth curve": (
        lambda grid, height, width: _straight(height) @ grid @ _straight(width).T
    ),
    "only the first component": lambda grid, height, width: _right_field(grid, height, width)[0],
}
