"""Dropout: what it draws, what it keeps the same, and what eval leaves alone."""

import numpy as np
import pytest

import tinyunet as tu

ONES = np.ones((2, 50, 50, 4), "float32")


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_of_zeros_and_the_mean(p):
    y = tu.Dropout(p)(ONES)
    deviation = np.sqrt(p * (1 - p) / y.size)
    assert abs((y == 0).mean() - p) < 5 * deviation
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    assert abs(y.mean() - 1) < 5 * deviation / (1 - p)


def test_every_image_pixel_and_channel_has_its_own_draw():
    kept = tu.Dropout(0.5)(ONES) != 0
    for axis in range(4):
        assert not (kept == kept.take([0], axis)).all()


def test_backward_drops_the_same_values(xp):
    layer = tu.Dropout(0.3)
    y = layer(xp.asarray(ONES))
    dx = layer.backward(xp.asarray(ONES))
    np.testing.assert_array_equal(tu.to_cpu(dx), tu.to_cpu(y))


def test_the_same_seed_gives_the_same_mask_on_every_device(xp):
    layer = tu.Dropout(0.3, np.random.default_rng(5))
    twin = tu.Dropout(0.3, np.random.default_rng(5))
    for _ in range(2):
        np.testing.assert_array_equal(tu.to_cpu(layer(xp.asarray(ONES))), twin(ONES))


def test_another_seed_or_another_forward_gives_another_mask():
    layer = tu.Dropout(0.3, np.random.default_rng(5))
    first = layer(ONES)
    assert not np.array_equal(layer(ONES), first)
    assert not np.array_equal(tu.Dropout(0.3, np.random.default_rng(6))(ONES), first)


def test_layers_made_without_a_seed_do_not_share_a_generator():
    a, b = tu.Dropout(0.3), tu.Dropout(0.3)
    first = a(ONES)
    np.testing.assert_array_equal(b(ONES), first)


def test_eval_returns_the_input_and_draws_nothing():
    layer = tu.Dropout(0.3)
    state = layer.rng.bit_generator.state
    assert layer.predict(ONES) is ONES
    assert layer.rng.bit_generator.state == state


def test_p_0_changes_nothing():
    layer = tu.Dropout(0)
    np.testing.assert_array_equal(layer(ONES), ONES)
    np.testing.assert_array_equal(layer.backward(2 * ONES), 2 * ONES)


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_bad_probabilities(p):
    with pytest.raises(ValueError, match="p must be at least 0 and below 1"):
        tu.Dropout(p)
