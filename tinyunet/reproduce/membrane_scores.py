"""Scores of slices with membranes: thresholds from validation slices, numbers from test slices."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinyunet import metrics
from tinyunet.data import Dataset
from tinyunet.inference import predict_image
from tinyunet.reproduce.records import write_whole
from tinyunet.unet import UNet

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
        "V_Rand": best_v_rand(maps, validation),
        "Rand error": metrics.best_threshold(
            lambda m, i: -rand_error(m, validation, i), maps, places
        ),
    }


def best_v_rand(maps: Maps, validation: Dataset) -> float:
    """The threshold with the best V_Rand on validation slices."""
    places = range(len(validation))
    return metrics.best_threshold(lambda m, i: v_rand(m, validation, i), maps, places)


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


def foreground(model: UNet, slices: Dataset, average: bool | str = False) -> list[np.ndarray]:
    """The probability of cell (H, W) of every slice."""
    return [predict_image(model, image, average=average)[..., 1] for image in slices.images]


class Checkpoints:
    """V_Rand of the test slices while a network trains: how much hangs on the moment.

    Only the second half of a training is looked at, each moment with its own threshold from the
    validation slices. The scores choose nothing. They are kept in a file, so that in the end an
    interrupted run has all of them.
    """

    def __init__(
        self, model: UNet, validation: Dataset, test: Dataset, folder: Path | None
    ) -> None:
        self.model, self.validation, self.test = model, validation, test
        self.file = folder / "checkpoints.json" if folder else None
        kept = self.file and self.file.exists()
        self.scores: dict[str, float] = json.loads(self.file.read_text()) if kept else {}

    def note(self, done: int, total: int) -> None:
        """Score the model as it is after `done` of `total` steps."""
        if 2 * done <= total:
            return
        threshold = best_v_rand(foreground(self.model, self.validation), self.validation)
        score = _mean(v_rand, foreground(self.model, self.test), self.test, threshold)
        self.scores[str(done)] = score  # JSON's keys are strings
        if self.file:
            write_whole(self.file, json.dumps(self.scores))


def _mean(score: Callable, maps: Maps, slices: Dataset, threshold: float) -> float:
    return float(np.mean([score(p > threshold, slices, i) for i, p in enumerate(maps)]))
