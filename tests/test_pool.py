"""MaxPool2d and MaxUnpool2d against loops; ties go to the first maximum."""

import itertools

import numpy as np
import pytest
from helpers import upstream

import tinyunet as tu
from tinyunet.layers import pool


def pooled_by_loops(x, dy, kernel):
    """y and dx by the definition: each window's first maximum, row by row."""
    kh, kw = kernel
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for n, i, j, c in np.ndindex(dy.shape):
        window = x[n, i * kh : (i + 1) * kh, j * kw : (j + 1) * kw, c]
        p, q = np.unravel_index(window.argmax(), kernel)  # argmax is the first, in row order
        y[n, i, j, c] = window[p, q]
        dx[n, i * kh + p, j * kw + q, c] = dy[n, i, j, c]
    return y, dx


@pytest.mark.parametrize("levels", [2, 4, 1000], ids=["many ties", "some ties", "no ties"])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (2, 3), (3, 1), (1, 4)])
def test_against_loops(kernel, levels, xp):
    rng = np.random.default_rng(0)
    n, height, width, c = 2, 2 * kernel[0], 3 * kernel[1], 3
    x = rng.integers(0, levels, (n, height, width, c)).astype("float32")
    dy = upstream(x[:, : height // kernel[0], : width // kernel[1]])
    pool = tu.MaxPool2d(kernel)
    y = pool(xp.asarray(x))
    dx = pool.backward(xp.asarray(dy))
    expected_y, expected_dx = pooled_by_loops(x, dy, kernel)
    np.testing.assert_array_equal(tu.to_cpu(y), expected_y)
    np.testing.assert_array_equal(tu.to_cpu(dx), expected_dx)


@pytest.mark.parametrize("maxima", list(itertools.product([0.0, 1.0], repeat=4)))
def test_the_first_maximum_wins_wherever_the_ties_are(maxima):
    x = np.array(maxima).reshape(1, 2, 2, 1)
    pool = tu.MaxPool2d(2)
    assert pool(x) == max(maxima)
    (winner,) = pool.decisions()
    assert winner == maxima.index(max(maxima))
    dx = pool.backward(np.full((1, 1, 1, 1), 7.0)).ravel()
    expected = [0.0] * 4
    expected[maxima.index(max(maxima))] = 7.0
    np.testing.assert_array_equal(dx, expected)


def test_windows_of_zeros_after_a_relu():
    layer = tu.Sequential(tu.ReLU(), tu.MaxPool2d(2))
    assert not layer(-np.ones((1, 4, 4, 1))).any()
    assert not layer.backward(np.ones((1, 2, 2, 1))).any()  # the gates are shut
    pool = tu.MaxPool2d(2)
    pool(np.zeros((1, 4, 4, 1)))
    dx = pool.backward(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    np.testing.assert_array_equal(dx, np.kron(np.ones((2, 2)), [[1, 0], [0, 0]]))


def test_every_gradient_arrives_exactly_once():
    x = np.random.default_rng(0).integers(0, 2, (2, 8, 9, 3)).astype("float64")
    pool = tu.MaxPool2d((4, 3))
    dy = upstream(pool(x))
    dx = pool.backward(dy)
    np.testing.assert_allclose(dx.sum(), dy.sum())
    assert np.count_nonzero(dx) == dy.size


def test_infinities_win_and_lose():
    x = np.array([-np.inf, 1.0, np.inf, 2.0]).reshape(1, 2, 2, 1)
    pool = tu.MaxPool2d(2)
    assert pool(x) == np.inf
    np.testing.assert_array_equal(pool.backward(np.ones((1, 1, 1, 1))).ravel(), [0, 0, 1, 0])


def test_not_a_number_is_not_hidden():
    # A broken training run must stay visible: the maximum of a window with NaN is NaN.
    x = np.array([1.0, np.nan, 3.0, 2.0]).reshape(1, 2, 2, 1)
    assert np.isnan(tu.MaxPool2d(2)(x)).all()


@pytest.mark.parametrize("side", [(5, 4), (4, 5)])
def test_sides_that_the_window_does_not_divide(side):
    with pytest.raises(ValueError, match=r"cannot divide \dx\d: sides must be multiples of 2 and"):
        tu.MaxPool2d(2)(np.zeros((1, *side, 1)))


@pytest.mark.parametrize("kernel", [0, -1, (2, 0), 1.5, "2", (2, 2, 2), True, None])
def test_bad_windows(kernel):
    with pytest.raises(ValueError, match="kernel_size"):
        tu.MaxPool2d(kernel)


# ---------------------------------------------------------------------- unpooling


def test_unpool_puts_values_where_they_came_from(xp):
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 3)).astype("float32")
    pool = tu.MaxPool2d((2, 3))
    unpool = tu.MaxUnpool2d(pool)
    y = unpool(pool(xp.asarray(x)))
    windows = x.reshape(2, 2, 2, 2, 3, 3)
    largest = windows == windows.max((2, 4), keepdims=True)
    np.testing.assert_array_equal(tu.to_cpu(y), np.where(largest, windows, 0).reshape(x.shape))

    dy = upstream(x)
    dx = unpool.backward(xp.asarray(dy))
    expected = (dy.reshape(windows.shape) * largest).sum((2, 4))
    np.testing.assert_allclose(tu.to_cpu(dx), expected, rtol=1e-6)


def test_unpool_keeps_to_the_first_of_tied_maxima():
    pool = tu.MaxPool2d(2)
    unpool = tu.MaxUnpool2d(pool)
    pool(np.ones((1, 2, 2, 1)))
    y = unpool(np.full((1, 1, 1, 1), 5.0))
    np.testing.assert_array_equal(y.ravel(), [5, 0, 0, 0])


def test_unpool_needs_its_pool_to_run_first():
    pool = tu.MaxPool2d(2)
    unpool = tu.MaxUnpool2d(pool)
    with pytest.raises(ValueError, match="has run no forward yet"):
        unpool(np.zeros((1, 1, 1, 1)))
    pool(np.zeros((1, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"its pool pooled to \(1, 2, 2, 1\)"):
        unpool(np.zeros((1, 1, 1, 1)))


def test_a_pools_winners_are_used_once():
    pool = tu.MaxPool2d(2)
    unpool = tu.MaxUnpool2d(pool)
    y = pool(np.zeros((1, 4, 4, 1)))
    unpool(y)
    with pytest.raises(ValueError, match="has run no forward yet"):
        unpool(y)


def test_a_pool_remembers_winners_only_where_it_is_asked_to():
    x = np.random.default_rng(0).standard_normal((1, 4, 6, 2))
    pool = tu.MaxPool2d(2)
    pool(x)
    assert pool.take_winners() is None
    pool.remember_winners()
    pool(x)
    (winner,) = pool.decisions()
    np.testing.assert_array_equal(pool.take_winners(), winner)
    assert pool.take_winners() is None


def test_unpool_works_in_eval():
    pool = tu.MaxPool2d(2)
    layer = tu.Sequential(pool, tu.MaxUnpool2d(pool))
    x = np.random.default_rng(0).standard_normal((1, 4, 4, 2))
    np.testing.assert_array_equal(layer.predict(x), layer(x))


def test_unpool_lists_its_pool_only_once():
    pool = tu.MaxPool2d(2)
    names = [name for name, _ in tu.Sequential(pool, tu.MaxUnpool2d(pool)).named_layers()]
    assert names == ["", "0", "1"]


@pytest.mark.parametrize("band", [1, 20, 1 << 14])
def test_held_winners_stay_with_their_bands(band, monkeypatch):
    monkeypatch.setattr(pool, "BAND", band)
    layer, rng = tu.MaxPool2d((2, 3)), np.random.default_rng(5)
    x, dy = rng.standard_normal((3, 8, 6, 2)), rng.standard_normal((3, 4, 2, 2))
    layer(x)
    plain = layer.backward(dy)
    layer(x)
    with tu.held_decisions(layer):
        layer(x + 0.1 * rng.standard_normal(x.shape))  # some other value is the largest now
        np.testing.assert_array_equal(layer.backward(dy), plain)
