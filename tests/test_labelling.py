import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tinyunet import metrics
from tinyunet.data import separate, synthetic_cells
from tinyunet.segmentation.cells import SMALLEST, instances, part

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


def test_cells_are_numbered_and_gaps_of_one_pixel_filled():
    mask = np.array(
        [
            [1, 1, 0, 1, 1, 0, 0],
            [1, 1, 0, 1, 1, 0, 0],
            [0, 0, 0, 1, 1, 0, 0],
            [1, 1, 0, 0, 0, 0, 0],
            [1, 1, 0, 1, 1, 1, 1],
        ]
    )
    expected = np.array(
        [
            [1, 1, 1, 2, 2, 0, 0],  # between 1 and 2: to the left one
            [1, 1, 1, 2, 2, 0, 0],
            [1, 1, 0, 2, 2, 0, 0],  # between 1 and 3: to the upper one
            [3, 3, 0, 2, 2, 0, 0],  # between 2 and 4
            [3, 3, 3, 4, 4, 4, 4],
        ]
    )
    labels = instances(mask, smallest=1)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int64


def test_wider_gaps_corners_and_notches_stay():
    for mask in (
        [[1, 0, 0, 1]],
        [[1, 0], [0, 1]],  # two cells that meet at a corner
        [[1, 0, 1], [1, 1, 1]],  # one cell with a notch
    ):
        np.testing.assert_array_equal(instances(np.array(mask), smallest=1) > 0, mask)


def test_filled_gaps_fill_no_further_gaps():
    mask = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(instances(mask, smallest=1), [[1, 1, 2], [1, 0, 2], [3, 3, 3]])


def test_threshold_is_exceeded_not_reached():
    foreground = np.array([[0.5, 0.6, 0.7]])
    np.testing.assert_array_equal(instances(foreground, smallest=1), [[0, 1, 1]])
    np.testing.assert_array_equal(instances(foreground, 0.65, smallest=1), [[0, 0, 1]])


def test_two_classes_are_background_and_foreground():
    foreground = np.random.default_rng(0).random((20, 30), np.float32)
    both = np.stack([1 - foreground, foreground], axis=-1)
    expected = instances(foreground, smallest=3)
    assert expected.max() > 5
    np.testing.assert_array_equal(instances(both, smallest=3), expected)


