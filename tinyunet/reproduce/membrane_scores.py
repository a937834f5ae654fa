"""Scores of slices with membranes: thresholds from validation slices, numbers from test slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyunet import metrics
from tinyunet.data import Dataset

Maps = Sequence[np.ndarray]  # the probability of cell (H, W), one for each slice


def v_rand(mask: np.ndarray, slices: Dataset, i: int) -> float:
    """V_Rand of slice i, at a threshold that gave this mask."""
    return metrics.v_rand(metrics.segments(mask), slices.instances[i])


def v_info(mask: np.ndarray, slices: Dataset, i: int) -> float:
    """V_Info of slice i."""
    return metrics.v_info(metrics.segments(mask), slices.instances[i])


def rand_error(mask: np.ndarray, slices: Dataset, i: int) -> float:
    """Rand error of slice i."""
    return metrics.rand_error(metrics.segments(mask), slices.instances[i])


def warping_error(mask: np.ndarray, slices: Dataset, i: int) -> float:
    """Warping error of slice i."""
    return metrics.warping_error(mask, slices.labels[i])


# How each is computed, and whether more of it is better.
SCORES: dict[str, tuple[Callable, bool]] = {
    "V_Rand": (v_rand, True),
    "V_Info": (v_info, True),
    "Rand error": (rand_error, False),
    "warping error": (warping_error, False),
}


def choose_thresholds(maps: Maps, validation: Dataset) -> dict[str, float]:
    """The threshold that is best for each score on validation slices."""
    places = range(len(validation))
    chosen = {}
    for name, (score, more_is_better) in SCORES.items():
        sign = 1 if more_is_better else -1

        def judge(mask: np.ndarray, i: int, score: Callable = score, sign: int = sign) -> float:
            return sign * score(mask, validation, i)

        chosen[name] = metrics.best_threshold(judge, maps, places)
    return chosen


def best_accuracy(maps: Maps, validation: Dataset) -> float:
    """The threshold with which most pixels are right."""

    def judge(mask: np.ndarray, truth: np.ndarray) -> float:
        return -metrics.pixel_error(mask, truth > 0)

    fine = [i / 100 for i in range(1, 100)]
    return metrics.best_threshold(judge, maps, validation.labels, fine)


def score_stack(maps: Maps, test: Dataset, thresholds: dict[str, float]) -> dict[str, float]:
    """All scores of test slices: the challenge's pixel error of all at once, others as means."""
    truth = np.stack(test.labels)
    scores = {
        "pixel error": metrics.pixel_error(np.stack(maps) > 0.5, truth > 0),
        "isbi pixel error": metrics.isbi_pixel_error(np.stack(maps), truth),
        "V_Rand at 0.5": _mean(v_rand, maps, test, 0.5),
    }
    for name, (score, _) in SCORES.items():
        scores[name] = _mean(score, maps, test, thresholds[name])
    return scores


def _mean(score: Callable, maps: Maps, slices: Dataset, threshold: float) -> float:
    return float(np.mean([score(p > threshold, slices, i) for i, p in enumerate(maps)]))
