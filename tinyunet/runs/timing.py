"""How long scoring will take, so that minutes can hold it and nobody waits unwarned."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tinyunet.data import Dataset
from tinyunet.networks.network import Network
from tinyunet.segmentation import evaluation
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.thresholds import THRESHOLDS
from tinyunet.segmentation.tiles import predict_image

VERSIONS = {"none": 0, "symmetries": 8, "rotations": 7}  # predictions beside the plain one
DIAGONAL = 2  # a square that holds an image turned by any angle is twice as large
WORTH_A_WORD = 5  # seconds
LEAST = 0.1  # of the minutes are for training, whatever scoring takes


def scoring_seconds(model: Network, validation: Dataset, test: Dataset, average: str) -> float:
    """About how long it takes to choose thresholds and to score, tried on the smallest test image.

    The network may know nothing yet, and find more cells or fewer than there are: what finding and
    comparing cells takes is tried on the true ones.
    """
    sizes = [labels.size for labels in test.labels]
    i = int(np.argmin(sizes))
    pixels, validating = sum(sizes) / sizes[i], sum(x.size for x in validation.labels) / sizes[i]
    one = test.subset([i])
    looks = 1 + VERSIONS[average] * (DIAGONAL if average == "rotations" else 1)
    predicting = (
        _seconds(lambda: predict_image(model, one.images[0])) * looks * (pixels + validating)
    )
    drawing = predicting / looks * min(1.0, 3 / len(test))
    if not evaluation.knows_cells(model, test):
        return predicting + drawing
    truth = one.instances[0]
    maps = np.stack([truth == 0, truth > 0], axis=2).astype(np.float32)
    scoring = _seconds(lambda: evaluation.score_instances(instances(maps), truth))
    kinds = 1 + (average != "none")
    cells = scoring * kinds * (len(THRESHOLDS) * validating + pixels)
    references = _seconds(lambda: evaluation.references(one)) * pixels
    return predicting + drawing + cells + references


def minutes_to_train(minutes: float, passed: float, scoring: float) -> tuple[float, str]:
    """What is left of the minutes for training, and a warning where it is too little.

    Parameters
    ----------
    minutes
        What was asked for, scoring included.
    passed, scoring
        Seconds that are over, and that scoring will take.
    """
    left = minutes - (passed + scoring) / 60
    least = LEAST * minutes
    if left >= least:
        return left, ""
    return least, (
        f"warning: reading and scoring take about {in_words(passed + scoring)}, so --minutes "
        f"{minutes:g} leaves no time to train; it trains for {in_words(60 * least)} all the same. Give "
        "more minutes, or --average none for shorter scoring"
    )


def in_words(seconds: float) -> str:
    """A time to read: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _seconds(work: Callable[[], object]) -> float:
    """The shorter of two tries, if the first is short: it also fills memory pools."""
    tries = []
    while len(tries) < 2 and sum(tries) < 1:
        started = time.perf_counter()
        work()
        tries.append(time.perf_counter() - started)
    return min(tries)
