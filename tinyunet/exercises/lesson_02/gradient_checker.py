"""Lesson 2: a gradient checker."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=2,
    hints=(
        "You have both gradients: one is backward(dy, x), for the other differentiate the number "
        "(dy * forward(x)).sum() by finite differences. Which dy would hide nothing?",
        "A random dy of y's shape (from a generator with a seed). Look at the largest absolute "
        "difference of all entries, and judge it beside the size of the gradient.",
        "np.abs(a - n).max() <= tolerance * np.abs(n).max(), with a = backward(dy, x) and n = "
        "numeric_gradient of x -> (dy * forward(x)).sum().",
    ),
)
def gradients_agree(trial: Trial) -> None:
    """A gradient checker: it accepts right backward passes and rejects wrong ones."""
    for case in checker_cases(trial.seed):
        got = trial.call(forward=case.forward, backward=case.backward, x=case.x)
        trial.require(
            isinstance(got, bool | np.bool_), "your checker", f"returned {got!r}, should say True or "
            "False", "compare with the tolerance, and return that",
        )  # fmt: skip
        verdict = "accepted a wrong" if got else "rejected a right"
        text = f"{verdict} backward: {case.what}"
        trial.require(bool(got) == case.right, "your checker", text, case.cause)
    cubes = checker_cases(trial.seed)[0]

    def a_tenth_too_large(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        return 1.1 * cubes.backward(dy, x)

    for backward, eps, tolerance, right, given in (
        (a_tenth_too_large, 1e-4, 0.3, True, "tolerance"),
        (cubes.backward, 0.5, 1e-6, False, "eps"),
    ):
        got = trial.call(
            forward=cubes.forward, backward=backward, x=cubes.x, eps=eps, tolerance=tolerance
        )
        trial.require(
            bool(got) == right, "your checker", f"should say {right} with this {given}",
            f"your own {given}, not the one that was given",
        )  # fmt: skip


class CheckerCase:
    """A pair of functions, whether its backward is right, and why a checker may be mistaken."""

    def __init__(self, what, cause, forward, backward, x, *, right=False) -> None:
        self.what, self.cause, self.right = what, cause, right
        self.forward, self.backward, self.x = forward, backward, x


def checker_cases(seed: int = 0) -> list[CheckerCase]:
    """Right and wrong backward passes, each of which one kind of checker takes for the other."""
    rng = np.random.default_rng([5, seed])
    x = rng.uniform(1, 2, (4, 4))

    def cubes(x: np.ndarray) -> np.ndarray:
        return x**3

    def slope(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        return dy * 3 * x**2

    def last_row_doubled(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        dx = slope(dy, x)
        dx[-1] *= 2
        return dx

    def one_entry_off(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        dx = slope(dy, x)
        dx[1, 2] += 4e-6 * np.abs(dx).max()
        return dx

    def two_that_cancel(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        dx = slope(dy, x)
        dx[0, 0] += 1
        dx[2, 3] -= 1
        return dx

    def middle(x: np.ndarray) -> np.ndarray:
        return x[1:3, 1:3] ** 2

    def middle_slope(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        dx = np.zeros_like(x)
        dx[1:3, 1:3] = 2 * x[1:3, 1:3] * dy
        return dx

    return [
        CheckerCase(
            "y = x^3 with dx = dy * 3 x^2",
            "the gradient comes out too inexact: is the difference central, and relative?",
            cubes, slope, x, right=True,
        ),
        *(
            CheckerCase(
                f"y = {sign}x of one number, with dx = {sign}dy",
                "without an absolute value the scale is below 0 where the gradient is",
                lambda x, factor=factor: factor * x, lambda dy, x, factor=factor: factor * dy,
                x[:1, :1], right=True,
            )
            for sign, factor in (("", 1), ("-", -1))
        ),
        CheckerCase(
            "dx is zero everywhere", "nothing is compared, or only a few entries",
            cubes, lambda dy, x: 0 * x, x,
        ),
        CheckerCase(
            "dx is far too small", "without an absolute value, a difference below 0 passes",
            cubes, lambda dy, x: slope(dy, x) - 10, x,
        ),
        CheckerCase(
            "dx is far too large", "without an absolute value, a difference below 0 passes",
            cubes, lambda dy, x: slope(dy, x) + 10, x,
        ),
        CheckerCase(
            "dx is right except in its last row",
            "not all entries are compared, or one that agrees is enough for you",
            cubes, last_row_doubled, x,
        ),
        CheckerCase(
            "one entry of dx is too large, and another too small by as much",
            "they cancel if differences are added up: the largest absolute one counts",
            cubes, two_that_cancel, x,
        ),
        CheckerCase(
            "dx uses dy transposed", "with dy of ones this mistake is invisible: make dy random",
            cubes, lambda dy, x: slope(dy.T, x), x,
        ),
        CheckerCase(
            "dx ignores dy", "with dy of ones this mistake is invisible: make dy random",
            cubes, lambda dy, x: slope(np.ones_like(dy), x), x,
        ),
        CheckerCase(
            "y = 1e-8 x^3, with twice the right dx",
            "the difference is judged by itself: compare it with the size of the gradient",
            lambda x: 1e-8 * cubes(x), lambda dy, x: 2e-8 * slope(dy, x), x,
        ),
        CheckerCase(
            "y = 1e6 x^3, with the right dx",
            "the difference is judged by itself: compare it with the size of the gradient",
            lambda x: 1e6 * cubes(x), lambda dy, x: 1e6 * slope(dy, x), x, right=True,
        ),
        CheckerCase(
            "y is the square of the middle of x, with the right dx, which is 0 at the border",
            "0 / 0: compare with the size of the whole gradient, not entry by entry",
            middle, middle_slope, x, right=True,
        ),
        CheckerCase(
            "one entry of dx is off by 4e-6 of the largest",
            "a mean hides a single wrong entry: the largest difference counts",
            cubes, one_entry_off, x,
        ),
    ]  # fmt: skip
