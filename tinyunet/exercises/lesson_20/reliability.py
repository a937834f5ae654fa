"""Lesson 20: the reliability diagram."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=20,
    hints=(
        "First give each pixel the number of its bin; then look at one bin after the other.",
        "p * bins, rounded down, is the number of the bin. Only p = 1 comes out one too high.",
        "which = np.minimum((p * bins).astype(int), bins - 1); for each i the means are "
        "p[which == i].mean() and truth[which == i].mean(), if (which == i).any().",
    ),
)
def reliability(trial: Trial) -> None:
    """For each bin of probabilities, their mean and the share of pixels that are cell."""
    rng = trial.rng(4)
    for shape, bins, empty in (((4, 5), 2, ()), ((2, 6, 7), 5, ()), ((3, 8, 8), 10, (4, 7))):
        size = int(np.prod(shape))
        places = np.append(np.arange(bins), rng.integers(0, bins, size - bins))
        places[np.isin(places, empty)] = 0
        p = (places + rng.uniform(0.1, 0.9, size)) / bins  # in no doubtful place
        p[-2:] = 1, 0
        if bins % 2 == 0:
            p[-3] = 0.5  # where a bin begins, in any type of float
        truth = rng.random(size) < np.sqrt(p)
        p, truth = p.reshape(shape), truth.reshape(shape)
        got = trial.call(p=p, truth=truth, bins=bins)
        if isinstance(got, np.ndarray) and got.shape == (2, bins):
            got = tuple(got)  # an array of both can be taken apart as well
        single = isinstance(got, tuple | list) and any(
            getattr(values, "dtype", None) == np.float32 for values in got
        )
        names = ("mean probability", "share that is cell")
        right = zip(names, _means(p, truth, bins), strict=True)
        trial.compare(
            got, {name: values.astype(np.float32 if single else float) for name, values in right},
            axes=dict.fromkeys(names, ("bin",)), mistakes=RELIABILITY_MISTAKES,
        )  # fmt: skip


def _bins(p, bins):
    return np.minimum((p * bins).astype(int), bins - 1)


def _means(p, truth, bins, which: Callable = _bins, empty: float = 0):
    inside = [which(p, bins) == i for i in range(bins)]
    return tuple(
        np.array([a[here].mean() if here.any() else empty for here in inside]) for a in (p, truth)
    )


def _shares_of_all(p, truth, bins):
    inside = [_bins(p, bins) == i for i in range(bins)]
    return _means(p, truth, bins)[0], np.array([truth[here].sum() / p.size for here in inside])


def _counts(p, truth, bins):
    return _means(p, truth, bins)[0], _shares_of_all(p, truth, bins)[1] * p.size


RELIABILITY_MISTAKES = {
    "an empty bin has no mean, and gives nan: it should give 0 and 0": (
        lambda *a: _means(*a, empty=np.nan)
    ),
    "a probability of 1 is in no bin: it belongs to the last one": (
        lambda *a: _means(*a, which=lambda p, bins: (p * bins).astype(int))
    ),
    "the middle of each bin in place of the mean of its probabilities": (
        lambda p, truth, bins: ((np.arange(bins) + 0.5) / bins, _means(p, truth, bins)[1])
    ),
    "the bins' edges in place of the mean probabilities": (
        lambda p, truth, bins: (np.arange(bins) / bins, _means(p, truth, bins)[1])
    ),
    "the two were exchanged": lambda *a: _means(*a)[::-1],
    "a share of all pixels: of those in the bin": _shares_of_all,
    "a number of pixels, where their share is asked for": _counts,
    "rounded to the nearest bin: round down, so that all bins are equally wide": (
        lambda *a: _means(*a, which=lambda p, bins: np.minimum(np.round(p * bins), bins - 1))
    ),
    "a probability at an edge belongs to the bin that begins there, not to that before it": (
        lambda *a: _means(*a, which=lambda p, bins: np.maximum(np.ceil(p * bins) - 1, 0))
    ),
    "multiplied by bins - 1: the last bin would be a single probability": (
        lambda *a: _means(*a, which=lambda p, bins: (p * (bins - 1)).astype(int))
    ),
    "the sum of the probabilities, where their mean is asked for": (
        lambda p, truth, bins: (
            np.histogram(p, bins, (0, 1), weights=p)[0],
            _means(p, truth, bins)[1],
        )
    ),
    "the share of all cells that is in the bin: of the bin's pixels, which share is cell?": (
        lambda p, truth, bins: (
            _means(p, truth, bins)[0],
            _counts(p, truth, bins)[1] / max(truth.sum(), 1),
        )
    ),
    "how often a threshold of 0.5 is right: the share that is cell is asked for": (
        lambda p, truth, bins: _means(p, (p > 0.5) == truth, bins)
    ),
    "empty bins were left out: they give 0 and 0": lambda *a: tuple(
        values[_means(*a)[0] > 0] for values in _means(*a)
    ),
    "there are `bins` bins: it need not be 10": lambda p, truth, bins: _means(p, truth, 10),
    "the share that is background": (
        lambda p, truth, bins: (_means(p, truth, bins)[0], 1 - _means(p, truth, bins)[1])
    ),
}
