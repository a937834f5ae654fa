import numpy as np
import pytest
from hypothesis import given
from label_maps import EMPTY, mask, mask_pairs
from scipy import ndimage

from tinyunet import data, metrics
from tinyunet.metrics.topology import NEIGHBOURS, _simple_patterns


def regions(cells):
    """How many cells, connected over edges, and regions between them, connected at corners too."""
    cells = np.pad(cells, 1)
    return ndimage.label(cells)[1], ndimage.label(~cells, np.ones((3, 3)))[1]


def is_simple(cells, row, column):
    """By the definition: flipping the pixel changes neither number."""
    flipped = cells.copy()
    flipped[row, column] ^= True
    return regions(flipped) == regions(cells)


# ---- which pixels are simple ----


def test_simple_patterns_of_neighbours():
    simple = _simple_patterns()
    assert simple.sum() == 116
    for pattern in range(256):
        cells = np.zeros((3, 3), bool)
        for (row, column), bit in zip(NEIGHBOURS, f"{pattern:08b}", strict=True):
            cells[1 + row, 1 + column] = bit == "1"
        # Yokoi's connectivity number, around the pixel: x_k - x_k x_k+1 x_k+2 over the edges.
        ring = cells[[1, 0, 0, 0, 1, 2, 2, 2], [2, 2, 1, 0, 0, 0, 1, 2]].astype(int)
        number = sum(
            ring[k] - ring[k] * ring[(k + 1) % 8] * ring[(k + 2) % 8] for k in (0, 2, 4, 6)
        )
        assert simple[pattern] == (number == 1)


@given(mask_pairs)
def test_simple_is_a_matter_of_the_neighbours_alone(pair):
    cells = np.pad(pair[0], 1)
    for row, column in np.argwhere(np.pad(np.ones_like(pair[0]), 1)):
        bits = "".join(str(int(cells[row + i, column + j])) for i, j in NEIGHBOURS)
        assert _simple_patterns()[int(bits, 2)] == is_simple(cells, row, column)


# ---- warping by hand ----


def test_shifted_and_wider_borders_are_forgiven():
    truth = mask("###.###", "###.###", "###.###")
    for predicted in (
        mask("##.####", "##.####", "##.####"),
        mask("###.###", "##.####", "##.####"),
        mask("#...###", "##...##", "#.....#"),
    ):
        np.testing.assert_array_equal(metrics.warped_truth(predicted, truth), predicted)
        assert metrics.warping_error(predicted, truth) == 0


def test_borders_move_over_pixels_that_differ_only():
    truth = mask("###.###", "###.###", "###.###")
    # Two pixels to the left: the column between them is cell in both, and cannot be crossed.
    shifted = mask("#.#####", "#.#####", "#.#####")
    assert metrics.warping_error(shifted, truth) == 4 / 21
    # A membrane that is drawn wider covers the way.
    assert metrics.warping_error(mask("#..####", "#..####", "#..####"), truth) == 0


def test_a_gap_in_a_membrane_costs_a_pixel():
    truth = mask("##.##", "##.##", "##.##")
    merged = mask("##.##", "#####", "##.##")
    assert metrics.warping_error(merged, truth) == 1 / 15
    np.testing.assert_array_equal(metrics.warped_truth(merged, truth), truth)


def test_a_missing_membrane_is_thinned_to_one_pixel_and_costs_its_length():
    truth = mask(*["##...##"] * 4)
    assert metrics.warping_error(np.ones_like(truth), truth) == 4 / 28


def test_a_split_costs_the_last_pixel_of_the_cut():
    truth = mask(*["#####"] * 4)
    split = mask(*["##.##"] * 4)
    assert metrics.warping_error(split, truth) == 1 / 20


def test_a_hole_costs_its_area_and_a_filled_one_a_pixel():
    truth = mask("#####", "#####", "#####", "#####")
    hole = mask("#####", "#...#", "#...#", "#####")
    # No pixel of it can open without making a hole, so all six are left.
    assert metrics.warping_error(hole, truth) == 6 / 20
    # The other way round, the hole closes but for a pixel.
    assert metrics.warping_error(truth, hole) == 1 / 20


