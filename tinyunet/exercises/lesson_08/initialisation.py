"""Lesson 8: He's initialisation."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.layers import Conv2d


@exercise(
    lesson=8,
    hints=(
        "How many products does one output value of the convolution add up? That is N.",
        "N is the number of pixels under the kernel, times the channels of each. Each layer should "
        "keep the mean square, so N times the variance of a weight, halved by the ReLU, is 1.",
        "The variance is 2 / N with N = kh * kw * c_in. The standard deviation is its square root.",
    ),
)
def he_std(trial: Trial) -> None:
    """The standard deviation of a convolution's first weights."""
    mistakes = {
        "that is the variance: the square root is missing": lambda h, w, i, o: 2 / (h * w * i),
        "1 / N keeps the size without a ReLU; it makes half of the values 0, so 2 / N": (
            lambda h, w, i, o: (1 / (h * w * i)) ** 0.5
        ),
        "the kernel's pixels are missing: N counts every number that is added up": (
            lambda h, w, i, o: (2 / i) ** 0.5
        ),
        "the input's channels are missing in N": lambda h, w, i, o: (2 / (h * w)) ** 0.5,
        "N counts the output channels; forward, a value is made of the input channels": (
            lambda h, w, i, o: (2 / (h * w * o)) ** 0.5
        ),
        "N counts input and output channels; here only what comes in": (
            lambda h, w, i, o: (2 / (h * w * (i + o))) ** 0.5
        ),
        "N is the number of all weights of the layer: one output value uses one column": (
            lambda h, w, i, o: (2 / (h * w * i * o)) ** 0.5
        ),
        "the 2 belongs under the square root": lambda h, w, i, o: 2 / (h * w * i) ** 0.5,
        "divided by kh only, and multiplied by the rest: N needs brackets": (
            lambda h, w, i, o: (2 / h * w * i) ** 0.5
        ),
        "the kernel was taken for a square: N is kh * kw * c_in": (
            lambda h, w, i, o: (2 / (h * h * i)) ** 0.5
        ),
        "kh and kw are added: the kernel has kh * kw places": (
            lambda h, w, i, o: (2 / ((h + w) * i)) ** 0.5
        ),
        "the mean of input and output channels was taken; here only what comes in": (
            lambda h, w, i, o: (4 / (h * w * (i + o))) ** 0.5
        ),
        "// divides whole numbers, and gives 0 here: use /": lambda h, w, i, o: 0.0,
        "an array of the weights' shape: one number is wanted": (
            lambda h, w, i, o: np.full((h, w, i, o), (2 / (h * w * i)) ** 0.5)
        ),
        "the square root of N / 2: the quotient is upside down": (
            lambda h, w, i, o: (h * w * i / 2) ** 0.5
        ),
    }
    for kh, kw, c_in, c_out in (
        (3, 5, 7, 6), (1, 1, 2, 3), (3, 3, 1, 64), (3, 3, 64, 128),
        *trial.drawn((1, 6), (1, 6), (1, 65), (1, 65)),
    ):  # fmt: skip
        got = trial.call(kh=kh, kw=kw, c_in=c_in, c_out=c_out)
        right = (2 / (kh * kw * c_in)) ** 0.5
        trial.compare(got, {"the standard deviation": right}, mistakes=mistakes)
    # The package draws its weights with it.
    weight = Conv2d(16, 64, 3, rng=np.random.default_rng(0)).params["weight"]
    got = trial.call(kh=3, kw=3, c_in=16, c_out=64)
    trial.require(
        abs(weight.std() / got - 1) < 0.05, "the standard deviation", f"is {got:.4g}, but the "
        f"weights of tu.Conv2d(16, 64, 3) have {weight.std():.4g}",
    )  # fmt: skip
