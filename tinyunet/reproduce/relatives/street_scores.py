"""How good labels of streets are: everywhere, at boundaries, and class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tinyunet.data.sets.streets import STREET_CLASSES
from tinyunet.metrics.boundary import boundary_f1, outline

TRIMAP = 2  # pixels from a true boundary


def street_scores(found: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
    """Score predicted against true classes (H, W) of several images.

    Returns
    -------
    dict
        ``"accuracy"``; ``"mean IoU"`` and ``"mean recall"`` over classes, each counted over all images
        together; ``"BF 0"`` and ``"BF 1"``, the F1 score of boundaries within 0 and 1 pixels, the
        mean over images; ``"trimap"`` and ``"far"``, the accuracy within 2 pixels of a true
        boundary and beyond; IoU, recall and precision of cars and poles.
    """
    classes = len(STREET_CLASSES)
    table = np.zeros((classes, classes))  # pixels by true and by predicted class
    right, edges, near = [], {0: [], 1: []}, []
    for p, t in zip(found, truth, strict=True):
        np.add.at(table, (t, p), 1)
        # One more, for a boundary is made of pixels that are not 0: those of the sky count as well.
        for tolerance, scores in edges.items():
            scores.append(boundary_f1(p + 1, t + 1, tolerance))
        right.append(p == t)
        near.append(ndimage.distance_transform_edt(~outline(t + 1)) <= TRIMAP)
    hits, true, predicted = table.diagonal(), table.sum(1), table.sum(0)
    right, near = np.stack(right), np.stack(near)
    with np.errstate(invalid="ignore"):  # a class that nobody predicts has no precision
        iou, recall, precision = hits / (true + predicted - hits), hits / true, hits / predicted
    scores = {
        "accuracy": right.mean(),
        "mean IoU": np.nanmean(iou),
        "mean recall": np.nanmean(recall),
        "BF 0": np.mean(edges[0]),
        "BF 1": np.mean(edges[1]),
        "trimap": right[near].mean(),
        "far": right[~near].mean(),
    }
    for name in ("car", "pole"):
        of = STREET_CLASSES.index(name)
        scores |= {f"{name} IoU": iou[of], f"{name} recall": recall[of]}
        scores[f"{name} precision"] = np.nan_to_num(precision[of])
    return {name: float(score) for name, score in scores.items()}
