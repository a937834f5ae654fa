from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_maps import EMPTY, pairs

from tinyunet import metrics

# Small random maps often are one cell, number 1, in pieces; test_checks.py has the warning.
pytestmark = pytest.mark.filterwarnings("ignore:the .* has one cell in:UserWarning")

# Two neurons of four pixels each, with a membrane between them.
TRUTH = np.array(
    [
        [1, 1, 0, 2, 2],
        [1, 1, 0, 2, 2],
    ]
)
MERGED = np.ones_like(TRUTH)
SPLIT = np.array(
    [
        [1, 1, 0, 2, 2],
        [1, 1, 0, 3, 3],
    ]
)
WIDE = np.array(  # the membrane is wider to the left by a column
    [
        [1, 0, 0, 2, 2],
        [1, 0, 0, 2, 2],
    ]
)


def unthinned(score):
    return lambda predicted, truth: score(predicted, truth, thin=False)


def test_a_merger_by_hand():
    # All 8 pixels, C(8) = 28 pairs, are joined; 2 C(4) = 12 should be.
    assert metrics.rand_error(MERGED, TRUTH) == pytest.approx(1 - 2 * 12 / (28 + 12))
    # Two pixels are joined with certainty; in the truth in half of the cases.
    assert metrics.v_rand(MERGED, TRUTH) == pytest.approx(0.5 / (1 / 2 + 0.5 / 2))
    assert metrics.v_info(MERGED, TRUTH) == 0  # the segment tells nothing


def test_a_split_by_hand():
    # C(4) + 2 C(2) = 8 of 12 pairs are joined, all of them rightly.
    assert metrics.rand_error(SPLIT, TRUTH) == pytest.approx(1 - 2 * 8 / (8 + 12))
    # Shares 1/2, 1/4, 1/4: their squares add up to 3/8.
    assert metrics.v_rand(SPLIT, TRUTH) == pytest.approx((3 / 8) / (3 / 16 + 1 / 4))
    # H(S) = 1.5 bits, H(T) = 1 bit, all of which the segment tells.
    assert metrics.v_info(SPLIT, TRUTH) == pytest.approx(1 / (1.5 / 2 + 1 / 2))


def test_wide_borders_by_hand():
    # Both pixels of predicted background are by themselves: C(2) + C(4) = 7 of 12 pairs are left.
    assert metrics.rand_error(WIDE, TRUTH) == pytest.approx(1 - 2 * 7 / (7 + 12))
    # Pixels of 8: segments of 2, 1, 1 and 4, all inside true ones.
    squares = (2**2 + 1 + 1 + 4**2) / 64
    assert metrics.v_rand(WIDE, TRUTH, thin=False) == pytest.approx(squares / (squares / 2 + 1 / 4))
    entropy = -(1 / 4 * log(1 / 4) + 2 * 1 / 8 * log(1 / 8) + 1 / 2 * log(1 / 2))
    information = metrics.v_info(WIDE, TRUTH, thin=False)
    assert information == pytest.approx(log(2) / (entropy / 2 + log(2) / 2))
    # Thinned, the segments grow back over them.
    assert metrics.v_rand(WIDE, TRUTH) == metrics.v_info(WIDE, TRUTH) == 1


def test_what_is_predicted_on_true_background_does_not_matter():
    noisy = TRUTH.copy()
    noisy[:, 2] = 9
    assert metrics.rand_error(noisy, TRUTH) == 0
    assert metrics.v_rand(noisy, TRUTH) == metrics.v_info(noisy, TRUTH) == 1


def test_the_truth_is_not_thinned():
    # A truth that is restricted to one column each: only 4 pixels count.
    truth = TRUTH * [1, 0, 0, 0, 1]
    assert metrics.v_rand(MERGED, truth) == pytest.approx(0.5 / (1 / 2 + 0.5 / 2))
    assert metrics.rand_error(MERGED, truth) == pytest.approx(1 - 2 * 2 / (6 + 2))


def test_partitions_of_nothing():
    for score in (metrics.v_rand, metrics.v_info, unthinned(metrics.v_rand)):
        assert score(EMPTY, EMPTY) == 1
        assert score(EMPTY + 1, EMPTY) == 0
    assert metrics.rand_error(EMPTY, EMPTY) == 0
    assert metrics.rand_error(EMPTY + 1, EMPTY) == 1


