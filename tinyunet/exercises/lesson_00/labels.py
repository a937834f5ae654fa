"""Lesson 0: scores to labels."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

PLANE = ("height", "width")


@exercise(
    lesson=0,
    hints=(
        "Look at one pixel first: it has C scores. Which of its classes should win?",
        "You do not want the largest score but its place. NumPy's word for that is argmax.",
        "np.argmax takes an axis: the one along which it compares. The classes are the last axis, -1.",
    ),
)
def labels_from_scores(trial: Trial) -> None:
    """From the scores of the classes to a label for every pixel."""
    rng = trial.rng(0)
    mistakes = {
        "the height is compared, not the classes: they are the last axis": lambda s: s.argmax(0),
        "the width is compared, not the classes: they are the last axis": lambda s: s.argmax(1),
        "the largest score itself, where its place is wanted: argmax, not max": lambda s: s.max(-1),
        "no axis was given: argmax then looks for one place in the whole array": lambda s: (
            s.argmax()
        ),
        "the score that is farthest from 0 wins: signs count": lambda s: np.abs(s).argmax(-1),
        "True where a score is the largest: its place among the classes is wanted": (
            lambda s: s == s.max(-1, keepdims=True)
        ),
        "the order of all classes: only the first is wanted": lambda s: s.argsort(-1),
        "the class with the smallest score wins": lambda s: s.argmin(-1),
        "the classes are numbered from 1: NumPy, and we, begin with 0": lambda s: s.argmax(-1) + 1,
        "the first class is compared with 0.5: scores are no probabilities": (
            lambda s: (s[..., 0] > 0.5) * 1
        ),
        "the last class is compared with 0.5: scores are no probabilities": (
            lambda s: (s[..., -1] > 0.5) * 1
        ),
        "the last class is compared with 0: it wins where its score is the largest": (
            lambda s: (s[..., -1] > 0) * 1
        ),
    }
    for shape in ((3, 4, 2), (4, 4, 4), (5, 3, 3)):
        scores = 3 * rng.standard_normal(shape)
        got = trial.call(scores=scores)
        trial.require(
            not isinstance(got, list | tuple), "the labels", f"should be an array, yours is of type "
            f"{type(got).__name__}", "np.array(...) makes an array of a list: (H, W) is its shape",
        )  # fmt: skip
        trial.compare(
            got, {"the labels": scores.argmax(axis=2)},
            axes={"the labels": PLANE}, mistakes=mistakes,
        )  # fmt: skip
