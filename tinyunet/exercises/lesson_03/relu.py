"""Lesson 3: ReLU."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.layers import ReLU

AT_A_KINK = "; some x are exactly 0"


def draw_image(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs, all different and none near 0: no kink is near, and nothing ties."""
    size = int(np.prod(shape))
    values = np.linspace(0.1, 2, size) * rng.choice((-1, 1), size)
    return rng.permutation(values).reshape(shape)


def through(layer, dy, x):
    """Return the layer's dx for x and dy."""
    layer.forward(x)
    return layer.backward(dy)


@exercise(
    lesson=3,
    hints=(
        "Every number is on its own: negative ones become 0, the others stay.",
        "NumPy compares two arrays, or an array and a number, place by place: np.maximum.",
        "np.maximum takes x and 0 and makes a new array. (np.max would look for one number in all.)",
    ),
)
def relu(trial: Trial) -> None:
    """ReLU, forward."""
    rng = trial.rng(1)
    mistakes = {
        "the sign is lost instead of the negative numbers": np.abs,
        "the smaller of x and 0 is taken, where the larger should be": lambda x: np.minimum(x, 0),
        "1 where x is positive: that is the slope; y is x itself there": lambda x: (x > 0) * 1.0,
        "negative numbers come through": lambda x: x,
        "a tenth of negative numbers leaks through: 0 is wanted": lambda x: np.where(
            x > 0, x, x / 10
        ),
        "a hundredth of negative numbers leaks through: 0 is wanted": (
            lambda x: np.where(x > 0, x, x / 100)
        ),
        "only the positive numbers are left: the others become 0, and stay": lambda x: x[x > 0],
        "max(-x, 0): the sign of x is turned": lambda x: np.maximum(-x, 0),
        "a smooth curve, log(1 + exp(x)): ReLU has a kink": lambda x: np.log1p(np.exp(x)),
        "0 where x is positive, where x should stay": lambda x: np.where(x > 0, 0, x),
        "the largest of all numbers (np.max), where each is on its own: np.maximum": np.max,
        "positive numbers are limited to 1": lambda x: np.clip(x, 0, 1),
    }
    simple = draw_image(rng, 1, 2, 3, 1)
    for x in (simple, draw_image(rng, 2, 3, 4, 2), np.round(simple), simple.astype(np.float32)):
        right = ReLU().forward(x)
        trial.compare(trial.call(x=x), {"y": right}, axes={"y": IMAGE}, mistakes=mistakes)


@exercise(
    lesson=3,
    hints=(
        "Where x is positive, y = x: what is the slope of that? And where x is negative?",
        "The slope is 1 or 0, so each dy either passes or does not. x > 0 says which: an array of "
        "True and False, which count as 1 and 0 in a product.",
        "Multiply dy by (x > 0). That makes a new array, so nobody else's dy is written into.",
    ),
)
def relu_backward(trial: Trial) -> None:
    """ReLU, backward."""
    rng = trial.rng(2)
    mistakes = {
        "it is decided by the sign of dy: x decides": lambda dy, x: np.maximum(dy, 0),
        "dy passes where x is negative: it should where x is positive": lambda dy, x: dy * (x < 0),
        "the slope alone: multiply it by dy (the chain rule)": lambda dy, x: (x > 0) * 1.0,
        "multiplied by y: the slope where x is positive is 1, not x": (
            lambda dy, x: dy * np.maximum(x, 0)
        ),
        "multiplied by x: the slope where x is positive is 1": lambda dy, x: dy * x,
        "only the dy that pass are left: the others become 0, and stay": lambda dy, x: dy[x > 0],
        "where x is negative, dy passes with the other sign: it should not pass": (
            lambda dy, x: dy * np.sign(x)
        ),
        "a hundredth of dy leaks through": lambda dy, x: np.where(x > 0, dy, dy / 100),
        "dy passes everywhere": lambda dy, x: dy,
        "dy passes where x is 0 as well: we take the slope there as 0, so x > 0": (
            lambda dy, x: dy * (x >= 0)
        ),
        "at x = 0 half of dy passes: that is a subgradient, but we take 0": (
            lambda dy, x: dy * ((x > 0) + 0.5 * (x == 0))
        ),
        "x, where dy belongs": lambda dy, x: x * (x > 0),
    }
    smooth = draw_image(rng, 2, 2, 3, 2)
    measured = slopes(lambda x: ReLU().forward(x), smooth, seed=(3, trial.seed))
    kinks = np.round(draw_image(rng, 1, 3, 4, 2))
    for x, dy, note in (
        (smooth, measured.dy, ""),
        (kinks, rng.standard_normal(kinks.shape), AT_A_KINK),
    ):
        dx = trial.call(dy=dy, x=x)
        trial.setting += note
        right = measured.whole[0] if x is smooth else through(ReLU(), dy, x)
        trial.compare(dx, {"dx": right}, axes={"dx": IMAGE}, mistakes=mistakes, dy=dy)
    dy, x = (array.astype(np.float32) for array in (measured.dy, smooth))
    trial.compare(trial.call(dy=dy, x=x), {"dx": through(ReLU(), dy, x)})
