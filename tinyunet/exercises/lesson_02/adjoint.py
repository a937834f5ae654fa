"""Lesson 2: the adjoint identity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.convolution import geometry, naive
from tinyunet.exercises.lesson_02.conv2d_backward import arrays, measured
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=2,
    hints=(
        "< a, b > means: multiply entry by entry, add everything up. That is a number. There are two "
        "of them to compare.",
        "The left one is < forward(x), dy >, the right one < x, backward(dy) >.",
        "Take the absolute value of their difference and divide it by the larger of their absolute "
        "values.",
    ),
)
def adjoint_gap(trial: Trial) -> None:
    """How far a backward is from being the transpose of a forward."""
    trial.crashes = {
        "only arrays of one axis are summed completely: use (a * b).sum()": [
            _with_product(np.matmul), _with_product(np.dot), _with_product(np.inner),
        ]
    }  # fmt: skip
    rng = trial.rng(4)
    for rows, columns in ((3, 3), (2, 4)):
        a, other = rng.standard_normal((2, rows, columns))
        x, dy = rng.standard_normal(columns), rng.standard_normal(rows)

        def forward(x: np.ndarray, a: np.ndarray = a) -> np.ndarray:
            return a @ x

        def wrong_backward(dy: np.ndarray, a: np.ndarray = other) -> np.ndarray:
            return a.T @ dy

        got = trial.call(forward=forward, backward=wrong_backward, x=x, dy=dy)
        right = {"the gap": _gap(forward, wrong_backward, x, dy)}
        trial.compare(got, right, mistakes=GAP_MISTAKES)

    for x, dy, factor in (([1.0, -2.0], [3.0, 0.5], -1), ([2.0, 1.0], [-1.0, -3.0], 0.5)):
        x, dy = np.array(x), np.array(dy)

        def scaled(dy: np.ndarray, factor: float = factor) -> np.ndarray:
            return factor * dy

        got = trial.call(forward=np.copy, backward=scaled, x=x, dy=dy)
        trial.setting += f"; forward copies, backward multiplies by {factor}"
        trial.compare(got, {"the gap": _gap(np.copy, scaled, x, dy)}, mistakes=GAP_MISTAKES)

    x, w, _ = arrays(2, trial.seed)
    dy = measured(2, trial.seed).dy
    g = geometry(w.shape[:2])
    got = trial.call(
        forward=lambda x: naive.forward(x, w, None, g),
        backward=lambda dy: naive.input_gradient(dy, w, x.shape, g),
        x=x,
        dy=dy,
    )
    trial.require(
        np.ndim(got) == 0 and float(got) < 1e-10, "the gap", f"is {got}, should be almost 0: this "
        "backward is right (arrays of four axes)",
        "only arrays of one axis are summed completely: use (a * b).sum()",
    )  # fmt: skip


def _sides(forward, backward, x, dy) -> tuple[float, float]:
    return float((forward(x) * dy).sum()), float((x * backward(dy)).sum())


def _gap(forward, backward, x, dy) -> float:
    left, right = _sides(forward, backward, x, dy)
    return abs(left - right) / max(abs(left), abs(right))


def _with_product(product: Callable) -> Callable:
    def make(forward, backward, x, dy):
        product(forward(x), dy)
        product(x, backward(dy))

    return make


def _signed(forward, backward, x, dy):
    left, right = _sides(forward, backward, x, dy)
    return (left - right) / max(abs(left), abs(right))


def _absolute(forward, backward, x, dy):
    left, right = _sides(forward, backward, x, dy)
    return abs(left - right)


def _sum_first(forward, backward, x, dy):
    left = forward(x).sum() * dy.sum()
    right = x.sum() * backward(dy).sum()
    return abs(left - right) / max(abs(left), abs(right))


def _relative_to(which: Callable) -> Callable:
    def make(forward, backward, x, dy):
        sides = _sides(forward, backward, x, dy)
        return abs(sides[0] - sides[1]) / which(sides)

    return make


def _of_absolutes(forward, backward, x, dy):
    left, right = map(abs, _sides(forward, backward, x, dy))
    return abs(left - right) / max(left, right)


GAP_MISTAKES = {
    "absolute values before the difference: sides of opposite sign then look alike": _of_absolutes,
    "the difference is squared": lambda *a: _absolute(*a) * _gap(*a),
    "divided by both sides: divide by the larger of the two": lambda *a: (
        _absolute(*a) / abs(np.prod(_sides(*a)))
    ),
    "upside down": lambda *a: 1 / _gap(*a),
    "whether they agree: the gap itself is wanted": lambda *a: _gap(*a) < 1e-6,
    "the absolute value is missing: a gap has no sign": _signed,
    "the absolute value is missing, and the sides are exchanged": lambda *a: -_signed(*a),
    "not relative: divide by the larger of the two": _absolute,
    "summed before multiplying: multiply entry by entry first": _sum_first,
    "relative to the smaller of the two: divide by the larger": (
        _relative_to(lambda sides: min(map(abs, sides)))
    ),
    "relative to the left side alone: divide by the larger of the two": (
        _relative_to(lambda sides: abs(sides[0]))
    ),
    "relative to the right side alone: divide by the larger of the two": (
        _relative_to(lambda sides: abs(sides[1]))
    ),
    "relative to a side with its sign: take absolute values first": (
        _relative_to(lambda sides: max(sides))
    ),
    "relative to the sum of both: divide by the larger of the two": (
        _relative_to(lambda sides: abs(sides[0]) + abs(sides[1]))
    ),
}
