import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tinyunet.data import separate, synthetic_cells, weight_map
from tinyunet.metrics.regions import consecutive

# Numbers with gaps; not 1, which alone and in pieces looks like a mask.
small_maps = arrays(
    np.int64,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 2, 3, 5, 9]),
)


def two_squares(gap=2):
    """Two 6x6 cells side by side in a 20x30 image, `gap` background pixels between them."""
    instances = np.zeros((20, 30), int)
    instances[7:13, 5:11] = 1
    instances[7:13, 11 + gap : 17 + gap] = 2
    return instances


# ---- separate ----


@given(small_maps)
def test_after_separation_no_component_holds_two_cells(instances):
    out = separate(instances)
    components, n = ndimage.label(out > 0)
    for component in range(1, n + 1):
        assert len(np.unique(out[components == component])) == 1


@given(small_maps)
def test_separation_only_removes_pixels_that_border_another_cell(instances):
    before = instances.copy()
    out = separate(instances)
    np.testing.assert_array_equal(instances, before)
    removed = out != instances
    assert not out[removed].any()
    padded = np.pad(instances, 1)
    borders = np.zeros(instances.shape, bool)
    for other in (padded[1:-1, 2:], padded[2:, 1:-1]):  # the right and the lower neighbour
        borders |= (other != instances) & (other > 0)
    assert not (removed & ~borders).any()


def test_the_ridge_is_one_pixel_wide_on_straight_and_slanted_borders():
    rows, columns = np.indices((12, 12))
    for other_side in (columns >= 6, rows >= 6, columns > rows, columns + rows >= 12):
        removed = separate(1 + other_side.astype(int)) == 0
        # One pixel for each of the 12 rows or columns that the border crosses.
        assert 11 <= removed.sum() <= 12


def test_separation_gives_up_the_left_and_the_upper_pixel():
    np.testing.assert_array_equal(separate(np.array([[1, 1, 2, 2]])), [[1, 0, 2, 2]])
    np.testing.assert_array_equal(separate(np.array([[1], [1], [2]])), [[1], [0], [2]])
    np.testing.assert_array_equal(separate(np.array([[1, 0], [0, 2]])), [[1, 0], [0, 2]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_separation_keeps_the_dtype(dtype):
    out = separate(np.array([[255, 1, 0]]).astype(dtype))
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, [[0, 1, 0]])


# ---- weight_map ----


def weight_map_by_definition(instances, w0, sigma, background, foreground):
    """The formula, with the distance to every cell at every pixel."""
    numbers = np.unique(instances[instances > 0])
    weights = np.where(instances > 0, foreground, background).astype(float)
    if len(numbers) >= 2:
        distances = np.sort(
            [ndimage.distance_transform_edt(instances != number) for number in numbers], axis=0
        )
        border = w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
        weights += np.where(instances > 0, 0, border)
    return weights


@pytest.mark.parametrize("sigma", [1.5, 5.0])
def test_equals_the_definition(sigma):
    for instances in synthetic_cells(2, size=(96, 160), seed=3).instances:
        instances = separate(instances)
        instances[instances == 2] = 0  # numbers may have gaps
        fast = weight_map(instances, w0=10, sigma=sigma, class_weights=(1.0, 2.5))
        slow = weight_map_by_definition(instances, 10, sigma, 1.0, 2.5)
        assert fast.dtype == np.float32
        # 10 * exp(-18) = 1.5e-7 is what cutting at 6 sigma may change; float32 rounds more.
        np.testing.assert_allclose(fast, slow, rtol=2e-7, atol=2e-7)


@given(small_maps)
def test_equals_the_definition_on_maps_of_touching_crumbs(instances):
    fast = weight_map(instances, w0=3, sigma=1, class_weights=(1, 2))
    np.testing.assert_allclose(
        fast, weight_map_by_definition(instances, 3, 1, 1, 2), rtol=2e-7, atol=2e-7
    )


def test_by_hand():
    # Background weight 1, d1 + d2 = 3 at every pixel of the gap but 5 and more outside of it.
    weights = weight_map(np.array([[1, 0, 0, 2, 0]]), w0=8, sigma=2, class_weights=(1, 4))
    at_gap = 1 + 8 * np.exp(-9 / 8)
    outside = 1 + 8 * np.exp(-((1 + 4) ** 2) / 8)
    np.testing.assert_allclose(weights, [[4, at_gap, at_gap, 4, outside]], rtol=1e-6)


def test_peaks_between_two_touching_cells():
    instances = np.zeros((20, 30), int)
    instances[7:13, 5:15] = 1
    instances[7:13, 15:25] = 2
    separated = separate(instances)
    weights = weight_map(separated)
    ridge = (separated == 0) & (instances > 0)
    assert set(zip(*np.nonzero(ridge), strict=True)) == {(row, 14) for row in range(7, 13)}
    assert weights[ridge].min() > weights[~ridge].max()
    np.testing.assert_allclose(
        weights[10, 14], 0.5 / (separated == 0).mean() + 10 * np.exp(-4 / 50), rtol=1e-6
    )


def test_a_wider_gap_weighs_less():
    narrow, wide = weight_map(two_squares(2)), weight_map(two_squares(6))
    assert narrow[10, 11] > wide[10, 11] + 1


def test_default_class_weights_balance_the_classes():
    instances = two_squares()
    foreground = instances > 0
    weights = weight_map(instances, w0=0)
    assert weights.mean() == pytest.approx(1)
    assert weights[foreground].sum() == pytest.approx(weights[~foreground].sum())


@pytest.mark.parametrize("value", [0, 1])
def test_one_class_only_weighs_one(value):
    np.testing.assert_array_equal(weight_map(np.full((5, 7), value)), np.ones((5, 7)))


def test_a_single_cell_has_no_border_term():
    instances = np.where(two_squares() == 2, 2, 0)
    weights = weight_map(instances, class_weights=(1, 3))
    np.testing.assert_array_equal(weights, np.where(instances > 0, 3, 1))


def test_unsigned_maps_count_as_signed_ones():
    instances = two_squares()
    np.testing.assert_array_equal(weight_map(instances.astype(np.uint8)), weight_map(instances))


NUMBERS = [(np.int64, 2**40), (np.int64, 2**63 - 1), (np.uint64, 2**64 - 1), (np.uint32, 2**32 - 1)]


@pytest.mark.parametrize(("dtype", "largest"), NUMBERS)
def test_large_numbers_count_as_small_ones(dtype, largest):
    small = two_squares(0)
    large = np.where(small == 2, np.array(largest, dtype), small.astype(dtype))
    assert large.dtype == dtype
    np.testing.assert_array_equal(weight_map(large), weight_map(small))
    np.testing.assert_array_equal(separate(large) > 0, separate(small) > 0)
    assert separate(large).max() == largest


def test_memory_does_not_follow_the_largest_number():
    large = np.where(two_squares() == 2, 10**7, two_squares())
    tracemalloc.start()
    weight_map(large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6


@given(small_maps)
def test_consecutive_numbers_are_in_the_order_of_the_old_ones(instances):
    numbers = [0, *sorted(set(instances.flat) - {0})]
    new = consecutive(instances)
    np.testing.assert_array_equal(np.array(numbers)[new], instances)


# ---- what is refused, and what leaves a doubt ----

PIECES = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 1]])


