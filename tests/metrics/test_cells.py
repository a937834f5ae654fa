import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_maps import EMPTY, pairs

from tinyunet import metrics

# Small random maps often are one cell, number 1, in pieces; test_checks.py has the warning.
pytestmark = pytest.mark.filterwarnings("ignore:the .* has one cell in:UserWarning")

TRUTH = np.array(
    [
        [1, 1, 1, 1, 0],
        [2, 2, 2, 2, 0],
        [0, 0, 0, 0, 0],
        [3, 3, 3, 3, 0],
        [4, 4, 0, 0, 0],
    ]
)
PREDICTED = np.array(
    [
        [7, 7, 7, 0, 0],  # 7 covers 3 of the 4 pixels of cell 1
        [7, 7, 7, 7, 0],  # and all of cell 2: they are merged
        [0, 0, 0, 0, 0],
        [5, 5, 9, 9, 9],  # 5 and 9 cover half of cell 3 each: not more than half
        [8, 8, 8, 0, 0],  # 8 covers cell 4 and one pixel more
    ]
)


def test_cell_scores_of_a_small_example():
    jaccard_1 = 3 / (4 + 7 - 3)
    jaccard_2 = 4 / (4 + 7 - 4)
    jaccard_4 = 2 / (2 + 3 - 2)
    assert metrics.seg(PREDICTED, TRUTH) == pytest.approx((jaccard_1 + jaccard_2 + jaccard_4) / 4)
    # Of four predicted and four true cells, (7, 2) and (8, 4) have an IoU above 0.5, 4/7 and 2/3.
    assert metrics.f1(PREDICTED, TRUTH) == 2 * 2 / (4 + 4)
    assert metrics.f1(PREDICTED, TRUTH, threshold=0.6) == 2 * 1 / (4 + 4)
    assert metrics.merged(PREDICTED, TRUTH) == 2


def test_exactly_half_is_not_enough():
    truth = np.array([[1, 1, 2, 2]])
    predicted = np.array([[1, 0, 2, 2]])  # half of cell 1, with an IoU of exactly 0.5
    assert metrics.seg(predicted, truth) == 0.5
    assert metrics.f1(predicted, truth) == 2 * 1 / 4
    assert metrics.merged(np.array([[1, 0, 1, 1]]), truth) == 0


def test_one_cell_over_three_merges_three():
    truth = np.array([[1, 2, 3, 0]])
    assert metrics.merged(np.array([[1, 1, 1, 1]]), truth) == 3
    assert metrics.seg(np.array([[1, 1, 1, 1]]), truth) == pytest.approx(1 / 4)


def test_a_predicted_cell_where_there_is_none_costs_f1_only():
    truth = np.array([[1, 1, 0, 0]])
    predicted = np.array([[1, 1, 0, 2]])
    assert metrics.seg(predicted, truth) == 1
    assert metrics.f1(predicted, truth) == 2 * 1 / 3


def test_cell_scores_of_nothing():
    cell = EMPTY.copy()
    cell[0, 0] = 1
    for score in (metrics.seg, metrics.f1):
        assert score(EMPTY, EMPTY) == 1
        assert score(cell, EMPTY) == 0
        assert score(EMPTY, cell) == 0
    assert metrics.merged(EMPTY, EMPTY) == metrics.merged(cell, EMPTY) == 0


@given(pairs, st.sampled_from([0.5, 0.6, 0.75]))
def test_cell_scores_agree_with_a_loop_over_cells(pair, threshold):
    predicted, truth = ([a == number for number in set(a.flat) - {0}] for a in pair)
    jaccards, hits, holds = [], 0, []
    for r in truth:
        own = 0.0
        for s in predicted:
            jaccard = (r & s).sum() / (r | s).sum()
            hits += jaccard > threshold
            if (r & s).sum() > r.sum() / 2:
                own = jaccard
        jaccards.append(own)
    for s in predicted:
        holds.append(sum((r & s).sum() > r.sum() / 2 for r in truth))
    if truth:
        assert metrics.seg(*pair) == pytest.approx(np.mean(jaccards))
    if truth or predicted:
        f1 = metrics.f1(*pair, threshold=threshold)
        assert f1 == pytest.approx(2 * hits / (len(truth) + len(predicted)))
    assert metrics.merged(*pair) == sum(n for n in holds if n > 1)