def test_nothing_predicted_is_every_pixel_by_itself():
    truth = EMPTY + 1  # one segment of 12 pixels
    assert metrics.rand_error(EMPTY, truth) == 1  # no pair is joined
    assert metrics.v_rand(EMPTY, truth) == pytest.approx((1 / 12) / (1 / 24 + 1 / 2))
    assert metrics.v_info(EMPTY, truth) == 0
    single = np.arange(12).reshape(3, 4) + 1  # the truth has every pixel by itself as well
    assert metrics.rand_error(EMPTY, single) == 0
    assert metrics.v_rand(EMPTY, single) == metrics.v_info(EMPTY, single) == 1


def test_one_segment_in_both():
    truth = EMPTY + 5
    assert metrics.v_rand(truth, truth) == metrics.v_info(truth, truth) == 1
    halves = truth.copy()
    halves[:, :2] = 1
    assert metrics.v_info(halves, truth) == 0  # there is nothing to tell


@given(pairs)
def test_pairs_of_pixels_counted_one_by_one(pair):
    predicted, truth = (a[pair[1] > 0].tolist() for a in pair)
    joined = together = right = 0
    for (a, b), (c, d) in combinations(zip(predicted, truth, strict=True), 2):
        in_prediction = a == c and a > 0
        joined += in_prediction
        together += b == d
        right += in_prediction and b == d
    if joined + together:
        error = metrics.rand_error(*pair)
        assert error == pytest.approx(1 - 2 * right / (joined + together))


@given(pairs)
def test_v_rand_from_all_pairs_with_replacement(pair):
    inside = pair[1] > 0
    if not inside.any():
        return
    predicted = pair[0].astype(object)
    for number, place in enumerate(np.argwhere(predicted == 0)):
        predicted[tuple(place)] = -1 - number
    s, t = predicted[inside], pair[1][inside]
    in_s, in_t = s[:, None] == s, t[:, None] == t
    expected = np.mean(in_s & in_t) / (np.mean(in_s) / 2 + np.mean(in_t) / 2)
    assert metrics.v_rand(*pair, thin=False) == pytest.approx(expected)


@given(pairs)
def test_thinning_comes_first(pair):
    thin = metrics.thinned(pair[0])
    if (pair[1] > 0).any():
        assert metrics.v_rand(*pair) == metrics.v_rand(thin, pair[1], thin=False)
        assert metrics.v_info(*pair) == metrics.v_info(thin, pair[1], thin=False)


@given(pairs, st.permutations(range(1, 5)))
def test_numbers_do_not_matter_and_scores_stay_in_range(pair, order):
    # Other numbers, far apart; a full table of them would not fit into memory.
    other = np.array([0, *order], np.int64) * 10**15
    for score in (metrics.rand_error, metrics.v_rand, metrics.v_info):
        assert score(other[pair[0]], other[pair[1]]) == pytest.approx(score(*pair), abs=1e-12)
        assert 0 <= score(*pair) <= 1


@given(pairs)
def test_perfect_predictions_score_best(pair):
    truth = pair[0]
    assert metrics.rand_error(truth, truth) == 0
    assert metrics.v_rand(truth, truth) == 1
    assert metrics.v_info(truth, truth) == pytest.approx(1)


def test_rounding_does_not_lead_out_of_range():
    predicted, truth = np.array([[4, 3, 1, 1, 4, 2]]), np.array([[2, 4, 1, 1, 2, 5]])
    score = metrics.v_info(predicted, truth)  # the same partition, summed in another order
    assert score <= 1
    assert score == pytest.approx(1)


# ---- libraries ----


@pytest.fixture(scope="module")
def image():
    return pytest.importorskip("skimage.metrics", reason="scikit-image is one more oracle")


@pytest.fixture(scope="module")
def learn():
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is one more oracle")


def foreground(pair):
    """The pixels within true segments, as libraries need them.

    They take 0 for a segment: each pixel of predicted background gets a number of its own instead.
    """
    predicted, truth = pair[0].copy(), pair[1]
    alone = predicted == 0
    predicted[alone] = 100 + np.arange(np.count_nonzero(alone))
    return predicted[truth > 0], truth[truth > 0]


