"""Lesson 0: Otsu's threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.segmentation.otsu import otsu_threshold


@exercise(
    lesson=0,
    hints=(
        "A mask splits the pixels into two groups: image[mask] and image[~mask] are their values.",
        "mask.mean() is the share of True. From it come both shares, and .mean() of each group is its "
        "mean. Before that, see whether one group is empty.",
        "dark = image <= threshold; return 0.0 where dark has no True, or no False. Else with "
        "w = dark.mean(), return w * (1 - w) times the squared difference of the two means.",
    ),
)
def between_groups(trial: Trial) -> None:
    """The variance between the two groups that a threshold makes."""
    rng = trial.rng(2)
    for image, thresholds in (
        (np.array([[1.0, 1.0, 5.0], [1.0, 5.0, 2.0]]), (2.5, 2.0)),
        (rng.random((5, 6)), (0.3, 0.8)),
        (rng.random((3, 4)) + 2, (1.0, 3.5)),
    ):
        for threshold in thresholds:
            value = trial.call(image=image, threshold=threshold)
            if not _between(image, threshold):
                trial.setting += "; all pixels are on the same side of it"
                trial.require(
                    value is None or np.ndim(value) or not value,
                    "the variance", f"yours is {value}, should be 0",
                    "nothing is split where a group is empty: that is 0",
                )  # fmt: skip
            trial.compare(
                value, {"the variance": _between(image, threshold)}, mistakes=BETWEEN_MISTAKES
            )


def _groups(image: np.ndarray, threshold: float) -> tuple[float, np.ndarray, np.ndarray]:
    dark = image <= threshold
    return dark.mean(), image[dark], image[~dark]


def _between(image: np.ndarray, threshold: float) -> float:
    """By the law of total variance: that of all values, less the mean variance within the groups."""
    w, dark, bright = _groups(image, threshold)
    if w in (0, 1):
        return 0.0
    return image.var() - _within(image, threshold)


def _within(image: np.ndarray, threshold: float) -> float:
    w, dark, bright = _groups(image, threshold)
    if w in (0, 1):
        return image.var()
    return w * dark.var() + (1 - w) * bright.var()


def _other(formula):
    """A mistake as a function of w, both means, and the number of pixels."""

    def make(image, threshold):
        w, dark, bright = _groups(image, threshold)
        return formula(w, dark.mean(), bright.mean(), image.size) if 0 < w < 1 else 0.0

    return make


def _by_groups(image, threshold, formula):
    w, dark, bright = _groups(image, threshold)
    return formula(w, dark, bright) if 0 < w < 1 else 0.0


BETWEEN_MISTAKES = {
    "the difference of the means is not squared": _other(lambda w, a, b, n: w * (1 - w) * (b - a)),
    "the difference of the means is not squared, and has the wrong sign": _other(
        lambda w, a, b, n: w * (1 - w) * (a - b)
    ),
    "the shares are missing: without w (1 - w) one extreme pixel would win": _other(
        lambda w, a, b, n: (b - a) ** 2
    ),
    "pixels are counted, where their share is wanted: divide by how many there are": _other(
        lambda w, a, b, n: w * (1 - w) * n * n * (b - a) ** 2
    ),
    "only the share of the dark group is there: 1 - w is missing": _other(
        lambda w, a, b, n: w * (b - a) ** 2
    ),
    "only the share of the bright group is there: w is missing": _other(
        lambda w, a, b, n: (1 - w) * (b - a) ** 2
    ),
    "the sums of the groups, where their means belong": (
        lambda image, t: _by_groups(
            image, t, lambda w, a, b: w * (1 - w) * (b.sum() - a.sum()) ** 2
        )
    ),
    "the medians of the groups, where their means belong": (
        lambda image, t: _by_groups(
            image, t, lambda w, a, b: w * (1 - w) * (np.median(b) - np.median(a)) ** 2
        )
    ),
    "the zeros of the other group are in each mean: image[mask], not image * mask": (
        lambda image, t: _by_groups(
            image, t, lambda w, a, b: w * (1 - w) * (b.sum() - a.sum()) ** 2 / image.size**2
        )
    ),
    "the threshold, where the share of the dark pixels belongs": (
        lambda image, t: _by_groups(
            image, t, lambda w, a, b: t * (1 - t) * (b.mean() - a.mean()) ** 2
        )
    ),
    "w is squared: the other share is 1 - w": _other(lambda w, a, b, n: w * w * (b - a) ** 2),
    "the means were added: it is their difference that counts": _other(
        lambda w, a, b, n: w * (1 - w) * (a + b) ** 2
    ),
    "the shares alone: the squared difference of the means is missing": _other(
        lambda w, a, b, n: w * (1 - w)
    ),
    "w divided by 1 - w: the shares are multiplied": _other(
        lambda w, a, b, n: w / (1 - w) * (b - a) ** 2
    ),
    "the part of the dark group alone: add that of the bright one": _other(
        lambda w, a, b, n: w * (1 - w) ** 2 * (b - a) ** 2
    ),
    "the part of the bright group alone: add that of the dark one": _other(
        lambda w, a, b, n: w**2 * (1 - w) * (b - a) ** 2
    ),
    "both groups' parts without their shares, w and 1 - w": _other(
        lambda w, a, b, n: ((1 - w) ** 2 + w**2) * (b - a) ** 2
    ),
    "the variance within the groups: what Otsu makes small, not what he makes large": _within,
    "a pixel equal to the threshold is dark: <=, not <": (
        lambda image, t: _between(image, np.nextafter(t, -np.inf))
    ),
}


@exercise(
    lesson=0,
    hints=(
        "No formula gives the best threshold. So try all 256, and remember which was the best.",
        "Call between_groups(image, threshold) for each; np.argmax of these numbers says where the "
        "largest is.",
        "Make the array thresholds as the docstring says, and a list of between_groups for each of "
        "them. Return thresholds at the place that np.argmax finds in the list.",
    ),
)
def otsu(trial: Trial) -> None:
    """Otsu's threshold: the one that splits the gray values best."""
    rng = trial.rng(3)
    dark, bright = 0.2 + 0.05 * rng.standard_normal(90), 0.7 + 0.1 * rng.standard_normal(54)
    cells = rng.permutation(np.concatenate([dark, bright])).reshape(12, 12)
    for image in (np.array([[1.0, 1.2, 1.1], [9.0, 1.3, 8.0]]), cells, 40 * cells**3 - 7):
        got = trial.call(image=image)
        _judge_threshold(trial, image, got)
    flat = np.full((3, 3), 2.5)
    got = trial.call(image=flat)
    trial.setting += ", which has only one gray value, 2.5"
    trial.compare(got, {"the threshold": 2.5})


