"""Lesson 4: the size of an up-convolution's output."""

from __future__ import annotations

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=4,
    hints=(
        "Where does the first pixel's stamp begin, and where does the last one's?",
        "The stamp of pixel i begins at i * stride. The last pixel is number side - 1, and its "
        "stamp is `kernel` long. Where does it end?",
        "The output ends where the last stamp ends: its beginning, (side - 1) * stride, and "
        "its length.",
    ),
)
def up_size(trial: Trial) -> None:
    """How many outputs an up-convolution has along one side."""
    mistakes = {
        "the last pixel's stamp begins at (side - 1) * stride, since the first begins at 0": (
            lambda n, k, s: n * s + k
        ),
        "side times stride is right only where kernel and stride are equal": lambda n, k, s: n * s,
        "side times stride plus 1 is right only where the kernel is larger than the stride by just 1": (
            lambda n, k, s: n * s + 1
        ),
        "neighbouring stamps overlap by kernel - stride, not by the stride": (
            lambda n, k, s: n * k - (n - 1) * s
        ),
        "(side + 1) * stride: the last stamp begins at (side - 1) * stride": (
            lambda n, k, s: (n + 1) * s + k
        ),
        "the kernel is subtracted: the last stamp goes on from where it begins": (
            lambda n, k, s: (n - 1) * s - k
        ),
        "divided by the stride: stamps lie a stride apart, so multiply": (
            lambda n, k, s: (n - 1) // s + k
        ),
        "the stride counts once only: the last stamp begins at (side - 1) * stride": (
            lambda n, k, s: s + k
        ),
        "the stride is ignored": lambda n, k, s: n + k - 1,
        "side times kernel: stamps may overlap, so the stride counts": lambda n, k, s: n * k,
        "stride and kernel are exchanged": lambda n, k, s: (n - 1) * k + s,
        "the last stamp's length is missing": lambda n, k, s: (n - 1) * s,
        "one too many: positions 0 to m - 1 are m positions": lambda n, k, s: (n - 1) * s + k + 1,
        "one too few: positions 0 to m - 1 are m positions": lambda n, k, s: (n - 1) * s + k - 1,
        "that is the size of a convolution's output: here we go up": (
            lambda n, k, s: (n - k) // s + 1
        ),
    }
    for side, kernel, stride in (
        (6, 7, 3), (3, 3, 2), (4, 3, 1), (7, 2, 5), (1, 4, 2), (28, 2, 2),
        *trial.drawn((1, 30), (1, 9), (1, 6)),
    ):  # fmt: skip
        got = trial.call(side=side, kernel=kernel, stride=stride)
        right = {"the size": (side - 1) * stride + kernel}
        trial.compare(got, right, mistakes=mistakes)
