import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_maps import EMPTY

from tinyunet import metrics

probabilities = arrays(np.float64, 40, elements=st.floats(0, 1))
truths = arrays(bool, 40)


def test_calibration_by_hand():
    result = metrics.calibration(
        np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]]), np.array([[0, 0, 1], [1, 1, 0]]), bins=2
    )
    np.testing.assert_array_equal(result.edges, [0, 0.5, 1])
    np.testing.assert_allclose(result.predicted, [0.2, 0.8])
    np.testing.assert_allclose(result.observed, [1 / 3, 2 / 3])
    assert result.pixels.tolist() == [3, 3]
    assert result.error == pytest.approx((3 * (1 / 3 - 0.2) + 3 * (0.8 - 2 / 3)) / 6)
    assert type(result.error) is float


def test_bounds_belong_to_the_lower_bin():
    result = metrics.calibration(np.array([0, 0.25, 0.5, 0.75, 1]), np.zeros(5, int), bins=4)
    assert result.pixels.tolist() == [2, 1, 1, 1]


def test_empty_bins_are_not_a_number_and_do_not_count():
    result = metrics.calibration(np.array([0.05, 0.95]), np.array([0, 1]))
    assert result.pixels.tolist() == [1] + [0] * 8 + [1]
    assert np.isnan(result.predicted[1:-1]).all()
    assert np.isnan(result.observed[1:-1]).all()
    assert result.error == pytest.approx(0.05)


def test_sure_and_right_or_wrong():
    truth = np.array([[True, False], [False, False]])
    assert metrics.calibration(truth.astype(float), truth).error == 0
    assert metrics.calibration(1 - truth.astype(float), truth).error == 1
    assert metrics.calibration(np.full(truth.shape, 0.25), truth).error == 0  # of no use, but true
    for one_class in (truth & False, truth | True):
        assert metrics.calibration(one_class * 1.0, one_class).error == 0


def test_rounding_is_no_reason_to_refuse():
    result = metrics.calibration(np.array([-1e-7, 1 + 1e-6], np.float32), np.array([0, 1]))
    assert result.pixels[[0, -1]].tolist() == [1, 1]
    assert result.error == pytest.approx(0, abs=1e-5)


def test_pixels_that_come_true_as_often_as_promised():
    rng = np.random.default_rng(0)
    p = rng.random((300, 300))
    assert metrics.calibration(p, rng.random(p.shape) < p).error < 0.01
    assert metrics.calibration(p, rng.random(p.shape) < p**3).error > 0.1


@given(probabilities, truths, st.integers(1, 12))
def test_calibration_agrees_with_a_loop(p, truth, bins):
    result = metrics.calibration(p, truth, bins)
    error = 0.0
    for k, (low, high) in enumerate(zip(result.edges, result.edges[1:], strict=False)):
        inside = ((p > low) | (k == 0)) & (p <= high)
        assert result.pixels[k] == inside.sum()
        if inside.any():
            assert result.predicted[k] == pytest.approx(p[inside].mean())
            assert result.observed[k] == pytest.approx(truth[inside].mean())
            error += abs(p[inside].sum() - truth[inside].sum()) / p.size
    assert result.error == pytest.approx(error)


@pytest.fixture(scope="module")
def learn():
    return pytest.importorskip("sklearn.calibration", reason="scikit-learn is one more oracle")


@given(probabilities, truths)
def test_calibration_agrees_with_scikit_learn(learn, p, truth):
    truth = truth.copy()
    truth[:2] = True, False  # the oracle wants both classes
    observed, predicted = learn.calibration_curve(truth, p, n_bins=10)
    result = metrics.calibration(p, truth)
    used = result.pixels > 0
    np.testing.assert_allclose(result.observed[used], observed)
    np.testing.assert_allclose(result.predicted[used], predicted)


def test_what_is_refused():
    half = np.full(EMPTY.shape, 0.5)
    with pytest.raises(ValueError, match=r"different shapes: \(3, 4\) and \(4, 3\)"):
        metrics.calibration(half, EMPTY.T)
    with pytest.raises(ValueError, match=r"no pixels to compare: the shape is \(0, 4\)"):
        metrics.calibration(half[:0], EMPTY[:0])
    for value in (-3.0, 2.5, float("nan")):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got values from .*logits"):
            metrics.calibration(half * value / 0.5, EMPTY)
    with pytest.raises(ValueError, match=r"truth should be a mask.* value 2.*labels == k"):
        metrics.calibration(half, EMPTY + 2)
    with pytest.raises(TypeError, match="truth has dtype float64"):
        metrics.calibration(half, half)
    with pytest.raises(ValueError, match="at least one bin, got bins=0"):
        metrics.calibration(half, EMPTY, bins=0)
