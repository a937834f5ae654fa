"""Lesson 12: how many cells were merged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet import metrics
from tinyunet.engine.arrays import occurrences
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

LEFT_AND_RIGHT = np.array([[0, 1, 1, 2, 2, 0], [0, 1, 1, 2, 2, 0], [0, 0, 0, 0, 0, 0]])

# Of the fifth cell's five pixels, 4 has two, which is more than any other has and less than half.
LARGEST_IS_NOT_HALF = np.array([[0] * 6 + [4, 4], [0] * 6 + [2, 8], [0] * 8])


@exercise(
    lesson=12,
    hints=(
        "Go through the true cells. Which found cell, if any, covers more than half of this one?",
        "found[truth == k] are the numbers found on true cell k; leave out the zeros, which are "
        "background. Note in a dict how many true cells each found cell holds.",
        "A found number holds cell k if (inside == number).sum() > inside.size / 2. At the end add "
        "up the counts that are above 1: three cells in one object are three merged cells.",
    ),
)
def merged_cells(trial: Trial) -> None:
    """How many true cells share a found cell with another true cell."""
    two, rng = LEFT_AND_RIGHT, trial.rng(0)
    three = np.array([[3, 3, 3, 3, 7, 7, 9, 9], [3, 3, 3, 3, 7, 7, 9, 9], [0, 0, 0, 0, 0, 0, 9, 0]])
    blocks = np.kron(rng.integers(0, 5, (4, 5)), np.ones((3, 2), int))
    for found, truth in (
        (two > 0, two), (two, two), (0 * two, two), (np.isin(two, 1), two),
        ((two > 0) & (np.indices(two.shape).sum(0) < 4), two), ((two > 0) & (np.arange(6) < 4), two),
        (three > 0, three), (np.where(three == 9, 2, 4 * (three > 0)), three),
        (np.where(np.indices(two.shape).sum(0) == 5, 0, two > 0), two),
        (np.where(three == 9, LARGEST_IS_NOT_HALF, 4 * (three > 0)), three),
        (np.kron(rng.integers(0, 3, (3, 5)), np.ones((4, 2), int)), blocks),
    ):  # fmt: skip
        found = found.astype(int)
        got = trial.call(found=found, truth=truth)
        right = {"merged cells": metrics.merged(found, truth)}
        trial.compare(got, right, mistakes=MERGED_MISTAKES)


def _above_one(held: list[int]) -> int:
    return sum(count for count in held if count > 1)


def _merged(
    enough: Callable = lambda common, true_size, found_size: 2 * common > true_size,
    background: bool = False,
    add_up: Callable = _above_one,
) -> Callable:
    """Counting as it should be, or with a mistake."""

    def count(found, truth):
        held = {}
        for k in np.unique(truth[truth > 0]):
            inside = found[truth == k]
            for number in np.unique(inside):
                common = (inside == number).sum()
                if (number or background) and enough(common, inside.size, (found == number).sum()):
                    held[number] = held.get(number, 0) + 1
        return add_up(list(held.values()))

    return count


def _by_largest(found, truth):
    """Each true cell is given to the found cell that has most of it."""
    most = [occurrences(found[truth == k]).argmax() for k in np.unique(truth[truth > 0])]
    return _above_one([most.count(number) for number in set(most) - {0}])


MERGED_MISTAKES = {
    "the found cell that covers most of a true one need not cover more than half": _by_largest,
    "a found cell need not cover all of a true one: more than half is enough": (
        _merged(enough=lambda common, true_size, found_size: common == true_size)
    ),
    "true cells were numbered 1, 2, ... up to their count: np.unique(truth[truth > 0]) are the "
    "numbers": lambda found, truth: _merged()(
        found, np.where(truth < len(np.unique(truth)), truth, 0)
    ),
    "true cells that nobody found were counted as merged, by the background: leave out number 0": (
        _merged(background=True)
    ),
    "a found cell was counted that only touches a second one: it should cover more than half": (
        _merged(enough=lambda common, true_size, found_size: common > 0)
    ),
    "exactly half of a true cell is not enough: more than half": (
        _merged(enough=lambda common, true_size, found_size: 2 * common >= true_size)
    ),
    "more than half of the true cell is meant, not of the found one, nor an IoU above one half": (
        _merged(enough=lambda common, true_size, found_size: 2 * common > found_size)
    ),
    "the found cells that merge were counted: count the true cells in them": (
        _merged(add_up=lambda held: sum(count > 1 for count in held))
    ),
    "one too few for each object: all true cells that share it are merged, the first one, too": (
        _merged(add_up=lambda held: sum(count - 1 for count in held))
    ),
    "true cells that have a found cell for themselves were counted, too": _merged(add_up=sum),
}
