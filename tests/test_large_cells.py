"""Cells of images that are read strip by strip are those of one piece."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tinyunet import instances
from tinyunet.engine import scratch as scratch_module
from tinyunet.engine.scratch import Scratch, ScratchPlanes
from tinyunet.segmentation import instances_large, large_cells


def blobs(height, width, seed, smooth=2.0):
    """A probability map with regions of all shapes, many of them with several cores."""
    noise = np.random.default_rng(seed).standard_normal((height, width))
    field = ndimage.gaussian_filter(noise, smooth)
    return (0.5 + 0.5 * np.tanh(1.5 * field / (field.std() or 1))).astype(np.float32)


def in_strips(foreground, rows, **options):
    labels = np.full(foreground.shape, 9, np.uint32)
    count = instances_large(foreground, labels, rows=rows, **options)
    assert count == labels.max()
    return labels


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 50),
    st.integers(0, 10_000),
    st.sampled_from([0.6, 1.0, 2.0, 4.0]),
    st.sampled_from([1, 3, 10]),
    st.sampled_from([None, 0.5, 0.7, 0.8]),
    st.sampled_from([0.3, 0.5, 0.6]),
)
def test_strips_give_the_cells_and_the_numbers_of_one_piece(
    height, width, rows, seed, smooth, smallest, core, threshold
):
    foreground = blobs(height, width, seed, smooth)
    options = {"threshold": threshold, "smallest": smallest, "core": core}
    np.testing.assert_array_equal(
        in_strips(foreground, rows, **options), instances(foreground, **options)
    )


@pytest.mark.parametrize("rows", [1, 7, 50, 300])
def test_regions_that_wind_through_many_strips_are_one(rows):
    y, x = np.mgrid[:200, :200] - 100
    spiral = (np.hypot(y, x) - 4 * np.arctan2(y, x)) % (8 * np.pi) < 10
    cells = in_strips(spiral.astype(np.float32), rows, core=None)
    np.testing.assert_array_equal(cells, instances(spiral, core=None))
    comb = np.zeros((60, 41), np.float32)
    comb[:, ::2] = comb[-1] = 1
    assert in_strips(comb, rows, core=None).max() == 1


def test_a_wide_region_is_parted_in_windows_and_it_is_said(monkeypatch):
    foreground = blobs(150, 170, seed=3, smooth=3) / 2 + 0.5  # above the threshold everywhere
    expected = instances(foreground, 0.4)
    assert expected.max() > 20
    monkeypatch.setattr(large_cells, "IN_ONE_PIECE", 100)
    monkeypatch.setattr(large_cells, "SIDE", 30)
    monkeypatch.setattr(large_cells, "MARGIN", 2)
    with pytest.warns(UserWarning, match="1 of the connected regions"):
        found = in_strips(foreground, 16, threshold=0.4)
    cores, _ = ndimage.label(foreground > 0.8)
    elsewhere = found != expected
    assert elsewhere.mean() < 0.02  # only what is equally far from two cores:
    from_own = {
        number: ndimage.distance_transform_edt((expected != number) | (cores == 0))
        for number in np.union1d(found[elsewhere], expected[elsewhere])
    }
    for y, x in np.argwhere(elsewhere):
        assert from_own[found[y, x]][y, x] == from_own[expected[y, x]][y, x]


def test_far_from_any_core_the_nearest_that_is_seen_is_taken(monkeypatch):
    monkeypatch.setattr(large_cells, "IN_ONE_PIECE", 10)
    monkeypatch.setattr(large_cells, "SIDE", 8)
    monkeypatch.setattr(large_cells, "MARGIN", 2)
    monkeypatch.setattr(large_cells, "FURTHEST", 4)
    foreground = np.full((6, 200), 0.6, np.float32)
    foreground[:, :3] = foreground[:, -3:] = 0.9
    with pytest.warns(UserWarning, match="more than 4 pixels from any"):
        found = in_strips(foreground, 3)
    assert found.min() == 1
    assert (found[:, :10] == 1).all()
    assert (found[:, -8:] == 2).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything(value):
    foreground = np.full((23, 11), value, np.float32)
    np.testing.assert_array_equal(in_strips(foreground, 5), int(value))


@pytest.mark.parametrize("in_memory", [1, 2**20])
def test_a_scratch_map_takes_and_gives_windows(in_memory, monkeypatch, tmp_path):
    monkeypatch.setattr(scratch_module, "IN_MEMORY", in_memory)
    rng = np.random.default_rng(0)
    expected = np.zeros((31, 47), np.uint32)
    with Scratch((31, 47), np.uint32, tmp_path) as scratch:
        scratch[:, :] = expected
        for _ in range(40):
            top, left = rng.integers(0, 31), rng.integers(0, 47)
            place = slice(top, top + rng.integers(1, 9)), slice(left, left + rng.integers(1, 60))
            values = rng.integers(0, 2**32, expected[place].shape)
            expected[place] = scratch[place] = values
            np.testing.assert_array_equal(scratch[place], expected[place])
        np.testing.assert_array_equal(scratch[:, :], expected)
        with pytest.raises(ValueError, match="without a step"):
            scratch[::2, :]
    assert not list(tmp_path.iterdir())


def test_cells_in_a_file_are_those_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(scratch_module, "IN_MEMORY", 1)
    foreground = blobs(80, 90, seed=1)
    shape = (80, 90, 2)
    with (
        ScratchPlanes(shape, np.float32, tmp_path) as maps,
        Scratch((80, 90), np.uint32, tmp_path) as labels,
    ):
        maps[:, :] = np.stack([1 - foreground, foreground], axis=2)
        count = instances_large(maps.plane(1), labels, rows=13)
        expected = instances(maps[:, :])
        assert count == expected.max() > 20
        np.testing.assert_array_equal(labels[:, :], expected)
