"""Choosing a threshold, on images that are not scored afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyunet.metrics.regions import foreground

THRESHOLDS = tuple(i / 20 for i in range(1, 20))  # 0.05, 0.1 ... 0.95


def best_threshold(
    score: Callable[[np.ndarray, np.ndarray], float],
    probabilities: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    thresholds: Sequence[float] = THRESHOLDS,
) -> float:
    """Choose the threshold with the best mean score over validation images.

    A threshold that is chosen on the very images that are scored makes any model look better than
    it is. Choose it on validation images, and score test images with what was chosen:

        t = tu.metrics.best_threshold(tu.metrics.dice, validation_probabilities, validation_masks)
        tu.metrics.dice(test_probabilities > t, test_mask)

    For a score of segments, say how to find them:

        def score(mask, truth):
            return tu.metrics.v_rand(tu.metrics.segments(mask), truth)

    Parameters
    ----------
    score
        ``score(mask, truth)`` gives a number, the larger the better; for an error, its negative.
        `mask` (H, W) is where the probability of the foreground is above the threshold.
    probabilities
        For each validation image those of the foreground (H, W), or of background and foreground
        (H, W, 2).
    truths
        What `score` compares with, one for each image: masks, or segments.
    thresholds
        Those to try, by default 0.05, 0.1 ... 0.95.

    Returns
    -------
    float
        One of the thresholds; of those that are equally good, the one in the middle.

    Raises
    ------
    ValueError
        If there is no image, not a truth for each, no threshold or one outside [0, 1), or if a score
        is not a number.
    """
    if not len(probabilities) or len(probabilities) != len(truths):
        raise ValueError(
            f"best_threshold needs validation images and a truth for each, got {len(probabilities)} "
            f"probability maps and {len(truths)} truths"
        )
    thresholds = sorted(thresholds)
    if not thresholds or not all(0 <= threshold < 1 for threshold in thresholds):
        raise ValueError(f"thresholds must be at least one, from 0 to below 1, got {thresholds}")
    maps = [foreground(p) for p in probabilities]
    means = []
    for threshold in thresholds:
        pairs = zip(maps, truths, strict=True)
        means.append(float(np.mean([score(p > threshold, truth) for p, truth in pairs])))
        if np.isnan(means[-1]):
            raise ValueError(f"the score at threshold {threshold} is not a number")
    best = np.flatnonzero(np.array(means) == max(means))
    return float(thresholds[best[len(best) // 2]])
