"""What a mask, a class map, cells and probabilities are: the same rule, in the same words, for all."""

from functools import partial

import cupy_double
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_maps import mask, mask_pairs

import tinyunet as tu
from tinyunet import metrics

TRUTH = mask("##.##", "#...#", "..#..")
FOUND = mask("##..#", "#...#", "..##.")
CELLS = np.array([[1, 1, 0, 7, 7], [1, 0, 0, 0, 7], [0, 0, 3, 0, 0]])

OF_CLASSES = [metrics.iou, metrics.dice, metrics.pixel_error]
OF_MASKS = [*OF_CLASSES, metrics.warping_error, metrics.warped_truth]
OF_NUMBERS = [partial(metrics.boundary_f1, tolerance=1)]  # takes masks and cells
OF_CELLS = [
    *(metrics.seg, metrics.f1, metrics.f1_curve, metrics.merged),
    *(metrics.rand_error, metrics.v_rand, metrics.v_info),
]
PAIRS = [(f, TRUTH) for f in OF_MASKS] + [(f, CELLS) for f in OF_CELLS + OF_NUMBERS]
OF_PROBABILITIES = [metrics.isbi_pixel_error, metrics.calibration]
ONE = {
    "segmentation": metrics.thinned,
    "instance map": tu.weight_map,
    "instance map, too": tu.separate,
    "probability map": tu.instances,
    "probability map, too": metrics.segments,
    "probability map of a list": lambda p: metrics.best_threshold(metrics.dice, [p], [TRUTH]),
}


# ---- masks ----

WHITES = [1, np.uint8(1), 255, np.uint8(255), np.uint16(255), np.uint16(65535), 65535]


@pytest.mark.parametrize("white", WHITES)
@pytest.mark.parametrize("score", OF_MASKS + OF_NUMBERS)
def test_masks_are_the_same_whatever_number_is_white(score, white):
    expected = score(FOUND, TRUTH)
    for predicted in (FOUND, FOUND * white, FOUND.astype(int)):
        np.testing.assert_array_equal(score(predicted, TRUTH * white), expected)
        np.testing.assert_array_equal(score(TRUTH * white, predicted), score(TRUTH, FOUND))


@given(mask_pairs, st.sampled_from([0, 1]), st.sampled_from(WHITES))
def test_scores_of_white_masks_are_those_of_boolean_ones(pair, label, white):
    p, t = pair
    for score in (metrics.iou, metrics.dice):
        assert score(p * white, t, label) == score(p, t, label)
    assert metrics.iou(p * white, t * white, int(white)) == metrics.iou(p, t)
    assert metrics.pixel_error(p * white, t) == metrics.pixel_error(p, t)


