"""Lesson 10: the mirrored border."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=10,
    hints=(
        "The pixel just beyond the border is the one just inside of it. Which pixel is the mirror?",
        "The border pixel itself is the mirror and is not repeated: row -1 is row 1, row -2 is row 2. "
        "So also at the other end: row H is row H - 2.",
        'np.pad(image, ((above, below), (left, right)), mode="reflect") does it. By hand: an index '
        "np.abs(np.arange(-above, H + below)), and what is beyond H - 1 becomes 2 * (H - 1) - index.",
    ),
)
def mirror(trial: Trial) -> None:
    """An image with its borders mirrored outwards."""
    rng = trial.rng(1)
    for shape, above, below, left, right, dtype in (
        ((4, 5), 2, 2, 2, 2, "float64"), ((5, 6), 2, 1, 3, 0, "float64"),
        ((6, 5), 0, 4, 1, 2, "float64"), ((4, 4), 0, 0, 2, 2, "float64"),
        ((5, 4), 2, 3, 3, 1, "float32"),
    ):  # fmt: skip
        image = rng.standard_normal(shape).astype(dtype)
        got = trial.call(image=image, above=above, below=below, left=left, right=right)
        sides = (above, below), (left, right)
        trial.compare(
            got, {"the image": np.pad(image, sides, mode="reflect")},
            axes={"the image": ("height", "width")}, mistakes=MIRROR_MISTAKES,
        )  # fmt: skip


def _padded(mode):
    return lambda image, above, below, left, right: np.pad(
        image, ((above, below), (left, right)), mode=mode
    )


MIRROR_MISTAKES = {
    "the border pixel is repeated: it is the mirror, and comes once": _padded("symmetric"),
    "zeros, where the image should be mirrored": _padded("constant"),
    "the border pixel is smeared outwards, not mirrored": _padded("edge"),
    "the other side of the image comes in, as on a ring: it should be mirrored": _padded("wrap"),
    "above and below, or left and right, are exchanged": (
        lambda image, above, below, left, right: np.pad(
            image, ((below, above), (right, left)), mode="reflect"
        )
    ),
    "rows and columns are exchanged": (
        lambda image, above, below, left, right: np.pad(
            image, ((left, right), (above, below)), mode="reflect"
        )
    ),
    "the rows were not mirrored": (
        lambda image, above, below, left, right: np.pad(
            image, ((0, 0), (left, right)), mode="reflect"
        )
    ),
    "the columns were not mirrored": (
        lambda image, above, below, left, right: np.pad(
            image, ((above, below), (0, 0)), mode="reflect"
        )
    ),
}
