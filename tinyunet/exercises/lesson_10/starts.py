"""Lesson 10: where tiles start."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tinyunet.exercises import comparison
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=10,
    hints=(
        "How far may a tile be moved so that all pixels meet the poolings as before? A multiple of "
        "which number is that, with `depth` poolings of 2?",
        "The stride is the largest multiple of 2 ** depth that is not above `gives`. Tiles start at "
        "0, one stride, two strides, ... as long as the start is inside the image.",
        "stride = gives // 2**depth * 2**depth, and list(range(0, side, stride)).",
    ),
)
def tile_starts(trial: Trial) -> None:
    """Where tiles start along one side of the image."""
    likely = START_MISTAKES
    for side, gives, depth in (
        (12, 4, 1), (12, 5, 1), (24, 10, 2), (25, 8, 2), (100, 20, 3), (1000, 388, 4), (7, 12, 2),
        (16, 16, 4), (30, 7, 0), *trial.drawn((5, 200), (16, 60), (0, 5)),
    ):  # fmt: skip
        got = trial.call(side=side, gives=gives, depth=depth)
        if kind := _wrong_kind(got):
            trial.fail("the starts", *kind)
        starts = [int(start) for start in got]
        likely = {what: make for what, make in likely.items()
                  if comparison.same(starts, make(side, gives, depth))}  # fmt: skip
        text, cause = _wrong_place(starts, side, gives, depth)
        trial.require(not text, "the starts", text, next(iter(likely), cause))


def aligned(gives: int, depth: int) -> int:
    """The largest stride of tiles that leaves no gap and meets the poolings as before."""
    return gives // 2**depth * 2**depth


def _wrong_kind(got: Any) -> tuple[str, ...]:
    """Say why it cannot take a list's place in the lesson, and what that looks like; or nothing."""
    if got is None:
        return "is None, should be a list", "a missing return"
    if not isinstance(got, list | tuple | range) and getattr(got, "ndim", 0) != 1:
        text = f"should be a list of whole numbers, yours is of type {type(got).__name__}"
        one = isinstance(got, int | float | np.number)
        return text, "a number, where the starts of all tiles are wanted" if one else ""
    for start in got:
        if not isinstance(start, int | np.integer) or isinstance(start, bool):
            return (
                f"should be whole numbers, yours has a {type(start).__name__}",
                "they are used as indices, and / gives a float even where nothing is left over",
            )
    return ()


def _wrong_place(starts: list[int], side: int, gives: int, depth: int) -> tuple[str, str]:
    """Say which tile is wrong, or which pixel has none, and what that looks like; or "" twice."""
    step, stride = 2**depth, aligned(gives, depth)
    if not starts:
        cause = "an image that is smaller than a tile needs one, too" if side < gives else ""
        return "is empty, should have a tile", cause
    for start, after in itertools.pairwise(starts):
        if after < start:
            return f"{after} comes after {start}: should be in order", ""
    if starts[0]:
        cause = "the first tile begins with the image: mirroring makes its context"
        if starts[0] > 0:
            cause = f"no tile gives the pixels before {starts[0]}"
        return f"begin at {starts[0]}, should begin at 0", cause
    for start in starts:
        if start >= side:
            return (
                f"{start} is no pixel of a side of {side}",
                "the last tile lies outside of the image",
            )
        if start % step:
            return (
                f"{start} is no multiple of 2 ** {depth} = {step}",
                "a tile that is moved by anything else meets the poolings at other places",
            )
    for start, after in itertools.pairwise([*starts, side]):
        if start + gives < after:
            return (
                f"no tile gives the pixels from {start + gives} to {after - 1} of {side}",
                "the last tile is missing: it may stand out of the image" if after == side
                else "a step is larger than what a tile gives",
            )  # fmt: skip
    if len(starts) > (enough := -(-side // stride)):
        return (
            f"are {len(starts)}, where {enough} are enough",
            f"no pixel is missing, but the largest stride that is allowed is {stride}",
        )
    return "", ""


def _starts(step):
    return lambda side, gives, depth: np.arange(0, side, step(gives, depth))


# The rules above decide what is wrong; these name the reason where it is known.
START_MISTAKES = {
    "the stride is all that a tile gives: it has to be a multiple of 2 ** depth": (
        _starts(lambda gives, depth: gives)
    ),
    "the stride is a multiple of 2 * depth: every pooling doubles it, so 2 ** depth": (
        _starts(lambda gives, depth: max(gives // max(2 * depth, 1), 1) * max(2 * depth, 1))
    ),
    "the stride is rounded up: between the tiles, pixels would be left out": (
        _starts(lambda gives, depth: -(-gives // 2**depth) * 2**depth)
    ),
    "the stride is 2 ** depth itself: right, but far more tiles than needed": (
        _starts(lambda gives, depth: 2**depth)
    ),
    "the last tile was moved back to end with the image: there it is not aligned": (
        lambda side, gives, depth: np.minimum(
            np.arange(0, side, aligned(gives, depth)), max(side - gives, 0)
        )
    ),
}