def test_disjoint_masks_have_nothing_in_common():
    left = np.zeros((3, 6), np.uint8)
    left[:, :2] = 255
    right = left[:, ::-1]
    assert metrics.dice(left, right) == metrics.iou(left, right > 0) == 0
    assert metrics.pixel_error(left > 0, right) == 2 / 3
    assert metrics.pixel_error(left, right // 255) == 2 / 3


@pytest.mark.parametrize("score", OF_PROBABILITIES)
@pytest.mark.parametrize("white", WHITES)
def test_a_true_mask_may_be_white(score, white):
    p = np.linspace(0, 1, TRUTH.size).reshape(TRUTH.shape)
    np.testing.assert_equal(score(p, TRUTH * white), score(p, TRUTH))


@pytest.mark.parametrize("score", OF_MASKS)
def test_a_mask_is_not_compared_with_cells_or_smoothed_edges(score):
    for other, value in (
        (CELLS, 7),
        (np.where(TRUTH, 254, 0), 254),
        (CELLS * 85, "85 beside others"),
    ):
        with pytest.raises(ValueError, match=f"truth should be a mask.* value {value}.*cells > 0"):
            score(FOUND, other)
        with pytest.raises(ValueError, match="prediction should be a mask"):
            score(other, FOUND * np.uint8(255))


# ---- class maps ----


@pytest.mark.parametrize("score", OF_CLASSES)
@pytest.mark.parametrize("high", [255, 65535])
def test_255_beside_classes_is_refused(score, high):
    classes = np.array([[0, 1, 2, 2]])
    with_void = np.array([[0, 1, 2, high]])
    for name, pair in (("truth", (classes, with_void)), ("prediction", (with_void, classes))):
        with pytest.raises(
            ValueError, match=rf"{name} has the value {high} .*'ignore'.* != {high}"
        ):
            score(*pair)
    keep = with_void != high
    assert score(classes[keep], with_void[keep]) == score(classes, classes)


def test_255_counts_where_it_is_asked_for():
    p, t = np.array([[0, 1, 255, 255]]), np.array([[0, 1, 1, 255]])
    assert metrics.iou(p, t, 255) == 1 / 2
    assert metrics.dice(p, t, label=np.int64(255)) == 2 / 3


@pytest.mark.parametrize("score", OF_CLASSES)
def test_negative_classes_are_refused(score):
    void = np.array([[0, 1, 2, -1]])
    with pytest.raises(ValueError, match=r"got -1 in the truth.*'ignore'.*keep = truth >= 0"):
        score(np.abs(void), void)
    with pytest.raises(ValueError, match="got -1 in the prediction"):
        score(-TRUTH.astype(np.int8), TRUTH)


@pytest.mark.parametrize("score", [metrics.iou, metrics.dice])
def test_labels_that_are_none_are_refused(score):
    classes = np.array([[0, 1, 2, 2]])
    for label in ("1", 1.0, [1]):
        with pytest.raises(TypeError, match="label should be the number of a class, got"):
            score(classes, classes, label)
    with pytest.raises(ValueError, match="label should be 0 or more, got -1"):
        score(classes, classes, -1)
    with pytest.raises(ValueError, match=r"label should be of masks 1 \(foreground\) or 0.*got 2"):
        score(TRUTH, TRUTH, 2)
    assert score(classes, classes, 9) == 1  # a class that neither has


@pytest.mark.parametrize("score", [metrics.iou, metrics.dice])
@pytest.mark.parametrize("white", [255, 65535])
def test_a_white_label_that_neither_map_has_is_refused(score, white):
    found, truth, nothing = FOUND * 1, TRUTH * 1, np.zeros_like(TRUTH, int)
    for pair in ((found, truth), (nothing, truth), (found, nothing), (CELLS, truth)):
        with pytest.raises(ValueError, match=rf"label {white} is neither.*0 to 1\).*truth > 0"):
            score(*pair, label=white)
    assert score(nothing, nothing, white) == score(CELLS, CELLS, white) == 1
    assert score(found * white, truth, white) == score(FOUND, TRUTH, white) == score(FOUND, TRUTH)


@pytest.mark.parametrize("score", [metrics.iou, metrics.dice])
@pytest.mark.parametrize("number", [2, 128, 254, 257])
def test_masks_with_another_number_are_refused(score, number):
    for p, t in ((FOUND, TRUTH), (TRUTH, TRUTH)):
        with pytest.raises(ValueError, match=rf"{number} in the prediction and 1 .*predicted > 0"):
            score(p * number, t * 1)
        with pytest.raises(ValueError, match=rf"1 in the prediction and {number} in the truth"):
            score(p * 1, t * number)
    for pair in ((FOUND * number, TRUTH * number), (FOUND * number, TRUTH * 0)):  # without any 1
        with pytest.raises(ValueError, match=rf"label 1 is neither .*\(0 to {number}\).*truth > 0"):
            score(*pair)
    # Who names the class means classes.
    assert score(TRUTH * number, TRUTH * 1, 1) == 0
    assert score(FOUND * number, TRUTH * 1, 0) == score(FOUND, TRUTH, 0)
    assert score(FOUND * number, TRUTH * number, number) == score(FOUND, TRUTH)


@pytest.mark.parametrize("score", OF_CLASSES)
def test_the_error_says_which_map_was_taken_for_a_mask(score):
    classes, void = np.array([[0, 1, 2, 2]]), np.array([[0, 0, 0, 255]])
    with pytest.raises(
        ValueError,
        match=r"prediction should .* 2 beside.*the truth is taken .* 255 is its only number.*'ignore'"
        r".*keep = truth != 255",
    ):
        score(classes, void)
    with pytest.raises(
        ValueError, match=r"truth should.*the prediction is taken .* holds booleans$"
    ):
        score(classes > 0, classes)
    with pytest.raises(ValueError, match=r"255 beside others.*'ignore'.*keep = truth != 255"):
        score(classes > 0, np.array([[0, 1, 1, 255]]))


# ---- cells ----


@pytest.mark.parametrize("score", OF_CELLS)
def test_a_white_mask_in_pieces_is_not_one_cell(score):
    for name, pair in (("prediction", (TRUTH * 255, CELLS)), ("truth", (CELLS, TRUTH * 255))):
        with pytest.raises(
            ValueError,
            match=rf"{name} is a mask of 0 and 255 in 3 pieces.*segments.*one cell, .*another number",
        ):
            score(*pair)
    with pytest.raises(ValueError, match="mask of 0 and 65535"):
        score(TRUTH.astype(np.uint16) * 65535, CELLS)
    assert score(metrics.segments(TRUTH), CELLS) == score(CELLS, CELLS)


@pytest.mark.parametrize("score", OF_CELLS)
def test_a_mask_of_0_and_1_in_pieces_leaves_a_doubt(score):
    for name, pair in (("prediction", (TRUTH * 1, CELLS)), ("truth", (CELLS, TRUTH * 1))):
        with pytest.warns(
            UserWarning, match=rf"{name} has one cell in 3 pieces.*metrics\.segments"
        ) as caught:
            score(*pair)
        assert [warning.filename for warning in caught] == [__file__]
    other = TRUTH * 2  # clearly a cell's number
    one_piece = mask("##...", ".##..", "...#.") * 1  # its pixels meet at corners
    for cells in (other, one_piece, one_piece * 255):
        score(cells, CELLS)
        score(CELLS, cells)


@pytest.mark.parametrize("score", OF_CELLS)
def test_a_cell_may_have_the_number_255(score):
    one = (CELLS == 7) * 1
    corner = np.array([[255, 0], [0, 255]])
    for cells, same in ((one * 255, one), (CELLS * 85, CELLS), (corner, corner // 255)):
        assert score(cells, cells) == score(same, same)


@pytest.mark.parametrize("score", OF_CELLS)
@pytest.mark.parametrize(
    ("dtype", "largest"), [(np.uint64, 2**64 - 1), (np.int64, 2**63 - 1), (np.int64, 2**40)]
)
def test_numbers_of_any_size(score, dtype, largest):
    large = np.where(CELLS == 7, np.array(largest, dtype), CELLS.astype(dtype))
    moved = np.roll(CELLS, 1, axis=1)
    assert score(large, moved) == score(CELLS, moved)
    assert score(moved, large) == score(moved, CELLS)


@pytest.mark.parametrize("score", OF_CELLS)
def test_the_last_numbers_of_8_bits(score):
    high = np.where(CELLS, CELLS + 248, 0).astype(np.uint8)  # 249, 251 and 255
    moved = np.roll(CELLS, 1, axis=1)
    assert score(high, moved) == score(CELLS, moved)


def test_classes_of_8_bits_do_not_wrap_around():
    low, high = np.array([[3, 100, 254]], np.uint8), np.array([[254, 100, 3]], np.uint8)
    assert metrics.pixel_error(low, high) == 2 / 3
    assert metrics.iou(low, high, 3) == 0
    assert metrics.iou(low, high, 100) == 1


# ---- what is no array of numbers ----


class Tensor:
    """As PyTorch's: it has a shape and a dtype, and NumPy can read it."""

    shape, dtype, ndim, size = CELLS.shape, CELLS.dtype, 2, CELLS.size

    def __array__(self, dtype=None, copy=None):
        return CELLS


def odd_ones(right):
    """What is refused for its type: (the array, what the error says of it)."""
    return [
        (right.tolist(), "of type list: expected a NumPy array; np.asarray"),
        (tuple(map(tuple, right.tolist())), "of type tuple: expected a NumPy array"),
        (Tensor(), r"of type .*Tensor: expected a NumPy array.*\.detach\(\)\.cpu\(\)"),
        (right.astype(int).view(np.matrix), r"of type numpy\.matrix: expected a NumPy array"),
        (
            np.ma.masked_array(right, right == 0),
            r"a masked array, .* expected a NumPy array; \.filled",
        ),
        (None, "of type NoneType: expected a NumPy array"),
        ("mask.png", "of type str: expected a NumPy array"),
        (right.astype(object), "dtype object: expected"),
        (right.astype(str), "dtype <U.*: expected"),
        (right * 1j, "dtype complex128: expected"),
    ]


ODD = range(len(odd_ones(CELLS)))


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("score", "right"), PAIRS)
def test_what_no_score_takes(score, right, odd):
    wrong, words = odd_ones(right)[odd]
    with pytest.raises(TypeError, match=f"the prediction (is|has) {words}"):
        score(wrong, right)
    with pytest.raises(TypeError, match=f"the truth (is|has) {words}"):
        score(right, wrong)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("score", OF_PROBABILITIES)
def test_what_no_score_of_probabilities_takes(score, odd):
    wrong, words = odd_ones(TRUTH)[odd]
    with pytest.raises(TypeError, match=f"the probability map (is|has) {words}"):
        score(wrong, TRUTH)
    with pytest.raises(TypeError, match=f"the truth (is|has) {words}"):
        score(TRUTH / 2, wrong)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ONE)
def test_what_no_other_function_takes(name, odd):
    wrong, words = odd_ones(CELLS if "probab" not in name else TRUTH)[odd]
    with pytest.raises(
        TypeError, match=f"the {name.split(',')[0].split(' of')[0]} (is|has) {words}"
    ):
        ONE[name](wrong)


def test_arrays_on_a_gpu_are_to_be_moved_first():
    with cupy_double.installed() as cupy:
        on_gpu = cupy.asarray(CELLS)
        for f in (metrics.seg, metrics.iou, metrics.calibration):
            with pytest.raises(TypeError, match=r"on a GPU: expected a NumPy array; .*to_cpu"):
                f(on_gpu, on_gpu)
        for f in ONE.values():
            with pytest.raises(TypeError, match=r"on a GPU: expected a NumPy array; .*to_cpu"):
                f(on_gpu)
        assert metrics.seg(tu.to_cpu(on_gpu), CELLS) == 1


def test_a_real_tensor_is_refused():
    torch = pytest.importorskip("torch", reason="PyTorch is one of those that are refused")
    tensor = torch.tensor(CELLS)
    for f in (metrics.seg, metrics.dice, metrics.boundary_f1):
        with pytest.raises(
            TypeError, match=r"prediction is of type torch\.Tensor: expected a NumPy"
        ):
            f(tensor, CELLS, *([1] if f is metrics.boundary_f1 else []))


def test_subclasses_that_only_know_where_they_came_from_are_fine(tmp_path):
    on_disk = np.memmap(tmp_path / "cells", CELLS.dtype, "w+", shape=CELLS.shape)
    on_disk[:] = CELLS
    assert metrics.seg(on_disk, CELLS) == metrics.v_rand(CELLS, on_disk) == 1
    np.testing.assert_array_equal(tu.weight_map(on_disk), tu.weight_map(CELLS))


@pytest.mark.parametrize("value", [float("nan"), 0.5, 1.0])
@pytest.mark.parametrize(("score", "right"), PAIRS)
def test_floats_are_no_masks_and_no_cells(score, right, value):
    remedy = "threshold" if score in OF_MASKS + OF_NUMBERS else r"metrics\.segments"
    with pytest.raises(TypeError, match=f"truth has dtype float64: .*{remedy}"):
        score(right, np.full(right.shape, value))


# ---- probabilities ----


def test_one_class_of_several_is_to_be_chosen():
    for score in OF_PROBABILITIES:
        with pytest.raises(ValueError, match=r"different shapes: \(3, 5, 2\) .*choose one class"):
            score(np.zeros((*TRUTH.shape, 2)), TRUTH)


@pytest.mark.parametrize("find", [tu.instances, metrics.segments])
def test_thresholds_that_part_nothing_are_refused(find):
    for threshold in (127, -0.1, float("nan")):
        with pytest.raises(ValueError, match=f"threshold must be .* from 0 to 1, got {threshold}"):
            find(TRUTH / 2, threshold)
    with pytest.raises(ValueError, match=r"threshold must be .* from 0 to 1, got nan"):
        metrics.isbi_pixel_error(TRUTH / 2, TRUTH, [0.5, float("nan")])
    with pytest.raises(ValueError, match=r"from 0 to below 1, got \[0\.2, nan, 0\.6\]"):
        metrics.best_threshold(metrics.dice, [TRUTH / 2], [TRUTH], [0.2, float("nan"), 0.6])


@pytest.mark.parametrize("bins", [0, 2.5, None, "10", float("nan")])
def test_bins_are_counted(bins):
    with pytest.raises(ValueError, match=f"at least one bin, got bins={bins}"):
        metrics.calibration(TRUTH / 2, TRUTH, bins)


@pytest.mark.parametrize("find", [tu.instances, metrics.segments])
def test_a_white_mask_is_no_probability(find):
    with pytest.raises(ValueError, match=r"from 0 to 255; .* pass mask > 0"):
        find(TRUTH * np.uint8(255))
    assert find(np.ones((4, 5), bool)).all()