@given(pairs)
def test_rand_error_agrees_with_scikit_image(image, pair):
    predicted, truth = foreground(pair)
    if len(set(predicted)) == len(predicted) or len(set(truth)) == len(truth):
        return  # the oracle divides by zero pairs
    error, _, _ = image.adapted_rand_error(truth, predicted)
    assert metrics.rand_error(*pair) == pytest.approx(error)


@given(pairs)
def test_v_info_agrees_with_scikit_image(image, pair):
    predicted, truth = foreground(pair)
    if len(set(truth)) < 2 and len(set(predicted)) < 2:
        return
    # The variation of information, H(S|T) + H(T|S), is H(S) + H(T) - 2 I(S; T), and H(S) what
    # parts S from a single segment. So V_Info = 1 - variation / (H(S) + H(T)).
    variation, s, t = (
        image.variation_of_information(*two).sum()
        for two in ((predicted, truth), (predicted, 0 * truth), (0 * predicted, truth))
    )
    expected = pytest.approx(1 - variation / (s + t), abs=1e-12)
    assert metrics.v_info(*pair, thin=False) == expected


@given(pairs)
def test_partitions_agree_with_scikit_learn(learn, pair):
    predicted, truth = foreground(pair)
    if len(truth) < 2:
        return
    # Each ordered pair of pixels once: [together in the truth, joined in the prediction].
    (_, joined), (parted, right) = learn.cluster.pair_confusion_matrix(truth, predicted)
    if joined + parted + right:
        error = 1 - 2 * right / (2 * right + joined + parted)
        assert metrics.rand_error(*pair) == pytest.approx(error)
    table = learn.cluster.contingency_matrix(truth, predicted) / truth.size
    s, t = table.sum(0), table.sum(1)
    expected = (table**2).sum() / (s @ s / 2 + t @ t / 2)
    assert metrics.v_rand(*pair, thin=False) == pytest.approx(expected)
    mutual = learn.normalized_mutual_info_score(truth, predicted, average_method="arithmetic")
    assert metrics.v_info(*pair, thin=False) == pytest.approx(mutual, abs=1e-12)


# ---- what is refused ----

SCORES = [metrics.rand_error, metrics.v_rand, metrics.v_info]


@pytest.mark.parametrize("score", SCORES)
def test_what_is_refused(score):
    with pytest.raises(ValueError, match=r"different shapes: \(3, 4\) and \(4, 3\)"):
        score(EMPTY, EMPTY.T)
    with pytest.raises(ValueError, match=r"no pixels to compare: the shape is \(0, 4\)"):
        score(EMPTY[:0], EMPTY[:0])
    with pytest.raises(TypeError, match=r"prediction has dtype bool.*ndimage\.label"):
        score(EMPTY > 0, EMPTY)
    with pytest.raises(TypeError, match=r"truth has dtype float32.*number of the cell"):
        score(EMPTY, EMPTY.astype(np.float32))
    with pytest.raises(ValueError, match="numbered from 1, with 0 for background, got -1"):
        score(EMPTY, EMPTY - 1)


@pytest.mark.parametrize("score", SCORES)
def test_stacks_are_refused(score):
    # Slices are often numbered each from 1: as one array, number 1 would be one segment of them all.
    with pytest.raises(ValueError, match=r"one image \(H, W\), got shape \(1, 2, 5\).*slice"):
        score(TRUTH[None], TRUTH[None])


@pytest.mark.parametrize("score", SCORES)
def test_scores_are_python_numbers(score):
    for pair in ((TRUTH, TRUTH), (SPLIT, TRUTH), (EMPTY, EMPTY), (EMPTY + 1, EMPTY + 1)):
        assert type(score(*pair)) is float


@pytest.mark.parametrize("dtypes", [(np.int32, np.int64), (np.uint8, np.uint64)])
def test_any_integers_number_segments(dtypes):
    p, t = SPLIT.astype(dtypes[0]), TRUTH.astype(dtypes[1])
    for score in SCORES:
        assert score(p, t) == score(SPLIT, TRUTH)