def test_specks_are_dropped_before_gaps_are_filled_and_numbers_stay_without_gaps():
    mask = np.array([[1, 1, 0, 1, 0, 1, 1, 1]])
    np.testing.assert_array_equal(instances(mask, smallest=2), [[1, 1, 0, 0, 0, 2, 2, 2]])
    np.testing.assert_array_equal(instances(mask, smallest=3), [[0, 0, 0, 0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(instances(mask, smallest=1), [[1, 1, 1, 2, 2, 3, 3, 3]])
    square = np.zeros((9, 9))
    square[2:4, 2 : 2 + SMALLEST // 2] = 1
    assert instances(square).max() == 1
    square[2, 2] = 0
    assert instances(square).max() == 0


@given(masks, st.integers(1, 4))
def test_cells_keep_their_pixels_and_grow_only_between_two(mask, smallest):
    before = mask.copy()
    labels = instances(mask, smallest=smallest)
    np.testing.assert_array_equal(mask, before)
    regions, count = ndimage.label(mask)
    kept = [r for r in range(1, count + 1) if (regions == r).sum() >= smallest]
    assert labels.max() == len(kept)
    cells = np.zeros_like(labels)
    for region in kept:
        (number,) = np.unique(labels[regions == region])
        cells[regions == region] = number
    for y, x in np.argwhere(labels != cells):
        assert cells[y, x] == 0
        row, column = cells[y, x - 1 : x + 2 : 2], cells[y - 1 : y + 2 : 2, x]
        assert any(len(set(ends) - {0}) == 2 for ends in (row, column) if len(ends) == 2)
    for number in range(1, len(kept) + 1):  # what grew is still one piece
        assert ndimage.label(labels == number)[1] == 1


@pytest.mark.parametrize("seed", range(3))
def test_undoes_separation(seed):
    truth = synthetic_cells(1, 128, seed).instances[0]
    parted = separate(truth)
    assert ((parted == 0) & (truth > 0)).sum() > 30  # there is something to undo
    before = metrics.seg(ndimage.label(parted > 0)[0], truth)
    cells = instances(parted > 0)
    assert before < metrics.seg(cells, truth)
    assert metrics.seg(cells, truth) > 0.98
    assert metrics.merged(cells, truth) == 0


def test_nothing_is_found_in_nothing():
    assert not instances(np.zeros((5, 6, 2))).any()
    assert instances(np.ones((1, 12))).tolist() == [[1] * 12]


@pytest.mark.parametrize("shape", [(4,), (4, 5, 1), (4, 5, 3), (1, 4, 5, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(H, W, 2\) or \(H, W\), got shape .*probabilities\["):
        instances(np.zeros(shape))


@pytest.mark.parametrize("value", [-3.0, 2.5, 255, float("nan"), float("inf")])
def test_logits_and_gray_values_are_refused(value):
    probabilities = np.full((4, 5), 0.5)
    probabilities[1, 2] = value
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got values from .*logits"):
        instances(probabilities)


def test_rounding_is_no_reason_to_refuse():
    probabilities = np.full((4, 5), 1 + 1e-6, np.float32)
    np.testing.assert_array_equal(instances(probabilities), np.ones((4, 5)))


def test_a_region_with_two_cores_is_parted_between_them():
    foreground = np.array([[0.9, 0.9, 0.9, 0.6, 0.6, 0.6, 0.9, 0.9, 0.9, 0.0, 0.6, 0.6, 0.6]])
    options = {"smallest": 3}
    np.testing.assert_array_equal(
        instances(foreground, **options), [[1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3]]
    )
    for core in (None, 0.5, 0.95):  # none asked for, not above the threshold, nobody is so sure
        labels = instances(foreground, core=core, **options)
        np.testing.assert_array_equal(labels, [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]])


def test_a_core_of_few_pixels_parts_nothing():
    foreground = np.full((5, 20), 0.6)
    foreground[2, 2:7] = foreground[2, 13:17] = 0.9
    assert instances(foreground).max() == 1
    foreground[2, 17] = 0.9  # now the second has 5 pixels, too
    assert instances(foreground).max() == 2


@given(st.data())
def test_parting_keeps_every_region_and_gives_each_pixel_to_a_nearest_core_in_it(data):
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, max_side=8))
    regions, _ = ndimage.label(data.draw(arrays(bool, shape)))
    cores, _ = ndimage.label(data.draw(arrays(bool, shape)))
    cells = part(regions, cores)
    np.testing.assert_array_equal(cells > 0, regions > 0)
    assert set(np.unique(cells[cells > 0])) == set(range(1, cells.max() + 1))
    for number in range(1, regions.max() + 1):
        inside = regions == number
        names = np.unique(cores[inside & (cores > 0)])
        assert len(np.unique(cells[inside])) == max(1, len(names))
        if len(names) < 2:
            continue
        for y, x in np.argwhere(inside):
            places = np.argwhere(inside & (cores > 0))
            distances = np.hypot(*(places - (y, x)).T)
            near = places[np.isclose(distances, distances.min())]
            mine = cells[y, x]
            assert any(cells[tuple(place)] == mine for place in near)
        for name in names:  # a core is not cut
            assert len(np.unique(cells[inside & (cores == name)])) == 1


def test_cores_that_fill_their_region_part_it():
    regions, cores = np.ones((2, 5), int), np.repeat([[4, 4, 7, 7, 7]], 2, axis=0)
    np.testing.assert_array_equal(part(regions, cores), [[1, 1, 2, 2, 2]] * 2)
