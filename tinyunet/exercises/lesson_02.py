"""The exercises of lesson 2, Backward, and proof."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from tinyunet.convolution import geometry, naive
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Slopes, Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE, WEIGHT

# ---------------------------------------------------------------------- finite differences


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
    "the division by 2 * eps is missing": lambda f, x, eps: _difference(f, x, eps, -eps),
    "your own eps, not the one that was given": lambda f, x, eps: _central(f, x, 1e-5),
}


# ---------------------------------------------------------------------- the convolution


@exercise(
    lesson=2,
    hints=(
        "Loop over the kernel's positions (p, q) only. Through (p, q), output pixel (i, j) read "
        "input pixel (i + p, j + q): which slice of x did all output pixels together read?",
        "That slice is x[:, p : p + H', q : q + W']. For dw[p, q], multiply it with dy and sum over "
        "images and pixels. For dx, the same slice of dx gets something added from every dy[i, j].",
        "dw[p, q] is (C_in, C_out): flatten slice and dy to (pixels, channels), then it is one "
        "transposed matrix times the other. To the slice of dx add dy @ w[p, q].T. db sums dy over "
        "three axes.",
    ),
)
def conv2d_backward(trial: Trial) -> None:
    """The gradients of a convolution: dx, dw and db."""
    for case in range(3):
        x, w, b = _arrays(case, trial.seed)
        found = _measured(case, trial.seed)
        got = trial.call(dy=found.dy, x=x, w=w)
        trial.compare(
            got,
            dict(zip(("dx", "dw", "db"), found.whole, strict=True)),
            axes={"dx": IMAGE, "dw": WEIGHT, "db": ("output channel",)},
            mistakes=CONV_MISTAKES,
            per_image={"dw": found.per_image[1], "db": found.per_image[2]} if len(x) > 1 else None,
            dy=found.dy,
        )
    dy, x, w = (array.astype(np.float32) for array in (found.dy, x, w))
    right = dict(zip(("dx", "dw", "db"), _gradients(dy, x, w), strict=True))
    trial.compare(trial.call(dy=dy, x=x, w=w), right)


def _arrays(case: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, weight and bias: from one image and channel to the general case."""
    shape, kernel, outputs = (
        ((1, 4, 4, 1), (3, 3), 1), ((1, 4, 4, 2), (2, 2), 2), ((2, 5, 4, 2), (3, 2), 3),
    )[case]  # fmt: skip
    rng = np.random.default_rng([case + 1, seed])
    w = rng.standard_normal((*kernel, shape[3], outputs))
    return rng.standard_normal(shape), w, rng.standard_normal(outputs)


@functools.cache
def _measured(case: int, seed: int) -> Slopes:
    def forward(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        return naive.forward(x, w, b, geometry(w.shape[:2]))

    return slopes(forward, *_arrays(case, seed), seed=(0, seed))


def _gradients(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple:
    g = geometry(w.shape[:2])
    return (naive.input_gradient(dy, w, x.shape, g), *naive.weight_gradient(x, dy, w.shape, g))


def _other(dx=None, dw=None, db=None) -> Callable:
    """The right gradients but for those that a function of (dy, x, w) makes otherwise."""

    def make(dy, x, w):
        right = _gradients(dy, x, w)
        pairs = zip(right, (dx, dw, db), strict=True)
        return tuple(g if other is None else other(dy, x, w) for g, other in pairs)

    return make


def _turned(dy, x, w):
    return naive.input_gradient(dy, w[::-1, ::-1], x.shape, geometry(w.shape[:2]))


def _only_last(dy, x, w):
    """What is left where each kernel position overwrites what the one before wrote."""
    dx, (h, v) = np.zeros_like(x), dy.shape[1:3]
    for p, q in np.ndindex(w.shape[:2]):
        dx[:, p : p + h, q : q + v] = dy @ w[p, q].T
    return dx


def _unmoved(dy, x, w):
    dx, (h, v) = np.zeros_like(x), dy.shape[1:3]
    dx[:, :h, :v] = dy @ w.sum((0, 1)).T
    return dx


def _with_one_window(dy, x, w):
    (h, v), kernel = dy.shape[1:3], w.shape[:2]
    flat = x[:, :h, :v].reshape(-1, x.shape[3])
    return np.broadcast_to(
        flat.T @ dy.reshape(-1, dy.shape[3]), w.shape[:2] + w.shape[2:]
    ) * np.ones((*kernel, 1, 1))


def _dw_of_last_pixel(dy, x, w):
    h, v = dy.shape[1:3]
    dw = np.empty_like(w)
    for p, q in np.ndindex(w.shape[:2]):
        dw[p, q] = x[:, p + h - 1, q + v - 1].T @ dy[:, -1, -1]
    return dw


CONV_MISTAKES = {
    "the kernel is turned: what went out through w[p, q] comes back through w[p, q]": _other(_turned),
    "w[p, q] is not transposed: dx needs (C_out, C_in)": _other(
        lambda dy, x, w: naive.input_gradient(
            dy, w.swapaxes(2, 3), x.shape, geometry(w.shape[:2])
        )
    ),
    "each kernel position overwrites what the one before wrote into dx: += instead of =": (
        _other(_only_last)
    ),
    "every kernel position writes to the same place of dx: shift the slice by (p, q)": (
        _other(_unmoved)
    ),
    "every kernel position reads the same window of x: shift the slice by (p, q)": (
        _other(None, _with_one_window)
    ),
    "each output pixel overwrites the one before: += instead of =": _other(None, _dw_of_last_pixel),
    "a mean, where it should be a sum over images and pixels": (
        _other(
            None,
            lambda dy, x, w: _gradients(dy, x, w)[1] / dy[..., 0].size,
            lambda dy, x, w: dy.mean((0, 1, 2)),
        )
    ),
    "the upstream gradient is missing: dy was taken for ones": (
        lambda dy, x, w: _gradients(np.ones_like(dy), x, w)
    ),
    "the sum over images and pixels is missing": _other(None, None, lambda dy, x, w: dy),
    "the sum over the images is missing": _other(None, None, lambda dy, x, w: dy.sum((1, 2))),
    "a convolution of dy, which is smaller than x: dx has the shape of x": (
        _other(lambda dy, x, w: naive.forward(dy, w.swapaxes(2, 3), None, geometry(w.shape[:2])))
    ),
}  # fmt: skip


# ---------------------------------------------------------------------- the adjoint identity


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

    x, w, _ = _arrays(2, trial.seed)
    dy = _measured(2, trial.seed).dy
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


GAP_MISTAKES = {
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


# ---------------------------------------------------------------------- a gradient checker


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
    ]  # fmt: skip
