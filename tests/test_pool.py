"""MaxPool2d and MaxUnpool2d against loops; ties go to the first maximum."""

import itertools

import numpy as np
import pytest
from helpers import upstream

import tinyunet as tu
from tinyunet.layers import pool


def pooled_by_loops(x, dy, kernel, stride=None, padding=(0, 0)):
    """y and dx by the definition: each window's first maximum, row by row."""
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for n, i, j, c in np.ndindex(dy.shape):
        places = zip((i, j), stride or kernel, padding, kernel, strict=True)
        rows, columns = (slice(max(a * s - p, 0), a * s - p + k) for a, s, p, k in places)
        window = x[n, rows, columns, c]
        p, q = np.unravel_index(window.argmax(), window.shape)  # the first, in row order
        y[n, i, j, c] = window[p, q]
        dx[n, rows, columns, c][p, q] += dy[n, i, j, c]
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


@pytest.mark.parametrize("levels", [2, 1000], ids=["many ties", "no ties"])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((3, 3), (2, 2), (1, 1)),
        ((2, 3), (2, 3), (1, 0)),
        ((3, 2), (1, 2), (0, 1)),
        ((4, 1), (3, 3), (2, 0)),
    ],
)
def test_other_windows_against_loops(kernel, stride, padding, ceil_mode, levels, xp):
    x = np.random.default_rng(0).integers(-levels, levels, (2, 7, 9, 3)).astype("float64")
    layer = tu.MaxPool2d(kernel, stride=stride, padding=padding, ceil_mode=ceil_mode)
    y = layer(xp.asarray(x))
    dy = upstream(tu.to_cpu(y))
    expected_y, expected_dx = pooled_by_loops(x, dy, kernel, stride, padding)
    np.testing.assert_array_equal(tu.to_cpu(y), expected_y)
    np.testing.assert_allclose(tu.to_cpu(layer.backward(xp.asarray(dy))), expected_dx, atol=1e-14)


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


# ---------------------------------------------------------------------- strides, padding, ceil


def S(*shape):
    return np.sin(np.arange(np.prod(shape))).reshape(shape)


def C(*shape):
    return np.cos(2 * np.arange(np.prod(shape))).reshape(shape)


def assert_digits(actual, *expected):
    """Equal to nine digits after the point."""
    np.testing.assert_allclose(np.ravel(actual), expected, rtol=0, atol=0.6e-9)


def test_partial_windows_in_numbers():
    pool = tu.MaxPool2d(2, ceil_mode=True)
    unpool = tu.MaxUnpool2d(pool)
    values = 0.841470985, 0.909297427, 0.656986599, 0.989358247
    y = pool(S(1, 3, 3, 1))
    assert_digits(y, *values)
    back = unpool(y).ravel()
    assert back.shape == (9,)
    assert back.nonzero()[0].tolist() == [1, 2, 7, 8]
    assert_digits(back[[1, 2, 7, 8]], *values)
    dx = pool.backward(C(1, 2, 2, 1))
    assert_digits(dx, 0, 1, -0.416146837, 0, 0, 0, 0, -0.653643621, 0.960170287)


def test_overlapping_windows_in_numbers():
    pool = tu.MaxPool2d(3, stride=2, padding=1)
    assert_digits(
        pool(S(1, 5, 5, 1)),
        0.841470985, 0.989358247, 0.989358247, 0.65028784, 0.989358247, 0.990607356, 0.912945251,
        0.836655639, 0.14987721,
    )  # fmt: skip
    expected = np.zeros(25)
    expected[[1, 8, 14, 15, 19, 20, 21]] = (
        1, -1.215290491, -0.839071529, 0.960170287, -0.95765948, 0.843853959, 0.136737218,
    )  # fmt: skip
    assert_digits(pool.backward(C(1, 3, 3, 1)), *expected)


