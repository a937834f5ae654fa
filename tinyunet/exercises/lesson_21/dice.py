"""Lesson 21: the soft Dice overlap and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PLACE = ("height", "width")


def _dice_cases(trial: Trial):
    """Probabilities, one-hot labels, weights and s: without weights first, float32 at last."""
    rng = trial.rng(3)
    for shape, s in (((1, 2, 2), 0.0), ((1, 2, 3), 1.0), ((2, 3, 4), 0.0), ((2, 3, 4), 1.0)):
        p, g = rng.uniform(0.05, 0.95, shape), (rng.random(shape) < 0.4).astype(float)
        g.ravel()[0] = 1
        yield p, g, np.ones(shape), s
    yield p, g, (w := rng.uniform(0.5, 3, shape)), 1.0
    yield (*(a.astype(np.float32) for a in (p, g, w)), 1.0)


def _ab(p, g, w, s):
    return 2 * (w * p * g).sum() + s, (w * (p * p + g * g)).sum() + s


@exercise(
    lesson=21,
    hints=(
        "Two sums over all pixels, and a quotient.",
        "Top: twice the sum of w p g, plus s. Bottom: the sum of w (p^2 + g^2), plus s.",
        "A = 2 * (w * p * g).sum() + s; B = (w * (p * p + g * g)).sum() + s; the result is A / B.",
    ),
)
def dice(trial: Trial) -> None:
    """The soft Dice overlap of probabilities and truth."""
    with np.errstate(all="ignore"):
        for p, g, w, s in _dice_cases(trial):
            a, b = _ab(p, g, w, s)
            right = {"D": np.asarray(a / b, p.dtype)}
            trial.compare(trial.call(p=p, g=g, w=w, s=s), right, mistakes=DICE_MISTAKES)


def _quotient(make: Callable) -> Callable:
    return lambda p, g, w, s: np.divide(*make(p, g, w, s))


DICE_MISTAKES = {
    "the 2 in front of the overlap is missing: a perfect prediction should give 1": _quotient(
        lambda p, g, w, s: ((w * p * g).sum() + s, _ab(p, g, w, s)[1])
    ),
    "p is not squared in the bottom sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, s)[0], (w * (p + g)).sum() + s)
    ),
    "it is the IoU: the overlap was subtracted in the bottom sum": _quotient(
        lambda p, g, w, s: ((w * p * g).sum() + s, (w * (p * p + g * g - p * g)).sum() + s)
    ),
    "1 - D is the loss: here D itself is asked for": (
        lambda p, g, w, s: 1 - np.divide(*_ab(p, g, w, s))
    ),
    "s is missing": lambda p, g, w, s: np.divide(*_ab(p, g, w, 0)),
    "s is missing in the top sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, 0)[0], _ab(p, g, w, s)[1])
    ),
    "s is missing in the bottom sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, s)[0], _ab(p, g, w, 0)[1])
    ),
    "s was doubled in the top sum: the 2 belongs to the overlap alone": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, 2 * s)[0], _ab(p, g, w, s)[1])
    ),
    "s was added for every pixel, or to means in place of the sums: it comes once, to each sum": (
        lambda p, g, w, s: np.divide(*_ab(p, g, w, s * p.size))
    ),
    "the sum of p and g was squared: it is p^2 + g^2": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, s)[0], (w * (p + g) ** 2).sum() + s)
    ),
    "p was made 0 or 1: the probabilities themselves give a slope": (
        lambda p, g, w, s: np.divide(*_ab((p > 0.5).astype(p.dtype), g, w, s))
    ),
    "the weights are squared: each term has w once": (
        lambda p, g, w, s: np.divide(*_ab(p, g, w * w, s))
    ),
    "the weights are missing in the top sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, 1, s)[0], _ab(p, g, w, s)[1])
    ),
    "the weights are missing": lambda p, g, w, s: np.divide(*_ab(p, g, 1, s)),
    "the weights are missing in the bottom sum": _quotient(
        lambda p, g, w, s: (_ab(p, g, w, s)[0], _ab(p, g, 1, s)[1])
    ),
    "a mean of quotients, pixel by pixel: sum first, then divide": (
        lambda p, g, w, s: ((2 * w * p * g + s) / (w * (p * p + g * g) + s)).mean()
    ),
    "a Dice for each image, and their mean: the sums go over the whole batch": (
        lambda p, g, w, s: np.mean([np.divide(*_ab(*i, s)) for i in zip(p, g, w, strict=True)])
    ),
}


@exercise(
    lesson=21,
    hints=(
        "D = A / B, and one p occurs in both. The rule for quotients: (A' B - A B') / B^2.",
        "For one pixel A' is 2 w g and B' is 2 w p. Since A = D B, one B cancels.",
        "2 * w * (g - p * D) / B with D and B as in the last exercise: no loop, no sum but theirs.",
    ),
)
def dice_gradient(trial: Trial) -> None:
    """The gradient of the soft Dice overlap with respect to the probabilities."""
    with np.errstate(all="ignore"):
        for p, g, w, s in _dice_cases(trial):
            got = trial.call(p=p, g=g, w=w, s=s)
            trial.require_array(got, "dp")
            exact = getattr(got, "dtype", None) == np.float64  # for float32, too
            right = {"dp": _slope(p, g, w, s).astype(float if exact else p.dtype)}
            trial.compare(
                got, right, axes={"dp": ("batch", *PLACE)}, mistakes=SLOPE_MISTAKES,
                tolerance=1e-4 if p.dtype == np.float32 else None,
            )  # fmt: skip


def _slope(p, g, w, s):
    a, b = _ab(p, g, w, s)
    return 2 * w * (g - p * (a / b)) / b


def _with(formula: Callable) -> Callable:
    """A formula of p, g, w, A and B."""
    return lambda p, g, w, s: formula(p, g, w, *_ab(p, g, w, s))


SLOPE_MISTAKES = {
    "the sign: the gradient of D, not that of the loss 1 - D": lambda *a: -_slope(*a),
    "the bottom sum was taken for a constant: it changes with p, too": _with(
        lambda p, g, w, a, b: 2 * w * g / b
    ),
    "D is missing behind p: g - p D": _with(lambda p, g, w, a, b: 2 * w * (g - p) / b),
    "p is missing in front of D: g - p D": _with(
        lambda p, g, w, a, b: 2 * w * (g - a / b) / b
    ),
    "p is multiplied by A: by D, which is A / B": _with(
        lambda p, g, w, a, b: 2 * w * (g - p * a) / b
    ),
    "the slope of p^2 is 2 p: a 2 is missing in the second term": _with(
        lambda p, g, w, a, b: w * (2 * g - p * (a / b)) / b
    ),
    "p and g are exchanged: that would be the slope with respect to g": _with(
        lambda p, g, w, a, b: 2 * w * (p - g * (a / b)) / b
    ),
    "the division by B is missing": _with(lambda p, g, w, a, b: 2 * w * (g - p * (a / b))),
    "the 2 in front is missing": lambda *a: _slope(*a) / 2,
    "divided by the number of pixels: D is no mean": lambda *a: _slope(*a) / a[0].size,
    "each image has sums of its own: they go over the whole batch": lambda p, g, w, s: (
        np.stack([_slope(*image, s) for image in zip(p, g, w, strict=True)])
    ),
    "s is missing": lambda p, g, w, s: _slope(p, g, w, 0),
    "a plus between the two terms: in the rule for quotients it is a minus": _with(
        lambda p, g, w, a, b: 2 * w * (g + p * (a / b)) / b
    ),
    "divided by B once too often: one cancels": _with(
        lambda p, g, w, a, b: 2 * w * (g - p * (a / b)) / b**2
    ),
    "the weight of the pixel is missing": _with(lambda p, g, w, a, b: 2 * (g - p * (a / b)) / b),
    "the slope of p + g in the bottom sum: here it is p^2 + g^2": _with(
        lambda p, g, w, a, b: w * (2 * g - a / b) / b
    ),
    "it was summed over the pixels: each has a gradient of its own": (
        lambda *a: _slope(*a).sum()
    ),
}  # fmt: skip
