"""The answers of lesson 21, right and wrong, for test_all.py; and its gradient."""

import numpy as np

from tinyunet.exercises.lesson_21 import dice as dice_checks
from tinyunet.exercises.trial import Trial, slopes


def dice(p, g, w, s):
    return (2 * (w * p * g).sum() + s) / ((w * (p * p + g * g)).sum() + s)


def dice_gradient(p, g, w, s):
    return 2 * w * (g - p * dice(p, g, w, s)) / ((w * (p * p + g * g)).sum() + s)


RIGHT = {
    "dice": dice,
    "dice_gradient": dice_gradient,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "dice": [
        (lambda p, g, w, s: 1 - dice(p, g, w, s), "1 - D is the loss"),
        (lambda p, g, w, s: dice(p, g, 1 + 0 * w, s), "the weights are missing"),
        (lambda p, g, w, s: dice(p, g, w, 0), "s is missing"),
        (
            lambda p, g, w, s: (2 * (w * p * g).sum() + s) / ((w * (p + g)).sum() + s),
            "p is not squared",
        ),
        (
            lambda p, g, w, s: np.mean([dice(*i, s) for i in zip(p, g, w, strict=True)]),
            "for each image",
        ),
        (lambda p, g, w, s: dice(p, g, w, s) ** 2, ""),
    ],
    "dice_gradient": [
        (lambda *a: -dice_gradient(*a), "the sign"),
        (lambda p, g, w, s: 2 * w * g / ((w * (p * p + g)).sum() + s), "for a constant"),
        (lambda p, g, w, s: dice_gradient(p, g, w, s) / w, "the weight of the pixel"),
        (lambda *a: dice_gradient(*a) / 2, "0.5"),
        (lambda *a: dice_gradient(*a).sum(), "summed over the pixels"),
        (lambda p, g, w, s: w * (g - p), ""),
    ],
}


def test_the_gradient_is_the_slope_of_dice():
    for p, g, w, s in list(dice_checks._dice_cases(Trial(None)))[:-1]:
        measured = slopes(lambda p, g=g, w=w, s=s: np.asarray(dice(p, g, w, s)), p)
        np.testing.assert_allclose(
            dice_checks._slope(p, g, w, s) * measured.dy, measured.whole[0], rtol=1e-7, atol=1e-9
        )
