import numpy as np
import pytest

import tinyunet as tu
from tinyunet.data import STREET_CLASSES, synthetic_streets

TRAIN, TEST = synthetic_streets(60, seed=0), synthetic_streets(20, seed=1)
BINS = 8  # a channel, for a classifier that sees one pixel's colour


@pytest.mark.parametrize("size", [64, (48, 96), 32])
def test_shapes_ranges_and_classes(size):
    data = synthetic_streets(4, size, seed=2)
    height, width = (size, size) if isinstance(size, int) else size
    assert len(STREET_CLASSES) == data.num_classes == 6
    for image, labels in zip(data.images, data.labels, strict=True):
        assert image.shape == (height, width, 3)
        assert labels.shape == (height, width)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert np.ptp(image) > 0.5
        assert set(np.unique(labels)) >= {0, 2, 5}  # buildings, trees, cars may hide


def test_an_image_depends_on_its_seed_and_index_only():
    few, many = synthetic_streets(2, 48, seed=7), synthetic_streets(4, 48, seed=7)
    for i in range(2):
        np.testing.assert_array_equal(few.images[i], many.images[i])
        np.testing.assert_array_equal(few.labels[i], many.labels[i])
    assert not np.array_equal(many.images[2], many.images[3])
    assert not np.array_equal(few.images[0], synthetic_streets(1, 48, seed=8).images[0])


@pytest.mark.parametrize(("n", "size"), [(0, 64), (1, 31), (1, (64, 8))])
def test_sizes_that_cannot_be_drawn_are_refused(n, size):
    with pytest.raises(ValueError, match="n must be at least 1 and size at least 32"):
        synthetic_streets(n, size)


@pytest.mark.parametrize("size", [64, 96])
def test_shares_of_the_classes(size):
    data = synthetic_streets(40, size, seed=3)
    shares = np.bincount(np.concatenate(data.labels, axis=None)) / (40 * size**2)
    # Poles stay thin as the image grows.
    wanted = [0.30, 0.20, 0.38, 0.07, 0.025, 0.027 * 64 / size]
    assert np.all(shares > 0.7 * np.array(wanted)), shares
    assert np.all(shares < 1.4 * np.array(wanted)), shares


def test_rare_classes_weigh_most():
    weights = dict(zip(STREET_CLASSES, tu.median_frequency(TRAIN.labels, 6), strict=True))
    assert sorted(weights, key=weights.get)[:3] == ["road", "sky", "building"]
    assert 1.2 < weights["tree"] < 2.5
    assert min(weights["car"], weights["pole"]) > 3


@pytest.mark.parametrize("size", [64, 128])
def test_poles_are_thin_and_begin_above_the_roofs(size):
    widths = []
    for labels in synthetic_streets(20, size, seed=4).labels:
        pole = labels == 5
        top = np.flatnonzero(pole.any(axis=1))[0]
        assert top < 0.14 * size
        assert top <= np.flatnonzero((labels == 1).any(axis=1)).min(initial=size) + 1
        row = np.pad(pole[round(0.4 * size)].astype(int), 1)  # below all heads
        widths += (np.flatnonzero(np.diff(row) < 0) - np.flatnonzero(np.diff(row) > 0)).tolist()
    assert len(widths) > 20
    assert min(widths) == 1
    assert np.mean(np.array(widths) <= 2) > 0.9  # two that stand side by side look like a thick one


def test_roads_are_below_and_the_sky_is_above():
    for labels in TRAIN.labels:
        rows = [np.argwhere(labels == k)[:, 0] for k in (0, 1, 2)]
        assert rows[0].mean() < rows[2].mean()
        assert rows[0].max() <= rows[2].max()
        assert (labels[-1] == 2).mean() > 0.3
        horizon = np.argmax(labels == 2, axis=0)
        assert 0.4 * 64 < np.median(horizon) < 0.75 * 64


def colours(data):
    pixels = np.concatenate([image.reshape(-1, 3) for image in data.images])
    codes = np.minimum((pixels * BINS).astype(int), BINS - 1) @ [BINS * BINS, BINS, 1]
    return codes, np.concatenate(data.labels, axis=None)


def test_no_class_is_told_by_its_colour():
    codes, labels = colours(TRAIN)
    counts = np.zeros((BINS**3, 6))
    np.add.at(counts, (codes, labels), 1)
    codes, labels = colours(TEST)
    for weights in (np.ones(6), 1 / counts.sum(axis=0)):  # for accuracy, and for mean recall
        found = (counts * weights).argmax(axis=1)[codes]
        iou = [
            np.sum((found == k) & (labels == k)) / np.sum((found == k) | (labels == k))
            for k in range(6)
        ]
        assert np.mean(iou) < 0.42, iou
        assert max(iou[4:]) < 0.3, iou  # cars and poles
        assert iou[1] < 0.45, iou