def test_missing_cells_shrink_to_a_pixel_each_and_made_up_ones_cost_their_area():
    truth = mask("##..", "##.#", "...#")
    assert metrics.warping_error(np.zeros_like(truth), truth) == 2 / 12
    assert metrics.warping_error(truth, np.zeros_like(truth)) == 6 / 12


def test_cells_meet_over_edges_and_membranes_at_corners():
    truth = mask("##.", "##.", "..#")  # two cells, parted by a corner of membrane
    joined = mask("##.", "###", "..#")
    assert regions(truth) == (2, 1)
    assert metrics.warping_error(joined, truth) == 1 / 9
    assert metrics.warping_error(mask("#..", "...", "..#"), truth) == 0


def test_warping_of_nothing():
    for picture in (EMPTY, EMPTY + 1):
        assert metrics.warping_error(picture, picture) == 0
    assert metrics.warping_error(EMPTY, EMPTY + 1) == 1 / 12
    assert metrics.warping_error(EMPTY + 1, EMPTY) == 1


@pytest.mark.parametrize("dtype", [bool, int, np.uint8])
def test_masks_of_any_dtype_are_left_as_they_are(dtype):
    truth, predicted = mask("##.##", "##.##").astype(dtype), mask("#####", ".....").astype(dtype)
    before = truth.copy(), predicted.copy()
    warped = metrics.warped_truth(predicted, truth)
    assert warped.dtype == bool
    assert type(metrics.warping_error(predicted, truth)) is float
    np.testing.assert_array_equal(truth, before[0])
    np.testing.assert_array_equal(predicted, before[1])


# ---- warping by definition ----


def warp_one_by_one(predicted, truth):
    """In the same order as `warped_truth`, a pixel at a time, counting regions after every flip."""
    goal, cells = np.pad(predicted, 1), np.pad(truth, 1)
    while True:
        ready = [place for place in np.argwhere(cells != goal) if is_simple(cells, *place)]
        if not ready:
            return cells[1:-1, 1:-1]
        for parity in ([0, 0], [0, 1], [1, 0], [1, 1]):
            for row, column in (place for place in ready if (place % 2 == parity).all()):
                if is_simple(cells, row, column):
                    cells[row, column] ^= True


@given(mask_pairs)
def test_flipping_together_is_flipping_one_by_one(pair):
    np.testing.assert_array_equal(metrics.warped_truth(*pair), warp_one_by_one(*pair))


@given(mask_pairs)
def test_topology_stays_and_nothing_more_can_flip(pair):
    predicted, truth = pair
    warped = metrics.warped_truth(predicted, truth)
    assert regions(warped) == regions(truth)
    changed = warped != truth
    np.testing.assert_array_equal(warped[changed], predicted[changed])
    left = np.argwhere(warped != predicted)
    padded = np.pad(warped, 1)
    assert not any(is_simple(padded, row + 1, column + 1) for row, column in left)
    assert metrics.warping_error(predicted, truth) == len(left) / truth.size


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_flips_matters_little(seed):
    """About the same is left as with one pixel at a time in a random order."""
    rng = np.random.default_rng(seed)
    truth = data.synthetic_membranes(1, 96, seed).labels[0] == 1
    noise = ndimage.gaussian_filter(rng.standard_normal(truth.shape), 2)
    predicted = ndimage.gaussian_filter(truth.astype(float), 2) + noise > 0.75
    goal, cells = np.pad(predicted, 1), np.pad(truth, 1)
    flips = 1
    while flips:
        flips = 0
        for row, column in rng.permutation(np.argwhere(cells != goal)):
            bits = "".join(str(int(cells[row + i, column + j])) for i, j in NEIGHBOURS)
            if _simple_patterns()[int(bits, 2)]:
                cells[row, column] ^= True
                flips += 1
    assert metrics.pixel_error(predicted, truth) > 0.1
    assert metrics.warping_error(predicted, truth) == pytest.approx(np.mean(cells != goal), rel=0.2)


# ---- splits and mergers ----


