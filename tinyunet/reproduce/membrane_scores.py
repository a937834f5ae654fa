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


def choose_thresholds(maps: Maps, validation: Dataset) -> dict[str, float]:
    """The thresholds with the best V_Rand and the best Rand error on validation slices."""
    places = range(len(validation))
    return {
        "V_Rand": metrics.best_threshold(lambda m, i: v_rand(m, validation, i), maps, places),
        "Rand error": metrics.best_threshold(
            lambda m, i: -rand_error(m, validation, i), maps, places
        ),
    }


def best_accuracy(maps: Maps, validation: Dataset) -> float:
    """The threshold with which most pixels are right."""

    def judge(mask: np.ndarray, truth: np.ndarray) -> float:
        return -metrics.pixel_error(mask, truth > 0)

    fine = [i / 100 for i in range(1, 100)]
    return metrics.best_threshold(judge, maps, validation.labels, fine)


def score_stack(maps: Maps, test: Dataset, thresholds: dict[str, float]) -> dict[str, float]:
    """All scores of test slices: the challenge's pixel error of all at once, others as means."""
    truth, at = np.stack(test.labels), thresholds["V_Rand"]
    return {
        "pixel error": metrics.pixel_error(np.stack(maps) > 0.5, truth > 0),
        "isbi pixel error": metrics.isbi_pixel_error(np.stack(maps), truth),
        "Rand error": _mean(rand_error, maps, test, thresholds["Rand error"]),
        "warping error": _mean(warping_error, maps, test, at),
        "V_Rand": _mean(v_rand, maps, test, at),
        "V_Rand at 0.5": _mean(v_rand, maps, test, 0.5),
        "V_Info": _mean(v_info, maps, test, at),
    }


def _mean(score: Callable, maps: Maps, slices: Dataset, threshold: float) -> float:
    return float(np.mean([score(p > threshold, slices, i) for i, p in enumerate(maps)]))
