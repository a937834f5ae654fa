import numpy as np
import pytest
from scipy import ndimage

from tinyunet import data, metrics

MAP = np.array([[0.1, 0.3, 0.6, 0.8]])
MASK = np.array([[0, 0, 1, 1]])


def test_the_best_threshold_parts_the_classes():
    best = metrics.best_threshold(metrics.dice, [MAP], [MASK], [0.2, 0.4, 0.7])
    assert best == 0.4
    assert type(best) is float
    # By default 0.3 to 0.55 are all perfect: 0.45 is in the middle.
    assert metrics.best_threshold(metrics.dice, [MAP], [MASK]) == 0.45


def test_the_mean_over_images_counts():
    maps = [np.array([[0.3, 0.9]])] * 3
    below, above = np.array([[1, 1]]), np.array([[0, 1]])  # what wants a threshold below 0.3
    for masks, best in (([below, above, below], 0.2), ([above, above, below], 0.5)):
        assert metrics.best_threshold(metrics.iou, maps, masks, [0.2, 0.5]) == best


def test_two_classes_and_any_score():
    maps = [np.stack([1 - MAP, MAP], 2)]
    assert metrics.best_threshold(metrics.dice, maps, [MASK], [0.2, 0.4, 0.7]) == 0.4

    def error(predicted, truth):
        assert predicted.dtype == bool
        return -metrics.pixel_error(predicted, truth)

    assert metrics.best_threshold(error, maps, [MASK], (0.7, 0.4)) == 0.4


def test_a_threshold_for_segments():
    """A leaky membrane: pixels hardly notice, but a higher threshold closes it."""
    drawn = data.synthetic_membranes(3, 96, seed=1)
    cells = [labels == 1 for labels in drawn.labels]
    truths = [metrics.segments(mask) for mask in cells]
    maps = [np.clip(ndimage.gaussian_filter(mask * 1.0, 2), 0, 1) for mask in cells]

    def score(mask, truth):
        return metrics.v_rand(metrics.segments(mask), truth)

    best = metrics.best_threshold(score, maps[:2], truths[:2])
    test = [score(maps[2] > threshold, truths[2]) for threshold in (best, 0.3)]
    assert best > 0.5
    assert test[0] > 0.9
    assert test[0] > test[1] + 0.1


def test_what_is_refused():
    dice = metrics.dice
    with pytest.raises(ValueError, match="got 0 probability maps and 0 truths"):
        metrics.best_threshold(dice, [], [])
    with pytest.raises(ValueError, match="got 2 probability maps and 1 truths"):
        metrics.best_threshold(dice, [MAP, MAP], [MASK])
    for thresholds in ([], [0.5, 1.0], [-0.1], [float("nan")]):
        with pytest.raises(ValueError, match="from 0 to below 1, got"):
            metrics.best_threshold(dice, [MAP], [MASK], thresholds)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got values from 0.5 to 4"):
        metrics.best_threshold(dice, [MAP * 5], [MASK])
    with pytest.raises(ValueError, match=r"score at threshold 0\.05 is not a number"):
        metrics.best_threshold(lambda *_: float("nan"), [MAP], [MASK])
    with pytest.raises(ValueError, match="different shapes"):
        metrics.best_threshold(dice, [MAP], [MASK.T])
