"""Lesson 16: weights for rare classes."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import occurrences
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.losses import median_frequency


@exercise(
    lesson=16,
    hints=(
        "For one class: in which images does it occur, and what share of THEIR pixels is it? Then "
        "compare that share with the one in the middle of all classes.",
        "f[c] = pixels of c / pixels of all images in which c occurs; weight[c] = median(f) / f[c]. "
        "A class that never occurs has no f: leave it out of the median, and give it weight 0.",
        "counts = np.stack([np.bincount(image.ravel(), minlength=num_classes) for image in labels]) "
        "has a row for each image. pixels = counts.sum(axis=0); of = (counts > 0).sum(axis=0) * "
        "labels[0].size; then with there = pixels > 0: f = pixels[there] / of[there].",
    ),
)
def class_weights(trial: Trial) -> None:
    """A weight for each class, by median frequency."""
    rng = trial.rng(2)
    hand = np.array([[[0, 0], [0, 1]], [[0, 0], [0, 0]], [[0, 2], [2, 1]]])
    for labels, classes in (
        (hand, 3),
        (np.array([[[0, 1, 1, 1]]]), 2),
        (np.array([[[0, 0, 1]], [[2, 2, 2]]]), 3),
        (hand, 5),
        (rng.integers(0, 4, (3, 4, 5)), 4),
        (np.minimum(rng.integers(0, 9, (4, 3, 3)), 3 * rng.integers(0, 2, (4, 1, 1))), 4),
    ):
        got = trial.call(labels=labels, num_classes=classes)
        trial.compare(
            got, {"the weights": median_frequency(labels, classes)},
            axes={"the weights": ("class",)}, mistakes=WEIGHT_MISTAKES,
        )  # fmt: skip


def _counts(labels, classes):
    return np.stack([occurrences(image, minlength=classes) for image in labels])


def _weights(
    labels, classes, over=None, middle=np.median, weigh=lambda f, m: m / f, absent=0.0, zeros=False
):
    """The right way, and with something changed, a wrong one."""
    counts = _counts(labels, classes)
    pixels = counts.sum(axis=0)
    of = (counts > 0).sum(axis=0) * labels[0].size if over is None else over(counts, labels)
    there = pixels > 0
    f = pixels[there] / np.broadcast_to(of, classes)[there]
    weights = np.full(classes, absent)
    weights[there] = weigh(f, middle([*f, *np.zeros((~there).sum())] if zeros else f))
    return weights


WEIGHT_MISTAKES = {
    "divided by the pixels of ALL images: only those in which the class occurs count": (
        lambda labels, n: _weights(labels, n, over=lambda counts, labels: labels.size)
    ),
    "turned over: a rare class should weigh more, median / f": (
        lambda labels, n: _weights(labels, n, weigh=lambda f, m: f / m)
    ),
    "1 / f: the median is missing": lambda labels, n: _weights(labels, n, weigh=lambda f, m: 1 / f),
    "these are the frequencies f themselves": (
        lambda labels, n: _weights(labels, n, weigh=lambda f, m: f)
    ),
    "the mean of f, where it should be the median": (
        lambda labels, n: _weights(labels, n, middle=np.mean)
    ),
    "a class that never occurs was counted in the median": (
        lambda labels, n: _weights(labels, n, zeros=True)
    ),
    "a class that never occurs has weight 0: yours is infinite": (
        lambda labels, n: _weights(labels, n, absent=np.inf)
    ),
    "a class that never occurs has weight 0: yours is not a number": (
        lambda labels, n: _weights(labels, n, absent=np.nan)
    ),
    "a class that never occurs has weight 0, not 1": (
        lambda labels, n: _weights(labels, n, absent=1.0)
    ),
    "the weights were divided by their sum": lambda labels, n: (
        _weights(labels, n) / _weights(labels, n).sum()
    ),
    "the weights were divided by their mean": lambda labels, n: (
        _weights(labels, n) / _weights(labels, n).mean()
    ),
}
