"""Scores on cases small enough to count by hand, and against loops over the cells."""

import numpy as np
import pytest

from tinyunet import metrics

TRUTH = np.array(
    [
        [1, 1, 0, 2, 2],
        [1, 1, 0, 2, 2],
        [0, 0, 0, 0, 0],
        [3, 3, 3, 0, 0],
    ]
)


def random_cells(rng, shape=(12, 15), count=6):
    return rng.integers(0, count + 1, shape)


def jaccard(a, b):
    return (a & b).sum() / (a | b).sum()


def test_iou_and_dice_by_hand():
    predicted = np.array([1, 1, 0, 0, 2])
    truth = np.array([1, 0, 1, 0, 2])
    assert metrics.iou(predicted, truth) == 1 / 3
    assert metrics.dice(predicted, truth) == 2 / 4
    assert metrics.iou(predicted, truth, label=2) == 1
    assert metrics.pixel_error(predicted, truth) == 2 / 5


def test_iou_and_dice_of_an_absent_class_are_one():
    empty = np.zeros((2, 2), int)
    assert metrics.iou(empty, empty) == metrics.dice(empty, empty) == 1
    assert metrics.iou(empty, empty + 1) == metrics.dice(empty, empty + 1) == 0


def test_seg_by_hand():
    predicted = TRUTH.copy()
    predicted[0, 0] = 0  # 3 of 4 pixels of cell 1: Jaccard 3/4
    predicted[3, 1:3] = 0  # 1 of 3 pixels of cell 3: no match
    assert metrics.seg(predicted, TRUTH) == pytest.approx((3 / 4 + 1 + 0) / 3)


def test_seg_needs_more_than_half():
    predicted = TRUTH.copy()
    predicted[0, :2] = 0  # exactly half of cell 1
    assert metrics.seg(predicted, TRUTH) == pytest.approx(2 / 3)


def test_f1_by_hand():
    predicted = TRUTH.copy()
    predicted[3, 1:3] = 0  # IoU 1/3: cell 3 is missed, and its rest is a false cell
    predicted[2, 4] = 9  # one more false cell
    assert metrics.f1(predicted, TRUTH) == pytest.approx(2 * 2 / (4 + 3))


def test_f1_needs_more_than_the_threshold():
    predicted = TRUTH.copy()
    predicted[0, 0] = 0  # IoU of cell 1 is exactly 3/4
    assert metrics.f1(predicted, TRUTH, 0.74) == 1
    assert metrics.f1(predicted, TRUTH, 0.75) == pytest.approx(2 * 2 / 6)


def test_merged_counts_true_cells_that_share_a_prediction():
    assert metrics.merged(TRUTH, TRUTH) == 0
    assert metrics.merged(np.where(TRUTH > 1, 1, TRUTH), TRUTH) == 3
    two = TRUTH.copy()
    two[1, 2] = 1
    two[TRUTH == 2] = 1
    assert metrics.merged(two, TRUTH) == 2


@pytest.mark.parametrize("seed", range(5))
def test_seg_and_f1_agree_with_loops_over_the_cells(seed):
    rng = np.random.default_rng(seed)
    truth = random_cells(rng)
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, random_cells(rng))
    scores, matches = [], 0
    for t in np.unique(truth[truth > 0]):
        reference, best = truth == t, 0.0
        for p in np.unique(predicted[predicted > 0]):
            segment = predicted == p
            if (reference & segment).sum() > reference.sum() / 2:
                best = jaccard(reference, segment)
            matches += jaccard(reference, segment) > 0.5
        scores.append(best)
    cells = len(np.unique(truth[truth > 0])) + len(np.unique(predicted[predicted > 0]))
    assert matches > 0
    assert metrics.seg(predicted, truth) == pytest.approx(np.mean(scores))
    assert metrics.f1(predicted, truth) == pytest.approx(2 * matches / cells)


def test_numbers_of_the_cells_do_not_matter():
    rng = np.random.default_rng(0)
    truth, predicted = random_cells(rng), random_cells(rng)
    predicted = np.where(rng.random(truth.shape) < 0.8, truth, predicted)
    other = np.array([0, 70, 3, 5000, 12, 9, 41])[predicted]
    for score in (metrics.seg, metrics.f1, metrics.merged):
        assert score(other, truth) == score(predicted, truth)


@pytest.mark.parametrize("score", [metrics.seg, metrics.f1])
def test_empty_images(score):
    empty = np.zeros_like(TRUTH)
    assert score(TRUTH, TRUTH) == score(empty, empty) == 1
    assert score(empty, TRUTH) == score(TRUTH, empty) == 0


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(4, 5\) and \(2, 2\)"):
        metrics.seg(TRUTH, np.zeros((2, 2), int))
    with pytest.raises(TypeError, match="float64"):
        metrics.f1(TRUTH * 1.0, TRUTH)
    with pytest.raises(ValueError, match="-1"):
        metrics.seg(TRUTH, TRUTH - 1)
    with pytest.raises(ValueError, match=r"0\.4"):
        metrics.f1(TRUTH, TRUTH, 0.4)