@pytest.mark.parametrize("function", [separate, weight_map])
@pytest.mark.parametrize(
    ("instances", "error", "message"),
    [
        (np.zeros((2, 3, 4), int), ValueError, r"image \(H, W\), got shape \(2, 3, 4\).*slice"),
        (np.zeros((2, 3, 1), int), ValueError, r"got shape \(2, 3, 1\).*\[\.\.\., 0\]"),
        (np.zeros((0, 3), int), ValueError, r"no pixels: the shape is \(0, 3\)"),
        (np.zeros((2, 3)), TypeError, "instance map has dtype float64"),
        (np.zeros((2, 3), bool), TypeError, r"dtype bool.*metrics\.segments.*ndimage\.label"),
        (np.zeros((2, 3), object), TypeError, "dtype object"),
        (
            [[1, 0, 2]],
            TypeError,
            r"instance map is of type list: expected a NumPy array; np\.asarray",
        ),
        (np.ma.ones((2, 3), int), TypeError, "masked array"),
        (np.array([[-1, 1, 0, 2]]), ValueError, r"got -1 in the instance map.*'ignore'.*np\.where"),
        (PIECES * 255, ValueError, r"mask of 0 and 255 in 2 pieces.*metrics\.segments\(mask > 0\)"),
        (PIECES.astype(np.uint16) * 65535, ValueError, "mask of 0 and 65535 in 2 pieces"),
    ],
)
def test_bad_instances_are_refused(function, instances, error, message):
    with pytest.raises(error, match=message):
        function(instances)


def test_a_mask_of_0_and_1_leaves_a_doubt():
    with pytest.warns(UserWarning, match=r"one cell in 2 pieces.*metrics\.segments") as caught:
        weights = weight_map(PIECES)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(weights, np.ones(PIECES.shape))
    np.testing.assert_array_equal(separate(PIECES), PIECES)  # nothing touches: right in any case


@pytest.mark.parametrize(
    "cells",
    [
        np.array([[1, 0], [0, 1]]),  # one cell whose pixels meet at a corner
        np.array([[255, 0], [0, 255]]),
        np.array([[255, 255, 0]]),
        np.array([[7, 0, 7]]),  # two pieces of a cell
        np.array([[255, 0, 255, 0, 254]]),
        PIECES * 255 + (PIECES == 0),
    ],
)
def test_one_cell_and_cells_in_pieces_are_no_reason_to_refuse(cells):
    assert np.isfinite(weight_map(cells)).all()
    assert separate(cells).shape == cells.shape


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf")])
def test_sigma_must_be_positive(sigma):
    with pytest.raises(ValueError, match=f"sigma must be positive.* got {sigma}"):
        weight_map(two_squares(), sigma=sigma)


@pytest.mark.parametrize(
    "weights",
    [
        {"w0": float("nan")},
        {"w0": -1},
        {"class_weights": (1, -2)},
        {"class_weights": (1,)},
        {"class_weights": (1, 2, 3)},
        {"class_weights": (1, float("inf"))},
    ],
)
def test_weights_must_be_numbers_from_0(weights):
    with pytest.raises(ValueError, match=r"w0 and both class weights .* 0 or more, got w0="):
        weight_map(two_squares(), **weights)
