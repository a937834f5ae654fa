import numpy as np
import pytest
from scipy import ndimage

from tinyunet.data import closed_outlines

DATA = closed_outlines(80, seed=0)


def dark_parts(image):
    """The lines, as a mask: what is darker than the ground around it."""
    smooth = ndimage.gaussian_filter(image[..., 0], 0.7)
    return smooth < ndimage.median_filter(smooth, 9) - 0.12


def radii(labels):
    parts, number = ndimage.label(labels)
    return np.sqrt(np.bincount(parts.ravel(), minlength=number + 1)[1:] / np.pi)


@pytest.mark.parametrize("size", [64, (48, 80), 32])
def test_shapes_and_ranges(size):
    data = closed_outlines(3, size, seed=2)
    height, width = (size, size) if isinstance(size, int) else size
    assert data.num_classes == 2
    for image, labels in zip(data.images, data.labels, strict=True):
        assert image.shape == (height, width, 1)
        assert labels.shape == (height, width)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1


def test_an_image_depends_on_its_seed_and_index_only():
    few, many = closed_outlines(2, 48, seed=7), closed_outlines(4, 48, seed=7)
    for i in range(2):
        np.testing.assert_array_equal(few.images[i], many.images[i])
        np.testing.assert_array_equal(few.labels[i], many.labels[i])
    assert not np.array_equal(many.images[2], many.images[3])
    assert not np.array_equal(few.images[0], closed_outlines(1, 48, seed=8).images[0])


@pytest.mark.parametrize(("n", "size"), [(0, 64), (1, 31), (1, (64, 8))])
def test_sizes_that_cannot_be_drawn_are_refused(n, size):
    with pytest.raises(ValueError, match="n must be at least 1 and size at least 32"):
        closed_outlines(n, size)


def test_share_of_the_inside():
    assert 0.12 < np.mean(DATA.labels) < 0.24


def test_there_are_three_kinds_and_nothing_between():
    found = np.concatenate([radii(labels) for labels in DATA.labels])
    small, middle, large = (
        np.mean((found > low) & (found < high))
        for low, high in ((2.5, 6), (6.5, 12.5), (13.5, 22.5))
    )
    assert small + middle + large == pytest.approx(1)
    assert 0.5 < small < 0.8
    assert 0.1 < middle < 0.3
    assert 0.1 < large < 0.3


def test_more_outlines_in_a_larger_image():
    large = closed_outlines(10, 128, seed=3)
    assert np.mean([len(radii(x)) for x in large.labels]) > 2.5 * np.mean(
        [len(radii(x)) for x in DATA.labels]
    )


def test_closed_outlines_hold_the_foreground_and_broken_ones_are_background():
    """Each part of the labels has a dark rim all around; there are lines around nothing as well."""
    rims, broken, lines = [], 0, 0
    for image, labels in zip(DATA.images, DATA.labels, strict=True):
        dark = dark_parts(image)
        rim = (labels == 1) & ~ndimage.binary_erosion(labels == 1)
        rims += ndimage.binary_dilation(dark)[rim].tolist()
        parts, number = ndimage.label(dark, np.ones((3, 3)))
        sizes = np.bincount(parts.ravel())[1:]
        touched = np.array([labels[parts == i + 1].mean() > 0.1 for i in range(number)], dtype=bool)
        lines += np.sum(sizes > 8)
        broken += np.sum((sizes > 8) & ~touched)
    assert np.mean(rims) > 0.9
    assert 0.15 < broken / lines < 0.5


def test_the_inside_looks_like_the_outside():
    differences = []
    for image, labels in zip(DATA.images, DATA.labels, strict=True):
        inside = ndimage.binary_erosion(labels == 1, iterations=3)
        outside = ndimage.binary_erosion(labels == 0, iterations=3)
        if inside.any():
            differences.append(image[inside].mean() - image[outside].mean())
    assert len(differences) > 40
    assert abs(np.mean(differences)) < 0.03
