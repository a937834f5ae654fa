"""Otsu's threshold and the two ways to tell cells apart without learning."""

import numpy as np
import pytest

from tinyunet import baselines
from tinyunet.metrics import f1


def disks(centres, radius, shape=(60, 80)):
    y, x = np.indices(shape)
    cells = np.zeros(shape, np.int64)
    for i, (cy, cx) in enumerate(centres, start=1):
        cells[((y - cy) ** 2 + (x - cx) ** 2 < radius**2) & (cells == 0)] = i
    return cells


def image_of(cells, seed=0):
    rng = np.random.default_rng(seed)
    return ((cells > 0) * 0.6 + rng.normal(0.2, 0.03, cells.shape)).astype(np.float32)[..., None]


def test_threshold_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    gray = np.concatenate([rng.normal(0.3, 0.1, 700), rng.normal(0.7, 0.05, 300)])
    threshold = baselines.otsu_threshold(gray)

    def within(t):  # the sum of squares inside the two groups, which the best split makes smallest
        low, high = gray[gray <= t], gray[gray > t]
        return sum(((group - group.mean()) ** 2).sum() for group in (low, high) if len(group))

    best = min(map(within, np.linspace(0.05, 0.85, 400)))
    assert within(threshold) <= 1.01 * best


def test_threshold_agrees_with_scikit_image():
    filters = pytest.importorskip("skimage.filters", reason="scikit-image is not installed")
    rng = np.random.default_rng(1)
    gray = rng.gamma(2, 0.2, (50, 50))
    assert baselines.otsu_threshold(gray) == pytest.approx(filters.threshold_otsu(gray), abs=0.02)


def test_a_constant_image_has_no_foreground():
    flat = np.full((8, 9, 1), 0.5, np.float32)
    assert not baselines.otsu_components(flat).any()
    assert not baselines.otsu_peaks(flat).any()


def test_single_cells_are_found_and_specks_are_not():
    cells = disks([(15, 15), (15, 50), (40, 30)], 8)
    image = image_of(cells)
    image[55, 70] = 1
    for method in (baselines.otsu_components, baselines.otsu_peaks):
        assert f1(method(image), cells) == 1


def test_peaks_part_what_components_merge():
    cells = disks([(30, 25), (30, 40)], 10)
    image = image_of(cells)
    assert baselines.otsu_components(image).max() == 1
    assert f1(baselines.otsu_peaks(image), cells) == 1
