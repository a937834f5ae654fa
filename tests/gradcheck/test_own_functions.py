"""check_function where forward rounds, ends, is tiny in parts, or has few digits."""

import math

import numpy as np
import pytest

import tinyunet as tu


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("levels", [4, 256, 65536])
@pytest.mark.parametrize("rng", [None, 1, 2])
def test_rounding_with_a_gradient_of_one_is_not_passed(levels, rng):
    x = np.random.default_rng(0).random((1, 8, 8, 1))
    report = tu.check_function(
        lambda x: np.round(x * levels) / levels, lambda dy, x: dy, x, rng=rng
    )
    assert not report.passed, report


def test_an_image_of_zeros_and_ones_may_lie_at_the_end_of_a_domain():
    x = np.array([[0.0, 1, 1], [1, 0, 1]])
    root = tu.check_function(
        lambda x: np.sqrt(x + 1e-6), lambda dy, x: dy / 2 / np.sqrt(x + 1e-6), x
    )
    assert root.passed, root
    log = tu.check_function(lambda p: np.log(p + 1e-8), lambda dy, p: dy / (p + 1e-8), x)
    assert log.passed, log


@pytest.mark.parametrize("smallest", [2e-5, 1e-3, 0.1])
def test_a_wrong_gradient_beside_the_end_of_a_domain_is_wrong_and_counted(smallest):
    def log(x):
        return np.array([math.log(value) for value in x])

    def twice_once(dy, x):
        dx = dy / x
        dx[2] *= 2
        return dx

    x = np.array([smallest, 0.2, 3.0])
    assert tu.check_function(log, lambda dy, x: dy / x, x).passed
    report = tu.check_function(log, twice_once, x)
    assert report.failed, report
    assert any("1 of 3 entries are wrong" in remark for remark in report.remarks), report


def test_wrong_entries_among_kinks_are_counted_without_the_kinks():
    x = np.round(random(6, 7))
    factor = np.ones_like(x)
    factor[np.unravel_index(x.argmax(), x.shape)] = 2
    report = tu.check_function(lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0) * factor, x)
    assert any("1 of the" in remark for remark in report.remarks), report


def test_one_wrong_entry_of_a_small_branch_is_felt():
    x, w = random(8, 60), random(60, 60, seed=1)

    def forward(x, w):
        return x + 1e-4 * np.maximum(x @ w, 0)

    def backward(dy, x, w, lost=0):
        d = 1e-4 * dy * (x @ w > 0)
        dw = x.T @ d
        dw[-1, -1] *= 1 - lost
        return dy + d @ w.T, dw

    assert tu.check_function(forward, backward, x, w).passed
    assert tu.check_function(forward, lambda dy, x, w: backward(dy, x, w, 1), x, w).failed


def test_a_gradient_that_is_zero_everywhere_is_untested():
    x = np.zeros(5)
    for forward, backward in (
        (lambda x: x**3, lambda dy, x: 3 * dy * x**2),
        (lambda x: 1 - np.cos(x), lambda dy, x: dy * np.sin(x)),
    ):
        report = tu.check_function(forward, backward, x)
        assert [row.verdict for row in report.rows] == ["untested"] * 2, report


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_few_digits_are_not_called_wrong_and_said(dtype):
    x = random(4, 5)
    slope = lambda dy, x: dy * (1 - np.tanh(x) ** 2)  # noqa: E731
    for forward in (
        lambda x: np.tanh(x.astype(dtype)),
        lambda x: np.tanh(x).astype(dtype).astype(float),
    ):
        report = tu.check_function(forward, slope, x)
        assert not report.failed, report
        assert any(dtype in remark for remark in report.remarks), report
        wrong = tu.check_function(forward, lambda dy, x: 3 * slope(dy, x), x)
        assert wrong.failed if dtype == "float32" else not wrong.passed


def test_gradients_in_another_order_are_named():
    x, w = random(4, 3), random(3, 2)
    report = tu.check_function(lambda x, w: x @ w, lambda dy, x, w: (x.T @ dy, dy @ w.T), x, w)
    assert any("are the gradients in another order?" in remark for remark in report.remarks)


def test_a_small_missing_term_is_not_taken_for_float32():
    x = np.array([1e-3, 0.1, 0.5, 0.9])
    report = tu.check_function(
        lambda x: 1 / x, lambda dy, x: -dy / x**2 * np.array([1, 1, 1, 2]), x, tolerance=1e-9
    )
    assert report.failed
    assert not any("float32" in remark for remark in report.remarks), report
