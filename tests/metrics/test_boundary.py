import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_maps import EMPTY, mask, pairs

from tinyunet import metrics
from tinyunet.metrics.boundary import outline


def test_outline_by_hand():
    cells = np.array(
        [
            [1, 1, 1, 0, 0],
            [1, 1, 1, 0, 2],
            [1, 1, 1, 3, 2],
            [1, 1, 1, 3, 3],
        ]
    )
    expected = mask(
        "..#..",  # the border of the image is no outline
        "..#.#",
        "..###",
        "..###",
    )
    np.testing.assert_array_equal(outline(cells), expected)
    np.testing.assert_array_equal(outline(cells == 1), mask("..#..", "..#..", "..#..", "..#.."))


def test_boundary_by_hand():
    truth = mask("##....", "##....", "##....")
    by_one = mask("###...", "###...", "###...")
    assert metrics.boundary_f1(by_one, truth, 0) == 0
    assert metrics.boundary_f1(by_one, truth, 1) == 1
    bent = mask("##....", "###...", "####..")
    np.testing.assert_array_equal(outline(bent), mask(".#....", "..#...", "...#.."))
    assert metrics.boundary_f1(bent, truth, 0) == pytest.approx(1 / 3)
    # Of either, the two upper pixels are near the other; the lowest of truth is 1.4 px away.
    assert metrics.boundary_f1(bent, truth, 1) == pytest.approx(2 / 3)
    assert metrics.boundary_f1(bent, truth, 1.5) == pytest.approx(2 * 2 / 3 / (2 / 3 + 1))
    assert metrics.boundary_f1(bent, truth, 2) == 1


def test_corners_are_farther_than_edges():
    truth, predicted = mask("#..", "...", "..."), mask("...", ".#.", "...")
    assert metrics.boundary_f1(predicted, truth, 1) == 0
    assert metrics.boundary_f1(predicted, truth, 1.5) == 1


def test_boundaries_of_nothing():
    for nothing in (EMPTY, EMPTY + 1):  # a full image has no outline either
        assert metrics.boundary_f1(nothing, nothing, 0) == 1
    cell = EMPTY.copy()
    cell[1, 1] = 1
    assert metrics.boundary_f1(cell, EMPTY, 2) == metrics.boundary_f1(EMPTY, cell, 2) == 0


def test_cells_that_touch_have_an_outline_between_them():
    truth = np.array([[1, 1, 2, 2]])
    assert metrics.boundary_f1(truth, truth, 0) == 1
    assert metrics.boundary_f1(truth > 0, truth, 0) == 0  # merged
    assert metrics.boundary_f1(np.array([[1, 1, 0, 2]]), truth, 0) == pytest.approx(
        2 * (1 / 2) * (1 / 2) / (1 / 2 + 1 / 2)
    )


def slow_outline(labels):
    height, width = labels.shape
    places = []
    for i, j in np.argwhere(labels):
        near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        inside = [(a, b) for a, b in near if 0 <= a < height and 0 <= b < width]
        if any(labels[place] != labels[i, j] for place in inside):
            places.append((i, j))
    return np.array(places).reshape(-1, 2)


@given(pairs, st.sampled_from([0, 1, 1.5, 2, 3]))
def test_boundary_agrees_with_a_search(pair, tolerance):
    p, t = (slow_outline(a) for a in pair)
    score = metrics.boundary_f1(*pair, tolerance)
    if not (len(p) and len(t)):
        assert score == (len(p) == len(t))
        return
    near = np.hypot(*(p[:, None] - t).transpose(2, 0, 1)) <= tolerance
    precision, recall = near.any(1).mean(), near.any(0).mean()
    expected = 2 * precision * recall / (precision + recall) if near.any() else 0
    assert score == pytest.approx(expected)


@given(pairs)
def test_boundary_at_0_px_is_the_dice_of_outlines(pair):
    expected = metrics.dice(outline(pair[0]), outline(pair[1]))
    assert metrics.boundary_f1(*pair, 0) == pytest.approx(expected)


@given(pairs)
def test_more_tolerance_never_lowers_the_score_and_sides_do_not_matter(pair):
    scores = [metrics.boundary_f1(*pair, tolerance) for tolerance in (0, 1, 2)]
    assert scores == sorted(scores)
    assert scores == pytest.approx([metrics.boundary_f1(*pair[::-1], n) for n in (0, 1, 2)])
    assert metrics.boundary_f1(pair[0], pair[0], 0) == 1
    assert {type(score) for score in scores} == {float}


def test_what_is_refused():
    score = metrics.boundary_f1
    with pytest.raises(ValueError, match=r"different shapes: \(3, 4\) and \(4, 3\)"):
        score(EMPTY, EMPTY.T, 1)
    with pytest.raises(ValueError, match=r"no pixels to compare: the shape is \(0, 4\)"):
        score(EMPTY[:0], EMPTY[:0], 1)
    with pytest.raises(ValueError, match=r"one image \(H, W\), got shape \(1, 3, 4\)"):
        score(EMPTY[None], EMPTY[None], 1)
    with pytest.raises(TypeError, match=r"prediction has dtype float64.*threshold"):
        score(EMPTY + 0.5, EMPTY, 1)
    for tolerance in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"0 or more, got {tolerance}"):
            score(EMPTY, EMPTY, tolerance)