def test_ties_and_their_places():
    x = np.array([[3, 3, 1, 2], [3, 0, 5, 5], [0, -1, -2, -3], [-1, 0, -4, -5]], float)
    pool = tu.MaxPool2d(2)
    unpool = tu.MaxUnpool2d(pool)
    y = pool(x.reshape(1, 4, 4, 1))
    assert y.ravel().tolist() == [3, 5, 0, -2]
    back = unpool(1 + abs(y)).ravel()
    assert back.nonzero()[0].tolist() == [0, 6, 8, 10]


def test_padding_never_wins():
    pool = tu.MaxPool2d(3, stride=2, padding=1)
    np.testing.assert_array_equal(pool(np.full((1, 4, 5, 2), -7.0)), -7)


@pytest.mark.parametrize("ceil", [False, True])
def test_sizes(ceil):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
    for k, s, p in itertools.product(range(1, 5), range(1, 5), range(3)):
        if 2 * p > k or (s == k and p == 0 and not ceil):
            continue
        for side in range(k, 12):
            pool = tu.MaxPool2d(k, stride=s, padding=p, ceil_mode=ceil)
            x = torch.zeros(1, 1, side, side)
            expected = torch.nn.functional.max_pool2d(x, k, s, p, ceil_mode=ceil).shape[2:]
            assert pool.output_size(side, side) == tuple(expected), (k, s, p, side)


def test_the_sides_of_the_fcn():
    sides, side, pool = [], 698, tu.MaxPool2d(2, ceil_mode=True)
    for _ in range(5):
        side, _ = pool.output_size(side, side)
        sides.append(side)
    assert sides == [349, 175, 88, 44, 22]


def test_settings_of_a_window():
    pool = tu.MaxPool2d((3, 4), stride=2, padding=(1, 2), ceil_mode=True)
    assert str(pool) == (
        "MaxPool2d(kernel_size=(3, 4), stride=(2, 2), padding=(1, 2), ceil_mode=True)"
    )
    with pytest.raises(ValueError, match=r"padding must be at most half of \(3, 3\), got 2"):
        tu.MaxPool2d(3, padding=2)
    with pytest.raises(ValueError, match="stride must be at least 1"):
        tu.MaxPool2d(3, stride=0)
    with pytest.raises(ValueError, match=r"smaller than its window: shape \(1, 2, 5, 1\)"):
        tu.MaxPool2d(3, stride=2)(np.zeros((1, 2, 5, 1)))
    with pytest.raises(ValueError, match="or ceil_mode be True"):
        tu.MaxPool2d(2)(np.zeros((1, 5, 4, 1)))


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


# ---------------------------------------------------------------------- unpooling to a size


def test_unpool_to_the_size_that_was_pooled_or_a_larger_one():
    x = 1 + np.random.default_rng(0).random((2, 5, 7, 3))
    pool = tu.MaxPool2d(2, ceil_mode=True)
    unpool = tu.MaxUnpool2d(pool)
    y = pool(x)
    back = unpool(y)
    assert back.shape == x.shape
    np.testing.assert_array_equal(back[back != 0], x[back != 0])
    larger = unpool(pool(x), (6, 8))
    np.testing.assert_array_equal(larger[:, :5, :7], back)
    assert not larger[:, 5:].any()
    dy = upstream(larger)
    dx = unpool.backward(dy)
    assert (larger * dy).sum() == pytest.approx((y * dx).sum())


@pytest.mark.parametrize("size", [(4, 7), (5, 6), (7, 7), (5, 9)])
def test_unpool_to_a_size_that_cannot_be(size):
    pool = tu.MaxPool2d(2, ceil_mode=True)
    unpool = tu.MaxUnpool2d(pool)
    y = pool(np.ones((1, 5, 7, 1)))
    with pytest.raises(
        ValueError, match=rf"unpool \(1, 3, 4, 1\) to {size[0]}x{size[1]}: .* saw 5x7"
    ):
        unpool(y, size)


def test_overlapping_windows_cannot_be_undone():
    with pytest.raises(ValueError, match=r"cannot undo .*two windows may have the same winner"):
        tu.MaxUnpool2d(tu.MaxPool2d(3, stride=2))