def splits_and_mergers(predicted, truth):
    """Pixels of splits and mergers."""
    error = metrics.warping_error(predicted, truth, only_splits_and_mergers=True)
    return round(error * truth.size)


def test_a_split_costs_its_width_and_a_merger_its_length():
    whole, cut = mask(*["#######"] * 5), mask(*["##...##"] * 5)
    assert splits_and_mergers(cut, whole) == 3
    assert splits_and_mergers(mask(*["#.###.#"] * 5), whole) == 2
    assert splits_and_mergers(whole, cut) == 5
    gap = mask("##...##", "#######", "##...##", "##...##", "##...##")
    assert splits_and_mergers(gap, cut) == 1


def test_all_cell_is_no_better_than_a_gap():
    cross = np.ones((9, 9), bool)
    cross[4], cross[:, 4] = False, False
    gap = cross.copy()
    gap[4, 2] = True
    assert splits_and_mergers(gap, cross) == 1
    assert splits_and_mergers(np.ones_like(cross), cross) == 17


def test_what_is_bent_holes_and_whole_cells_are_no_splits_and_no_mergers():
    truth = mask("###.###", "###.###", "###.###")
    for predicted in (
        truth,
        mask("##.####", "##.####", "##.####"),  # shifted
        mask("#...###", "##...##", "#.....#"),  # wider
        np.zeros_like(truth),  # missing cells
        mask("###.###", "#.#.###", "###.###"),  # a hole
    ):
        assert splits_and_mergers(predicted, truth) == 0
    assert metrics.warping_error(mask("###", "#.#", "###"), mask("###", "###", "###")) == 1 / 9
    made_up = mask("###....", "###..#.", "###....")
    assert splits_and_mergers(made_up, mask("###....", "###....", "###....")) == 0


def test_cells_that_meet_at_corners_count_as_neighbours():
    corner = mask("###..", "#.#..", "##...", "...#.", ".....")
    filled = corner.copy()
    filled[2, 2] = True  # closes the ring, and touches another cell at its corner
    assert splits_and_mergers(filled, corner) == 1
    assert splits_and_mergers(np.zeros((3, 3), bool), np.eye(3, dtype=bool)) == 1


def test_a_ring_is_parted_by_two_cuts_only():
    ring = mask("#####", "#...#", "#...#", "#...#", "#####")
    one_cut = mask("#####", "#...#", "#....", "#...#", "#####")
    assert metrics.warping_error(one_cut, ring) == 1 / 25  # the hole is open
    assert splits_and_mergers(one_cut, ring) == 0


@given(mask_pairs)
def test_splits_and_mergers_by_definition(pair):
    """Pixel by pixel: number the cells of the whole image without it, and look around it."""
    predicted, truth = pair
    cells = np.pad(metrics.warped_truth(predicted, truth), 1)
    expected = 0
    for row, column in np.argwhere(cells != np.pad(predicted, 1)):
        without = cells.copy()
        without[row, column] = False
        around = ndimage.label(without)[0][row - 1 : row + 2, column - 1 : column + 2]
        expected += np.unique(around[around > 0]).size >= 2
    assert splits_and_mergers(predicted, truth) == expected


# ---- what is refused ----


@pytest.mark.parametrize("score", [metrics.warping_error, metrics.warped_truth])
def test_what_is_refused(score):
    with pytest.raises(ValueError, match=r"different shapes: \(3, 4\) and \(4, 3\)"):
        score(EMPTY, EMPTY.T)
    with pytest.raises(ValueError, match=r"no pixels to compare: the shape is \(0, 4\)"):
        score(EMPTY[:0], EMPTY[:0])
    with pytest.raises(ValueError, match=r"one image \(H, W\), got shape \(1, 3, 4\).*slice"):
        score(EMPTY[None], EMPTY[None])
    with pytest.raises(ValueError, match=r"truth should be a mask.* value 3.*cells > 0"):
        score(EMPTY, EMPTY + 3)
    with pytest.raises(ValueError, match=r"prediction should be a mask.* value -1"):
        score(EMPTY - 1, EMPTY)
    with pytest.raises(TypeError, match=r"prediction has dtype float64.*threshold"):
        score(EMPTY + 0.5, EMPTY)
