"""Lesson 1: the size of a convolution's output."""

from __future__ import annotations

import numpy as np

from tinyunet.convolution import geometry
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=1,
    hints=(
        "Put a window of 3 over a side of 5 and shift it by hand: how often does it fit?",
        "The padding makes the side longer at both ends. The first window takes up the kernel's "
        "length; each further one needs `stride` pixels more.",
        "After the first window, side + 2 * padding - kernel pixels remain. How many whole strides "
        "fit into them (//), and which window have you not counted yet?",
    ),
)
def output_size(trial: Trial) -> None:
    """How many outputs a convolution has along one side."""

    def right(side: int, kernel: int, stride: int, padding: int) -> int:
        return geometry(kernel, stride, padding).output_size(side, side)[0]

    mistakes = {
        "the first window is not counted: + 1 is missing": lambda n, k, s, p: right(n, k, s, p) - 1,
        "the stride is ignored": lambda n, k, s, p: right(n, k, 1, p),
        "rounded up: a last window that does not fit whole does not count": (
            lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1
        ),
        "divided by the stride before the kernel was subtracted": (
            lambda n, k, s, p: (n + 2 * p) // s - k + 1
        ),
        "the 1 is added before the division: the first window needs no stride": (
            lambda n, k, s, p: (n + 2 * p - k + 1) // s
        ),
        "the stride is added at the end, where the first window counts as 1": (
            lambda n, k, s, p: (n + 2 * p - k) // s + s
        ),
        "the kernel is ignored: only whole windows count": lambda n, k, s, p: (n + 2 * p) // s,
        "brackets are missing: // binds more strongly than + and -": (
            lambda n, k, s, p: n + 2 * p - k // s + 1
        ),
        "rounded to the nearest: a last window that does not fit whole does not count": (
            lambda n, k, s, p: round((n + 2 * p - k) / s) + 1
        ),
        "the kernel is added: it takes up room, so it is subtracted": (
            lambda n, k, s, p: (n + 2 * p + k) // s + 1
        ),
        "the padding is subtracted: it makes the side longer": (
            lambda n, k, s, p: (n - 2 * p - k) // s + 1
        ),
        "1 is subtracted at the end: the first window counts, + 1": (
            lambda n, k, s, p: right(n, k, s, p) - 2
        ),
        "the kernel is missing: only windows that fit whole count": (
            lambda n, k, s, p: (n + 2 * p) // s + 1
        ),
        "the padding is ignored": lambda n, k, s, p: right(n, k, s, 0),
        "the padding is counted at one end only": lambda n, k, s, p: (n + p - k) // s + 1,
    }
    for side, kernel, stride, padding in (
        (5, 3, 1, 0), (7, 4, 1, 0), (9, 3, 2, 0), (8, 3, 2, 0), (12, 2, 5, 0), (7, 3, 1, 1),
        (10, 5, 1, 2), (11, 4, 3, 2), (572, 3, 1, 0),
        *trial.drawn((8, 60), (1, 9), (1, 5), (0, 4)),
    ):  # fmt: skip
        got = trial.call(side=side, kernel=kernel, stride=stride, padding=padding)
        trial.compare(got, {"the size": right(side, kernel, stride, padding)}, mistakes=mistakes)
        trial.require(
            isinstance(got, int | np.integer), "the size", f"is {got!r}, should be a whole number",
            "/ gives a float: // divides without a remainder",
        )  # fmt: skip
