import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_maps import EMPTY, mask, pairs

from tinyunet import metrics


def test_segments_are_connected_over_edges_and_above_the_threshold():
    probabilities = np.array(
        [
            [0.9, 0.5, 0.2, 0.6],
            [0.8, 0.1, 0.7, 0.1],
            [0.1, 0.1, 0.7, 0.7],
        ]
    )
    labels = metrics.segments(probabilities)
    # 0.5 is not above 0.5; the last of the first row touches another at a corner only.
    np.testing.assert_array_equal(labels, [[1, 0, 0, 2], [1, 0, 3, 0], [0, 0, 3, 3]])
    np.testing.assert_array_equal(
        metrics.segments(probabilities, 0.75), [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    )


def test_segments_of_two_classes_and_of_a_mask():
    cells = mask("##.#", "...#")
    expected = [[1, 1, 0, 2], [0, 0, 0, 2]]
    np.testing.assert_array_equal(metrics.segments(cells), expected)
    np.testing.assert_array_equal(metrics.segments(np.stack([~cells, cells], 2) * 0.8), expected)
    assert not metrics.segments(EMPTY).any()


def test_gaps_stay_and_tiny_segments_too():
    np.testing.assert_array_equal(metrics.segments(mask("#.#")), [[1, 0, 2]])


def test_thinning_gives_pixels_to_the_nearest_segment():
    labels = np.array([[7, 0, 0, 0, 2], [0, 0, 0, 0, 0], [7, 0, 0, 0, 0], [0, 0, 0, 0, 2]])
    thin = metrics.thinned(labels)
    assert thin[0, 1] == thin[2, 1] == 7
    assert thin[0, 3] == thin[3, 3] == 2
    assert set(thin[:, 2]) <= {2, 7}  # equally far, or nearly
    assert thin.dtype == labels.dtype


def test_thinning_of_nothing():
    thin = metrics.thinned(EMPTY)
    assert not thin.any()
    assert thin is not EMPTY
    np.testing.assert_array_equal(metrics.thinned(EMPTY + 3), EMPTY + 3)


@given(pairs)
def test_thinning_agrees_with_a_search(pair):
    labels = pair[0] * (pair[1] > 2)  # some background
    before = labels.copy()
    thin = metrics.thinned(labels)
    np.testing.assert_array_equal(labels, before)
    places = np.argwhere(labels)
    for pixel in np.argwhere(labels >= 0) if len(places) else ():
        distances = ((places - pixel) ** 2).sum(1)
        nearest = places[distances == distances.min()]
        assert thin[tuple(pixel)] in labels[tuple(nearest.T)]


@given(st.integers(1, 12))
def test_the_width_of_borders_does_not_matter(width):
    labels = np.zeros((4, 12 + 2 * width), int)
    labels[:, :6], labels[:, -6:] = 1, 2
    assert np.bincount(metrics.thinned(labels).ravel())[1:].tolist() == [4 * (6 + width)] * 2


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got values from 0 to 255"):
        metrics.segments(np.array([[0, 255]]))
    with pytest.raises(ValueError, match=r"got shape \(2, 3, 4\); with more classes"):
        metrics.segments(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"no probabilities: the shape is \(0, 4\)"):
        metrics.segments(np.zeros((0, 4)))
    with pytest.raises(ValueError, match=r"one image \(H, W\), got shape \(1, 3, 4\).*slice"):
        metrics.thinned(EMPTY[None])
    with pytest.raises(TypeError, match=r"segmentation has dtype bool.*ndimage\.label"):
        metrics.thinned(EMPTY > 0)