@given(pairs, st.permutations(range(1, 5)))
def test_numbers_of_cells_do_not_matter(pair, order):
    # Other numbers, far apart; a full table of them would not fit into memory.
    other = np.array([0, *order], np.int64) * 10**15
    renumbered = other[pair[0]], other[pair[1]][:, ::-1]
    for score in (metrics.seg, metrics.f1, metrics.merged):
        assert score(*renumbered) == pytest.approx(score(pair[0], pair[1][:, ::-1]))


@given(pairs)
def test_perfect_predictions_score_best(pair):
    truth = pair[0]
    assert metrics.seg(truth, truth) == metrics.f1(truth, truth) == 1
    assert metrics.merged(truth, truth) == 0


@pytest.mark.parametrize("dtypes", [(np.int32, np.int64), (np.uint8, np.uint64)])
def test_any_integers_number_cells(dtypes):
    p, t = PREDICTED.astype(dtypes[0]), TRUTH.astype(dtypes[1])
    assert metrics.seg(p, t) == metrics.seg(PREDICTED, TRUTH)
    assert metrics.merged(p, t) == 2


def test_scores_are_python_numbers():
    for score in (metrics.seg, metrics.f1):
        assert type(score(PREDICTED, TRUTH)) is float
        assert type(score(EMPTY, EMPTY)) is float
    assert type(metrics.merged(PREDICTED, TRUTH)) is int
    assert {type(score) for score in metrics.f1_curve(PREDICTED, TRUTH).values()} == {float}


# ---- the curve ----


def test_curve_of_the_small_example():
    # The pairs (7, 2) and (8, 4) have an IoU of 4/7 = 0.571 and 2/3 = 0.667.
    curve = metrics.f1_curve(PREDICTED, TRUTH)
    assert list(curve) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert list(curve.values()) == [0.5, 0.5, 0.25, 0.25, 0, 0, 0, 0, 0, 0]
    assert set(metrics.f1_curve(TRUTH, TRUTH).values()) == {1}


def test_curve_of_nothing():
    assert set(metrics.f1_curve(EMPTY, EMPTY).values()) == {1}
    assert set(metrics.f1_curve(EMPTY + 1, EMPTY).values()) == {0}


@given(pairs)
def test_curve_is_f1_and_never_rises(pair):
    curve = metrics.f1_curve(*pair)
    assert all(metrics.f1(*pair, threshold) == score for threshold, score in curve.items())
    assert list(curve.values()) == sorted(curve.values(), reverse=True)


# ---- what is refused ----

SCORES = [metrics.seg, metrics.f1, metrics.f1_curve, metrics.merged]


@pytest.mark.parametrize("score", SCORES)
def test_different_shapes_and_no_pixels_are_refused(score):
    with pytest.raises(ValueError, match=r"different shapes: \(3, 4\) and \(4, 3\)"):
        score(EMPTY, EMPTY.T)
    with pytest.raises(ValueError, match=r"no pixels to compare: the shape is \(0, 4\)"):
        score(EMPTY[:0], EMPTY[:0])
    with pytest.raises(ValueError, match=r"one image \(H, W\), got shape \(2, 3, 4\).*slice"):
        score(np.stack([EMPTY, EMPTY]), np.stack([EMPTY, EMPTY]))


@pytest.mark.parametrize("score", SCORES)
def test_masks_and_negative_numbers_are_refused(score):
    with pytest.raises(TypeError, match=r"truth has dtype float32.*number of the cell"):
        score(EMPTY, EMPTY.astype(np.float32))
    with pytest.raises(TypeError, match=r"prediction has dtype bool.*ndimage\.label"):
        score(EMPTY > 0, EMPTY)
    with pytest.raises(ValueError, match="numbered from 1, with 0 for background, got -1"):
        score(EMPTY, EMPTY - 1)


@pytest.mark.parametrize("threshold", [0.49, 1, -1, float("nan")])
def test_thresholds_without_unique_matches_are_refused(threshold):
    with pytest.raises(ValueError, match=f"from 0.5 to below 1 .* got {threshold}"):
        metrics.f1(EMPTY, EMPTY, threshold=threshold)
