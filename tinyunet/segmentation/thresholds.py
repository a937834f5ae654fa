"""Choosing the threshold for cells on validation images, and the one score that training goes by.

`metrics.best_threshold` chooses for a score of masks. Here cells are scored, which `instances` finds by
two thresholds at once, so these choosers need the probabilities themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyunet import metrics
from tinyunet.data.dataset import Dataset
from tinyunet.engine.progress import Progress
from tinyunet.engine.workers import sharers
from tinyunet.layers.layer import Layer
from tinyunet.networks.plain import labelling
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.evaluation import evaluate, knows_cells, mean, predict

# Those that `choose_threshold` tries. Far from 0.5 there is little to gain and much to lose by chance.
THRESHOLDS = tuple(i / 20 for i in range(5, 14))  # 0.25, 0.3 ... 0.65
IN_TRAINING = (0.3, 0.4, 0.5)  # fewer, for training validates often


def choose_threshold(model: Layer, data: Dataset, average: bool | str = False) -> float | None:
    """The threshold for `instances` that gives the best mean SEG on validation images.

    The weight map makes a network doubt the pixels between and around cells: at 0.5 its masks are
    often a little thin. Never choose by the images that are scored afterwards.

    Images without a cell have no say: their SEG is all or nothing.

    Returns
    -------
    float or None
        One of `THRESHOLDS`, 0.5 if no image has a cell; None where the data set or the model does
        not tell single cells.
    """
    model = labelling(model)
    if not knows_cells(model, data):
        return None
    with_cells = _with_cells(data)
    if with_cells is None:
        return 0.5
    maps = predict(model, with_cells, average=average)
    bar = Progress(THRESHOLDS, desc="thresholds", delay=2, leave=False)
    means = {threshold: float(np.mean(_segs(maps, with_cells, threshold))) for threshold in bar}
    return max(THRESHOLDS, key=lambda t: (means[t], -abs(t - 0.5)))  # of equals, next to a half


def validation_score(model: Layer, data: Dataset) -> tuple[str, float]:
    """The one number by which training chooses its best moment, and its name.

    SEG is that of the best of a few thresholds: the threshold will be chosen on these images, too, and
    at a fixed one a network looks better or worse for the width of its outlines alone. Images without
    a cell have no say, as for `choose_threshold`, unless there are no others.

    It is NaN where the network no longer gives probabilities: training has diverged. Workers that share
    batches score some images each.
    """
    model = labelling(model)
    cells = knows_cells(model, data)
    if cells:
        data = _with_cells(data) or data
    workers, every = sharers(), range(len(data))
    own = every[workers.rank :: workers.count]
    scores = workers.all(_scores(model, data.subset(own), cells) if own else [])
    scores = [scores[i % workers.count][i // workers.count] for i in every]
    if not all(scores):
        score = math.nan
    elif cells:
        score = max(float(np.mean(segs)) for segs in zip(*scores, strict=True))
    else:
        score = mean(scores)["IoU"]
    return "SEG" if cells else "IoU", score


def _scores(model: Layer, data: Dataset, cells: bool) -> list:
    """Of each image its SEG by threshold, or its scores of masks; None where these are NaN."""
    maps = predict(model, data, progress=False)
    if not all(np.isfinite(p).all() for p in maps):
        return [None] * len(data)
    if cells:
        return list(zip(*(_segs(maps, data, t) for t in IN_TRAINING), strict=True))
    return evaluate(model, data, probabilities=maps, progress=False)


def _with_cells(data: Dataset) -> Dataset | None:
    """The images that have a cell, None if there are none."""
    places = [i for i, cells in enumerate(data.instances) if cells.any()]
    return data.subset(places) if places else None


def _segs(maps: Sequence[np.ndarray], data: Dataset, threshold: float) -> list[float]:
    """The SEG of each image whose probabilities (H, W, K) are known."""
    pairs = (
        metrics.leave_out(instances(p, threshold), truth, data.ignored(i))
        for i, (p, truth) in enumerate(zip(maps, data.instances, strict=True))
    )
    return [metrics.seg(*pair) for pair in pairs]
