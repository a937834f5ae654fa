"""Lesson 0: intersection over union."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.metrics import dice, iou, pixel_error


@exercise(
    lesson=0,
    hints=(
        "Two masks, as Python says it: p & t is True where both are, p | t where at least one is.",
        "Count the pixels of each: (p & t).sum() and (p | t).sum(). Their quotient is the answer.",
        "One case is left: where both masks are empty, the quotient is 0 / 0. They agree, so 1.",
    ),
)
def mask_iou(trial: Trial) -> None:
    """Intersection over union of two masks."""
    rng = trial.rng(1)
    small, tall = rng.random((4, 5)) < 0.5, rng.random((6, 3)) < 0.3
    empty, full = np.zeros((3, 4), bool), np.ones((3, 4), bool)
    corner = empty.copy()
    corner[:2, :2] = True
    masks = [(small, rng.random((4, 5)) < 0.4), (tall, rng.random((6, 3)) < 0.6)]
    masks += [(corner, full), (corner, ~corner), (corner, empty), (empty, corner), (empty, empty)]
    for predicted, truth in masks:
        value = trial.call(predicted=predicted, truth=truth)
        count = int(predicted.sum()), int(truth.sum())
        words = f"{count[0]} and {count[1]} True pixels, {(predicted & truth).sum()} in common"
        trial.setting += f"; the masks have {words}"
        if not (predicted.any() or truth.any()):
            bad = np.ndim(value) == 0 and np.isreal(value) and not np.isclose(value, 1)
            trial.require(
                not bad, "the IoU", f"yours is {value}, should be 1",
                "two empty masks agree completely: this case, 0 / 0, needs a line of its own",
            )  # fmt: skip
        trial.compare(value, {"the IoU": iou(predicted, truth)}, mistakes=IOU_MISTAKES)


def _share(above: np.ndarray, below: np.ndarray) -> float:
    return above.sum() / max(1, below.sum())


IOU_MISTAKES = {
    "the accuracy: pixels that are background in both count as right, too": (
        lambda p, t: 1 - pixel_error(p, t)
    ),
    "Dice: it divides twice the intersection by the sum of both areas": dice,
    "the intersection, divided by the sum of both areas: the union counts common pixels once": (
        lambda p, t: (p & t).sum() / max(1, p.sum() + t.sum())
    ),
    "divided by the truth's area: that is the recall, and all white would be perfect": (
        lambda p, t: _share(p & t, t)
    ),
    "divided by the prediction's area: that is the precision": lambda p, t: _share(p & t, p),
    "divided by all pixels, where the union belongs": lambda p, t: (p & t).mean(),
    "the intersection's area alone: divide it by the union's": lambda p, t: (p & t).sum(),
    "upside down: union over intersection": lambda p, t: (p | t).sum() / max(1, (p & t).sum()),
    "// rounds down: / gives the fraction": lambda p, t: (p & t).sum() // max(1, (p | t).sum()),
    "whether they have anything in common: count the pixels, .sum()": lambda p, t: (
        (p & t).any() * 1
    ),
    "the pixels in which they differ, divided by the union": lambda p, t: _share(p ^ t, p | t),
    "the truth's area, divided by the union: count what both have": lambda p, t: _share(t, p | t),
    "the prediction's area, divided by the union: count what both have": (
        lambda p, t: _share(p, p | t)
    ),
    "a mean above and a sum below: both have to be the same": (
        lambda p, t: (p & t).mean() / max(1, (p | t).sum())
    ),
    "a sum above and a mean below: both have to be the same": (
        lambda p, t: (p & t).sum() / ((p | t).mean() or 1)
    ),
    "the pixels that only one of them has are below: those of both belong there, too": (
        lambda p, t: _share(p & t, p ^ t)
    ),
    "the IoU of the background": lambda p, t: iou(~p, ~t),
    "1 - IoU: that is a distance": lambda p, t: 1 - iou(p, t),
}