def _judge_threshold(trial: Trial, image: np.ndarray, got: Any) -> None:
    """Pass every threshold that makes the best groups: in a gap of the histogram there are several."""
    thresholds = np.linspace(image.min(), image.max(), 257)[:-1]
    between = np.array([_between(image, threshold) for threshold in thresholds])
    right = thresholds[between.argmax()]
    if np.ndim(got) or not isinstance(got, int | float | np.number):
        cause = ""
        if np.shape(got) == image.shape:
            cause = "a mask, where the threshold is wanted: the mask is image > threshold"
        elif np.shape(got) in ((256,), (257,)):
            cause = "all of them: the one with the largest variance is wanted"
        elif got is None:
            cause = "a missing return"
        words = f"of shape {np.shape(got)}" if np.ndim(got) else f"of type {type(got).__name__}"
        trial.fail("the threshold", f"should be a number, yours is {words}", cause)
    others = {
        "the place of the best threshold in the list, not the threshold": between.argmax(),
        "the largest variance, not the threshold that gives it": between.max(),
        "the threshold of the smallest variance: argmin, where argmax is right": (
            thresholds[between.argmin()]
        ),
        "the mean gray value": image.mean(),
        "the median gray value": np.median(image),
        "halfway between darkest and brightest": (image.min() + image.max()) / 2,
        "thresholds from 0 to 1: an image's values may be others": (
            np.linspace(0, 1, 257)[
                np.argmax([_between(image, t) for t in np.linspace(0, 1, 257)[:-1]])
            ]
        ),
        "thresholds from 0 to 255: an image's values may be others": (
            float(np.argmax([_between(image, t) for t in range(256)]))
        ),
    }
    step = thresholds[1] - thresholds[0]
    tried = np.abs(got - thresholds).min() <= 1e-4 * step
    if not tried:
        others |= _other_lists(image)
    known = (what for what, value in others.items() if np.isclose(got, value))
    cause, reached = next(known, ""), _between(image, got)
    package = otsu_threshold(image)
    if reached >= 0.999 * between.max() and not tried:
        trial.fail(
            "the threshold", f"yours is {got:.6g}, which splits the pixels well, but is none of the "
            f"256 thresholds from {image.min():.6g} to {image.max():.6g} in the docstring; of these "
            f"{right:.6g} is the best", cause or "another list of thresholds",
        )  # fmt: skip
    trial.require(
        reached >= 0.999 * between.max(), "the threshold",
        f"yours is {got:.6g}, should be about {right:.6g} (the package's histogram finds "
        f"{package:.6g}); the variance between its groups is {reached:.4g}, and could be "
        f"{between.max():.4g}",
        cause,
    )  # fmt: skip


def _other_lists(image: np.ndarray) -> dict[str, float]:
    """The best thresholds of lists that are not the one of the text, by what is wrong with them."""
    low, high = image.min(), image.max()
    edges = np.linspace(low, high, 257)
    lists = {
        "256 thresholds with the brightest among them, above which nothing is: make 257, and leave out "
        "the last": np.linspace(low, high, 256),
        "the middles of the drawers: each threshold stands at a drawer's lower end": (
            (edges[1:] + edges[:-1]) / 2
        ),
        "the gray values that occur, where 256 evenly spread thresholds are wanted": (
            np.unique(image)[:-1]
        ),
        "thresholds from 0 on, where the darkest value is meant": np.linspace(0, high, 257)[:-1],
        "256 thresholds without the darkest and the brightest: the first is the darkest": (
            np.linspace(low, high, 258)[1:-1]
        ),
    }
    return {
        what: values[np.argmax([_between(image, t) for t in values])]
        for what, values in lists.items()
    }
