"""From probabilities to numbered cells."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import synthetic_cells


def test_components_are_numbered_and_specks_dropped():
    p = np.zeros((10, 20))
    p[1:6, 1:6] = p[3:9, 12:18] = 0.9
    p[8, 1] = 0.9
    cells = tu.instances(p, smallest=5)
    assert cells.dtype == np.int64
    assert cells.max() == 2
    assert (cells > 0).sum() == 25 + 36
    assert not cells[8, 1]


def test_two_channels_mean_background_and_foreground():
    p = np.zeros((10, 10, 2))
    p[2:7, 2:7, 1] = 0.8
    p[..., 0] = 1 - p[..., 1]
    assert (tu.instances(p) > 0).sum() == 25
    with pytest.raises(ValueError, match=r"\(10, 10, 3\)"):
        tu.instances(np.zeros((10, 10, 3)))


def test_threshold_and_smallest_are_strict_and_inclusive():
    p = np.full((4, 4), 0.5)
    assert not tu.instances(p).any()
    assert tu.instances(p, threshold=0.49, smallest=16).all()
    assert not tu.instances(p, threshold=0.49, smallest=17).any()


def test_the_ridge_between_two_cells_is_given_back_and_nothing_else():
    p = np.zeros((8, 11), bool)
    p[1:7, 1:5] = p[1:7, 6:10] = True
    cells = tu.instances(p, smallest=1)
    assert (cells[1:7, 5] > 0).all()  # the line that parted them
    cells[:, 5] = 0
    assert ((cells > 0) == p).all()  # their outlines elsewhere stay


@pytest.mark.parametrize("seed", range(3))
def test_a_perfect_target_gives_the_cells_back(seed):
    truth = synthetic_cells(1, 96, seed).instances[0]
    cells = tu.instances(tu.separate(truth) > 0)
    assert tu.metrics.f1(cells, truth) > 0.97
    assert tu.metrics.merged(cells, truth) == 0
