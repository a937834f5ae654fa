"""Scores of slices with membranes: thresholds from validation slices, numbers from test slices."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinyunet import metrics
from tinyunet.data import Dataset
from tinyunet.learning.step import Step
from tinyunet.learning.training import Training
from tinyunet.networks.unet import UNet
from tinyunet.reproduce.records import write_whole
from tinyunet.reproduce.words import Record
from tinyunet.segmentation import evaluation

Maps = Sequence[np.ndarray]  # (H, W) of each slice, all of one size: probabilities, masks, segments
CHECKPOINTS = "V_Rand at checkpoints"  # the fact of a run that holds {step: score}


def v_rand(masks: Maps, slices: Dataset) -> float:
    """V_Rand of all slices together, each given as its mask (H, W) at a threshold."""
    found, truth = _together(masks, slices, thin=True)
    return metrics.v_rand(found, truth, thin=False)


def v_info(masks: Maps, slices: Dataset) -> float:
    """Mean V_Info of the slices: taken together, the slice of a pixel would count as found."""
    pairs = zip(masks, slices.instances, strict=True)
    return float(np.mean([metrics.v_info(metrics.segments(mask), truth) for mask, truth in pairs]))


def rand_error(masks: Maps, slices: Dataset) -> float:
    """Rand error of all slices together."""
    return metrics.rand_error(*_together(masks, slices, thin=False))


def warping_error(masks: Maps, slices: Dataset) -> float:
    """The challenge's warping error, of splits and mergers, as the mean of the slices."""
    pairs = zip(masks, slices.labels, strict=True)
    errors = [metrics.warping_error(*pair, only_splits_and_mergers=True) for pair in pairs]
    return float(np.mean(errors))


def _together(masks: Maps, slices: Dataset, thin: bool) -> tuple[np.ndarray, np.ndarray]:
    """Found and true segments of all slices, as one tall image each.

    Of pairs of pixels the challenge counts those within slices, over all slices: one F-score, no mean
    of several. So no segment may have a number that occurs in another slice.
    """
    found = [metrics.segments(mask) for mask in masks]
    if thin:
        found = [metrics.thinned(segments) for segments in found]
    return _stacked(found), _stacked(slices.instances)


def _stacked(slices: Maps) -> np.ndarray:
    """Segments (H, W) of each slice, numbered on from slice to slice, below one another."""
    parts, last = [], 0
    for segments in slices:
        parts.append(np.where(segments > 0, segments + last, 0))
        last += int(segments.max())
    return np.concatenate(parts)


def choose_thresholds(maps: Maps, validation: Dataset) -> dict[str, float]:
    """The thresholds with the best V_Rand and the best Rand error on validation slices."""
    return {
        "V_Rand": best_v_rand(maps, validation),
        "Rand error": _best(lambda masks: -rand_error(masks, validation), maps),
    }


def best_v_rand(maps: Maps, validation: Dataset) -> float:
    """The threshold with the best V_Rand on validation slices."""
    return _best(lambda masks: v_rand(masks, validation), maps)


def _best(score: Callable[[Maps], float], maps: Maps) -> float:
    """The threshold, 0.05 to 0.95, at which the masks of all slices together score best."""
    stack = np.concatenate(maps)  # as one image: `best_threshold` would take the mean of several

    def judge(mask: np.ndarray, _: None) -> float:
        return score(np.split(mask, len(maps)))

    return metrics.best_threshold(judge, [stack], [None])


def best_accuracy(maps: Maps, validation: Dataset) -> float:
    """The threshold with which most pixels are right."""

    def judge(mask: np.ndarray, truth: np.ndarray) -> float:
        return -metrics.pixel_error(mask, truth > 0)

    fine = [i / 100 for i in range(1, 100)]
    return metrics.best_threshold(judge, maps, validation.labels, fine)


def score_stack(maps: Maps, test: Dataset, thresholds: dict[str, float]) -> dict[str, float]:
    """All scores of test slices, taken together."""
    truth, p = np.stack(test.labels), np.stack(maps)
    at = p > thresholds["V_Rand"]
    return {
        "pixel error": metrics.pixel_error(p > 0.5, truth > 0),
        "isbi pixel error": metrics.isbi_pixel_error(p, truth),
        "Rand error": rand_error(p > thresholds["Rand error"], test),
        "warping error": warping_error(at, test),
        "V_Rand": v_rand(at, test),
        "V_Info": v_info(at, test),
    }


def foreground(model: UNet, slices: Dataset, average: bool | str = False) -> list[np.ndarray]:
    """The probability of cell (H, W) of every slice."""
    return [p[..., 1] for p in evaluation.predict(model, slices, average=average)]


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

    def note(self, training: Training, step: Step) -> None:
        """Score the model where it was validated, in the second half of its training."""
        if step.score is None or 2 * step.number <= training.total:
            return
        threshold = best_v_rand(foreground(self.model, self.validation), self.validation)
        masks = [p > threshold for p in foreground(self.model, self.test)]
        self.scores[str(step.number)] = v_rand(masks, self.test)  # JSON's keys are strings
        if self.file:
            write_whole(self.file, json.dumps(self.scores))


def checkpoints_of(records: list[Record], name: str) -> list[dict[str, float]]:
    """V_Rand by the number of steps, of each run of this name that has looked."""
    runs = [record["facts"] for record in records if record["name"] == name]
    return [facts[CHECKPOINTS] for facts in runs if facts.get(CHECKPOINTS)]
