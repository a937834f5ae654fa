"""Lesson 2: a gradient by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=2,
    hints=(
        "Go through all entries of x (np.ndindex(x.shape) yields their indices). For each, change "
        "this entry only and see what f says.",
        "Keep the old value. Set the entry to old + eps and call f, set it to old - eps and call f "
        "again, and put the old value back before the next entry.",
        "The two values of f are 2 * eps apart. Their difference, divided by that, is the slope: "
        "write it into an array of x's shape.",
    ),
)
def numeric_gradient(trial: Trial) -> None:
    """A gradient by central differences."""
    rng = trial.rng(1)
    c = rng.uniform(1, 2, (3, 4))

    def squares(x: np.ndarray) -> float:
        return float((c[: x.shape[0], : x.shape[1]] * x * x).sum())

    def waves(x: np.ndarray) -> float:
        return float(np.sin(x * c[0, : x.shape[-1]]).sum() * x.flat[0])

    for f, shape, eps in (
        (squares, (2, 3), 1e-3), (waves, (2, 3), 1e-2), (waves, (3, 4), 1e-5), (waves, (2, 1, 2), 0.1),
    ):  # fmt: skip
        x = rng.uniform(1, 2, shape)
        got = trial.call(f=f, x=x, eps=eps)
        right = {"the gradient": _central(f, x, eps)}
        trial.compare(got, right, mistakes=SLOPE_MISTAKES, tolerance=1e-5 if eps < 1e-4 else None)


def _central(f: Callable, x: np.ndarray, eps: float) -> np.ndarray:
    return _difference(f, x, eps, -eps) / (2 * eps)


def _difference(f: Callable, x: np.ndarray, up: float, down: float) -> np.ndarray:
    """f with each entry moved up, less f with it moved down."""
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][index] += up
        moved[1][index] += down
        gradient[index] = f(moved[0]) - f(moved[1])
    return gradient


def _moved_and_left_there(f: Callable, x: np.ndarray, eps: float) -> np.ndarray:
    x, gradient = x.copy(), np.empty(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        up = f(x)
        x[index] -= 2 * eps
        gradient[index] = (up - f(x)) / (2 * eps)
    return gradient


SLOPE_MISTAKES = {
    "divided by eps: the two points are 2 * eps apart": (lambda f, x, eps: 2 * _central(f, x, eps)),
    "a difference to one side only: take a step up and a step down": (
        lambda f, x, eps: _difference(f, x, eps, 0) / eps
    ),
    "a difference to one side only, downwards: take a step up and a step down": (
        lambda f, x, eps: _difference(f, x, 0, -eps) / eps
    ),
    "the second point is x itself: from x + eps go down by 2 * eps": (
        lambda f, x, eps: _difference(f, x, eps, 0) / (2 * eps)
    ),
    "the old value is not put back before the next entry": _moved_and_left_there,
    "all entries are moved at once: move one at a time": (
        lambda f, x, eps: np.full(x.shape, (f(x + eps) - f(x - eps)) / (2 * eps))
    ),
    "all entries are moved at once, which gives one number: move one at a time": (
        lambda f, x, eps: (f(x + eps) - f(x - eps)) / (2 * eps)
    ),
    "the slopes are added up: each entry has one of its own": lambda f, x, eps: _central(
        f, x, eps
    ).sum(),
    "the sign is lost": lambda f, x, eps: np.abs(_central(f, x, eps)),
    "the division by 2 * eps is missing": lambda f, x, eps: _difference(f, x, eps, -eps),
    "your own eps, not the one that was given": lambda f, x, eps: _central(f, x, 1e-5),
}
