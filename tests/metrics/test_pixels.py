import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_maps import EMPTY, mask_pairs, pairs

from tinyunet import metrics

MASK_P = np.array([[1, 1, 1, 0], [0, 0, 0, 0]])
MASK_T = np.array([[0, 1, 1, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize("dtype", [bool, int, np.uint8])
def test_pixel_scores_of_two_masks(dtype):
    p, t = MASK_P.astype(dtype), MASK_T.astype(dtype)
    assert metrics.iou(p, t) == 2 / 5
    assert metrics.dice(p, t) == 2 * 2 / (3 + 4)
    assert metrics.pixel_error(p, t) == 3 / 8


def test_label_chooses_the_class():
    p = np.array([[0, 1, 2, 2]])
    t = np.array([[0, 2, 2, 2]])
    assert [metrics.iou(p, t, label) for label in (0, 1, 2)] == [1, 0, 2 / 3]
    assert [metrics.dice(p, t, label) for label in (0, 1, 2)] == [1, 0, 4 / 5]
    assert metrics.pixel_error(p, t) == 1 / 4
    assert metrics.iou(MASK_P > 0, MASK_T > 0, label=0) == 3 / 6  # the background of masks


@pytest.mark.parametrize("score", [metrics.iou, metrics.dice])
def test_pixel_scores_of_nothing(score):
    assert score(EMPTY, EMPTY) == 1
    assert score(EMPTY, EMPTY + 1) == 0
    assert score(EMPTY + 1, EMPTY) == 0


@given(pairs, st.integers(0, 4))
def test_pixel_scores_agree_with_sets_of_pixels(pair, label):
    p, t = ({tuple(place) for place in np.argwhere(a == label)} for a in pair)
    overlap = metrics.iou(*pair, label)
    if p | t:
        assert overlap == len(p & t) / len(p | t)
    assert metrics.dice(*pair, label) == pytest.approx(2 * overlap / (1 + overlap))
    wrong = sum(a != b for a, b in zip(pair[0].flat, pair[1].flat, strict=True))
    assert metrics.pixel_error(*pair) == wrong / pair[0].size


@given(pairs)
def test_perfect_predictions_score_best(pair):
    truth = pair[0]
    assert metrics.iou(truth, truth) == metrics.dice(truth, truth) == 1
    assert metrics.pixel_error(truth, truth) == 0


# ---- the pixel error of ISBI 2012 ----


def test_isbi_pixel_error_of_the_best_threshold():
    truth = np.array([1, 1, 1, 0, 0])
    probabilities = np.array([0.9, 0.6, 0.2, 0.4, 0.1])
    # Above 0.3: two of three are right and two found of three, F = 2 * 2 / (3 + 3); above 0.1 to
    # 0.2: three of four, F = 2 * 3 / (4 + 3); above 0.5: two of two, F = 2 * 2 / (2 + 3).
    assert metrics.isbi_pixel_error(probabilities, truth, [0.3]) == pytest.approx(1 - 4 / 6)
    assert metrics.isbi_pixel_error(probabilities, truth, [0.3, 0.5]) == pytest.approx(1 - 4 / 5)
    assert metrics.isbi_pixel_error(probabilities, truth) == pytest.approx(1 - 6 / 7)


def test_isbi_pixel_error_pools_slices_and_takes_masks():
    truth = np.array([[[1, 0]], [[0, 1]]])
    probabilities = np.array([[[0.4, 0.2]], [[0.6, 0.9]]])
    alone = [metrics.isbi_pixel_error(p, t) for p, t in zip(probabilities, truth, strict=True)]
    assert alone == [0, 0]  # each with its own threshold
    # Together above 0.2 or 0.3: two of three right, all found; above 0.6: one of one, half found.
    assert metrics.isbi_pixel_error(probabilities, truth) == pytest.approx(1 - 4 / 5)
    assert metrics.isbi_pixel_error(truth > 0, truth) == 0


def test_isbi_pixel_error_of_nothing():
    assert metrics.isbi_pixel_error(EMPTY * 0.0, EMPTY) == 0
    assert metrics.isbi_pixel_error(EMPTY + 1.0, EMPTY) == 0  # nothing is above 1
    assert metrics.isbi_pixel_error(EMPTY + 1.0, EMPTY, [0.5]) == 1
    assert metrics.isbi_pixel_error(EMPTY * 0.0, EMPTY + 1) == 1


# ---- a library ----


@pytest.fixture(scope="module")
def learn():
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is one more oracle")


@settings(max_examples=30)
@given(mask_pairs, st.integers(0, 2**32 - 1))
def test_isbi_pixel_error_agrees_with_scikit_learn(learn, pair, seed):
    truth = pair[0].copy()
    truth.flat[0] = True  # the oracle warns where there is no foreground
    probabilities = np.random.default_rng(seed).random(truth.shape).round(1)
    scores = [
        learn.f1_score(truth.ravel(), (probabilities > t / 10).ravel(), zero_division=0)
        for t in range(11)
    ]
    assert metrics.isbi_pixel_error(probabilities, truth) == pytest.approx(1 - max(scores))


@given(mask_pairs)
def test_iou_and_dice_agree_with_scikit_learn(learn, pair):
    p, t = (a.copy() for a in pair)
    t.flat[0] = True
    flat = t.ravel(), p.ravel()
    assert metrics.iou(p, t) == pytest.approx(learn.jaccard_score(*flat))
    assert metrics.dice(p, t) == pytest.approx(learn.f1_score(*flat))
    assert metrics.pixel_error(p, t) == pytest.approx(learn.zero_one_loss(*flat))


# ---- what is refused ----

SCORES = [metrics.iou, metrics.dice, metrics.pixel_error]


def test_scores_are_python_numbers():
    for score in SCORES:
        assert type(score(MASK_P, MASK_T)) is float
        assert type(score(EMPTY, EMPTY)) is float
    assert type(metrics.isbi_pixel_error(MASK_P / 2, MASK_T)) is float


@pytest.mark.parametrize("score", [*SCORES, metrics.isbi_pixel_error])
def test_different_shapes_and_no_pixels_are_refused(score):
    with pytest.raises(ValueError, match=r"different shapes: \(3, 4\) and \(4, 3\)"):
        score(EMPTY, EMPTY.T)
    with pytest.raises(ValueError, match=r"no pixels to compare: the shape is \(0, 4\)"):
        score(EMPTY[:0], EMPTY[:0])


@pytest.mark.parametrize("score", SCORES)
def test_probabilities_are_refused(score):
    with pytest.raises(TypeError, match=r"prediction has dtype float64.*threshold"):
        score(EMPTY.astype(float), EMPTY)


def test_isbi_pixel_error_refuses_what_it_cannot_use():
    half = np.full(EMPTY.shape, 0.5)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got values from 3.5"):
        metrics.isbi_pixel_error(half + 3, EMPTY)
    with pytest.raises(ValueError, match=r"truth should be a mask.* value 7.*cells > 0"):
        metrics.isbi_pixel_error(half, EMPTY + 7)
    with pytest.raises(TypeError, match="truth has dtype float64"):
        metrics.isbi_pixel_error(half, half)
    with pytest.raises(ValueError, match="no threshold to try"):
        metrics.isbi_pixel_error(half, EMPTY, thresholds=[])
