"""What is measured of cells, and their outlines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.path import Path as Outline
from scipy import ndimage

from tinyunet.segmentation import measure, polygon

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


@pytest.mark.parametrize("rows", [None, 1, 4, 100])
@pytest.mark.parametrize("channels", [0, 1, 3])
def test_it_measures_what_scikit_image_measures(rows, channels):
    skimage = pytest.importorskip("skimage.measure")
    rng = np.random.default_rng(0)
    labels, count = ndimage.label(ndimage.gaussian_filter(rng.standard_normal((60, 70)), 2) > 0.02)
    image = rng.integers(0, 65536, (60, 70, channels) if channels else (60, 70), np.uint16)
    cells = measure(labels, image, rows=rows)
    expected = skimage.regionprops(labels, image)
    assert len(expected) == count == len(cells.label) > 10
    np.testing.assert_array_equal(cells.label, [p.label for p in expected])
    np.testing.assert_array_equal(cells.area, [p.area for p in expected])
    np.testing.assert_allclose(cells.centre, [p.centroid for p in expected])
    np.testing.assert_array_equal(cells.box, [p.bbox for p in expected])
    means = np.array([p.intensity_mean for p in expected]).reshape(count, -1)
    np.testing.assert_allclose(cells.mean, means)
    np.testing.assert_allclose(cells.diameter, [p.equivalent_diameter_area for p in expected])
    assert (labels[cells.boxes[4]] == 5).any()


def test_columns_have_a_mean_for_every_channel():
    labels = np.array([[0, 1, 1], [2, 0, 1]])
    image = np.arange(12).reshape(2, 3, 2)
    columns = measure(labels, image).columns()
    assert list(columns) == [
        "label", "centre_row", "centre_column", "area", "diameter",
        "top", "left", "bottom", "right", "mean_1", "mean_2",
    ]  # fmt: skip
    assert columns["mean_2"].tolist() == [(3 + 5 + 11) / 3, 7]
    assert [columns[n][1] for n in ("top", "left", "bottom", "right")] == [1, 0, 2, 1]
    assert list(measure(labels, image[..., 0]).columns())[-1] == "mean"


def test_without_cells_there_are_no_rows():
    cells = measure(np.zeros((4, 5), int), np.ones((4, 5, 3)))
    assert {len(column) for column in cells.columns().values()} == {0}
    assert len(cells.columns()) == 12


def test_labels_must_fit():
    with pytest.raises(ValueError, match="differ in size"):
        measure(np.zeros((4, 5), int), np.ones((5, 4)))
    with pytest.raises(ValueError, match="no cell 1, but one of 2"):
        measure(np.full((4, 5), 2), np.ones((4, 5)))


def test_a_pixel_is_a_square():
    assert polygon(np.ones((1, 1), bool), top=3, left=7) == {
        "type": "Polygon",
        "coordinates": [[[7, 3], [8, 3], [8, 4], [7, 4], [7, 3]]],
    }
    with pytest.raises(ValueError, match="empty"):
        polygon(np.zeros((2, 2), bool))


def test_what_meets_at_a_corner_is_two_polygons_and_a_hole_is_a_ring():
    assert polygon(np.eye(2, dtype=bool))["type"] == "MultiPolygon"
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    found = polygon(ring)
    assert found["type"] == "Polygon"
    assert [len(r) for r in found["coordinates"]] == [5, 5]


@given(masks.filter(np.any))
def test_filled_in_the_polygon_is_the_mask(mask):
    check_filled(mask)


def check_filled(mask):
    found = polygon(mask)
    parts = found["coordinates"]
    if found["type"] == "Polygon":
        parts = [parts]
    assert len(parts) == ndimage.label(mask)[1]
    centres = np.stack(np.mgrid[: mask.shape[0], : mask.shape[1]][::-1], -1).reshape(-1, 2) + 0.5
    filled = np.zeros(len(centres), int)
    area = 0
    for outer, *holes in parts:
        for ring in (outer, *holes):
            assert ring[0] == ring[-1]
            corners = [tuple(point) for point in ring[:-1]]
            assert len(set(corners)) == len(corners)  # it does not meet itself
            filled += Outline(ring).contains_points(centres)
            x, y = np.array(ring).T
            area += (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2  # that of a hole is negative
    assert area == mask.sum()
    np.testing.assert_array_equal(filled.reshape(mask.shape) % 2 == 1, mask)


@pytest.mark.parametrize("seed", range(4))
def test_rings_of_larger_cells(seed):
    noise = np.random.default_rng(seed).standard_normal((30, 30))
    check_filled(ndimage.gaussian_filter(noise, 1) > 0)
