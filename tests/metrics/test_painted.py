"""Measures of painted images, by hand and on the drawn pairs that they are for."""

import numpy as np
import pytest

from tinyunet.data import COIN_HUES, coin_flip_colours
from tinyunet.metrics.painting import (
    decided,
    gradient_ratio,
    nearest_hue,
    saturation,
    saturation_distance,
)

HUES = COIN_HUES.reshape(4, 3)
COINS = coin_flip_colours(30, seed=2)
REAL, OBJECTS = COINS.targets, COINS.inputs[..., 0] == 0


def test_gradients_by_hand():
    real = np.zeros((2, 3, 3))
    real[0, 1] = 0.3, 0, -0.6  # differences: two across, one down, each 0.9 of 3 values
    where = np.ones((2, 3), bool)
    assert gradient_ratio(real / 2, real, where) == pytest.approx(0.5)
    assert gradient_ratio(-2 * real, real, where) == pytest.approx(2)
    other = np.zeros((2, 3, 3))
    other[0, 1] = 0.9
    # 2.7 in place of 0.9 in all three pairs of neighbours that differ.
    assert gradient_ratio(other, real, where) == pytest.approx(3)
    where[0, 2] = False
    assert gradient_ratio(real, real + 1, where) == pytest.approx(1)


def test_only_neighbours_within_the_mask_count():
    real = REAL[0]
    where = OBJECTS[0]
    loud = np.where(where[..., None], real, 100.0)
    assert gradient_ratio(loud, real, where) == pytest.approx(1)


def test_a_mean_of_what_is_possible_has_less_texture_and_colour_and_is_undecided():
    flat = REAL * 0
    for k in range(2):
        own = COINS.inputs[..., 1 + k] == 1
        flat[own] = 0.54 * COIN_HUES[k].mean(0)
    assert gradient_ratio(flat, REAL, OBJECTS) < 0.5
    assert saturation(flat, OBJECTS).mean() < saturation(REAL, OBJECTS).mean()
    assert decided(flat, HUES, OBJECTS) < 0.05
    assert decided(REAL, HUES, OBJECTS) == 1
    noisy = REAL + np.random.default_rng(0).normal(0, 0.5, REAL.shape)
    assert gradient_ratio(noisy, REAL, OBJECTS) > 1.3


def test_the_nearest_hue_tells_the_class():
    number, cosine = nearest_hue(REAL, HUES, OBJECTS)
    np.testing.assert_array_equal(number // 2, COINS.inputs[OBJECTS][:, 2])
    np.testing.assert_allclose(cosine, 1, atol=1e-6)
    gray = np.zeros((1, 1, 3))
    number, cosine = nearest_hue(gray, HUES, np.ones((1, 1), bool))
    assert cosine == 0


def test_saturation_and_its_distance_by_hand():
    where = np.ones((1, 4), bool)
    images = np.array([[[1, -1, 0], [0.5, 0.5, 0.5], [0.2, -0.2, 0], [0, 0.1, 0]]])
    np.testing.assert_allclose(saturation(images, where), [1, 0, 0.2, 0.05])
    assert saturation_distance(images, images, where) == 0
    gray, full = np.zeros((1, 4, 3)), np.tile([1.0, -1, 0], (1, 4, 1))
    assert saturation_distance(gray, full, where) == pytest.approx(19 / 20)
    half = np.where(np.arange(4)[:, None] < 2, gray, full)  # half of it moved all the way
    assert saturation_distance(half, full, where) == pytest.approx(19 / 40)


@pytest.mark.parametrize(
    "change",
    [lambda x, w: (x[..., :2], w), lambda x, w: (x[1:], w), lambda x, w: (x, w.astype(int)),
     lambda x, w: (x, w & False)],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change):
    images, where = change(REAL[:2], OBJECTS[:2])
    for measure in (
        lambda: gradient_ratio(images, images, where),
        lambda: saturation(images, where),
        lambda: decided(images, HUES, where),
    ):
        with pytest.raises(ValueError, match=r"need a mask .* of booleans with a pixel in it, got"):
            measure()
