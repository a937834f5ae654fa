"""The answers of lesson 12, right and wrong, for test_all.py; and its gradient and its maps."""

import numpy as np
from scipy import ndimage

import tinyunet as tu
from tinyunet.exercises import check
from tinyunet.exercises.lesson_12 import dice as dice_checks
from tinyunet.exercises.trial import Trial, slopes


def merged_cells(found, truth, least=0.5, by=1, background=False):
    held = {}
    for k in np.unique(truth[truth > 0]):
        inside = found[truth == k]
        for number in np.unique(inside[inside >= (0 if background else 1)]):
            if (inside == number).sum() > inside.size * least:
                held[number] = held.get(number, 0) + 1
    return sum(count if by else count > 1 for count in held.values() if count > 1)


def half_is_enough(found, truth):
    return merged_cells(found, truth, least=0.4999)


def separation_borders(cells, right=False, both=False, any_change=False):
    out = cells.copy()
    for a, b in ((out[:, :-1], out[:, 1:]), (out[:-1], out[1:])):
        where = (a != b) & (a > 0) & ((b > 0) | any_change)
        if both or not right:
            a[where] = 0
        if both or right:
            b[where] = 0
    return out


def from_the_end(cells):
    out = cells.copy()
    for turned in (out.T, out):
        for i in reversed(range(len(turned) - 1)):
            a, b = turned[i], turned[i + 1]
            a[(a != b) & (a > 0) & (b > 0)] = 0
    return out


def old_cells(cells):
    out = cells.copy()
    touch = (cells[:, :-1] != cells[:, 1:]) & (cells[:, :-1] > 0) & (cells[:, 1:] > 0)
    out[:, :-1][touch] = 0
    touch = (cells[:-1] != cells[1:]) & (cells[:-1] > 0) & (cells[1:] > 0)
    out[:-1][touch] = 0
    return out


def columns_only(cells):
    out = cells.copy()
    out[:, :-1][(out[:, :-1] != out[:, 1:]) & (out[:, :-1] > 0) & (out[:, 1:] > 0)] = 0
    return out


def eroded(cells):
    return cells * ndimage.binary_erosion(cells > 0)


def in_place(cells):
    cells[...] = separation_borders(cells)
    return cells


def two_distances(cells, measure=lambda cells, k: ndimage.distance_transform_edt(cells != k)):
    far = np.sort([measure(cells, k) for k in np.unique(cells[cells > 0])], axis=0)
    return far[0], far[1]


def without_gaps(cells):
    far = np.sort([ndimage.distance_transform_edt(cells != k) for k in (1, 2)], axis=0)
    return far[0], far[1]


def weight_map(cells, w0, sigma, two=2, square=True, balance=True, background_only=True):
    d1, d2 = two_distances(cells)
    border = w0 * np.exp(-((d1 + d2) ** 2) / (two * (sigma**2 if square else sigma)))
    inside = cells > 0
    share = inside.mean() if balance else 0.5
    w = np.where(inside, 0.5 / share, 0.5 / (1 - share))
    return w + np.where(inside, 0, border) if background_only else w + border


def nearest_twice(cells, w0, sigma):
    d1, _ = two_distances(cells)
    border = w0 * np.exp(-((2 * d1) ** 2) / (2 * sigma**2))
    return weight_map(cells, 0, sigma) + np.where(cells > 0, 0, border)


def dice(p, g, w, s):
    return (2 * (w * p * g).sum() + s) / ((w * (p * p + g * g)).sum() + s)


def dice_gradient(p, g, w, s):
    return 2 * w * (g - p * dice(p, g, w, s)) / ((w * (p * p + g * g)).sum() + s)


RIGHT = {
    "merged_cells": merged_cells,
    "separation_borders": separation_borders,
    "two_distances": two_distances,
    "weight_map": weight_map,
    "dice": dice,
    "dice_gradient": dice_gradient,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "merged_cells": [
        (lambda f, t: merged_cells(f, t, background=True), "leave out number 0"),
        (lambda f, t: merged_cells(f, t, least=0), "only touches a second one"),
        (half_is_enough, "exactly half"),
        (lambda f, t: merged_cells(f, t, by=0), "count the true cells in them"),
        (lambda f, t: merged_cells(f, t) // 2, "count the true cells in them"),
        (lambda f, t: merged_cells(f, t) + 1, ""),
    ],
    "separation_borders": [
        (columns_only, "compare rows, too"),
        (lambda c: columns_only(c.T).T, "compare columns, too"),
        (lambda c: separation_borders(c, both=True), "both pixels"),
        (lambda c: separation_borders(c, right=True), "the left or upper one"),
        (lambda c: separation_borders(c, any_change=True), "beside the background"),
        (old_cells, "what the first pass left"),
        (from_the_end, "one after another"),
        (lambda c: separation_borders(c.T).T, "columns come first"),
        (lambda c: separation_borders(c) > 0, "keep the cells' numbers"),
        (in_place, "an argument was overwritten"),
        (eroded, "zero everywhere"),
    ],
    "two_distances": [
        (lambda c: (two_distances(c)[0],) * 2, "both are the distance to the nearest cell"),
        (lambda c: two_distances(c)[::-1], "exchanged"),
        (
            lambda c: two_distances(c, lambda c, k: ndimage.distance_transform_edt(c == k)),
            "has to be False",
        ),
        (
            lambda c: two_distances(c, lambda c, k: ndimage.distance_transform_edt(c != k) ** 2),
            "squared distances",
        ),
        (without_gaps, ""),
        (lambda c: two_distances(c)[0], "should return d1, d2"),
    ],
    "weight_map": [
        (lambda *a: weight_map(*a, balance=False), "the class balance is forgotten"),
        (nearest_twice, "beside lonely cells"),
        (lambda *a: weight_map(*a, two=1), "the 2 before sigma^2"),
        (lambda *a: weight_map(*a, square=False), "sigma is not squared"),
        (lambda *a: weight_map(*a, background_only=False), "the background only"),
        (lambda c, w0, sigma: weight_map(c, 0, sigma), "w0"),
        (lambda c, w0, sigma: weight_map(c, w0, sigma).T, "another order"),
    ],
    "dice": [
        (lambda p, g, w, s: 1 - dice(p, g, w, s), "1 - D is the loss"),
        (lambda p, g, w, s: dice(p, g, 1 + 0 * w, s), "the weights are missing"),
        (lambda p, g, w, s: dice(p, g, w, 0), "s is missing"),
        (
            lambda p, g, w, s: (2 * (w * p * g).sum() + s) / ((w * (p + g)).sum() + s),
            "p is not squared",
        ),
        (
            lambda p, g, w, s: np.mean([dice(*i, s) for i in zip(p, g, w, strict=True)]),
            "for each image",
        ),
        (lambda p, g, w, s: dice(p, g, w, s) ** 2, ""),
    ],
    "dice_gradient": [
        (lambda *a: -dice_gradient(*a), "the sign"),
        (lambda p, g, w, s: 2 * w * g / ((w * (p * p + g)).sum() + s), "for a constant"),
        (lambda p, g, w, s: dice_gradient(p, g, w, s) / w, "the weight of the pixel"),
        (lambda *a: dice_gradient(*a) / 2, "0.5"),
        (lambda *a: dice_gradient(*a).sum(), "summed over the pixels"),
        (lambda p, g, w, s: w * (g - p), ""),
    ],
}


def test_the_gradient_is_the_slope_of_dice():
    for p, g, w, s in list(dice_checks._dice_cases(Trial(None)))[:-1]:
        measured = slopes(lambda p, g=g, w=w, s=s: np.asarray(dice(p, g, w, s)), p)
        np.testing.assert_allclose(
            dice_checks._slope(p, g, w, s) * measured.dy, measured.whole[0], rtol=1e-7, atol=1e-9
        )


def test_the_map_beside_the_packages_on_cells():
    cells = tu.separate(tu.data.synthetic_cells(1, size=64, seed=0).instances[0])
    np.testing.assert_allclose(weight_map(cells, 10, 5), tu.weight_map(cells), rtol=1e-5)


def test_an_infinite_distance_is_met_kindly():
    def one_cell(cells):
        d1 = ndimage.distance_transform_edt(cells == 0)
        return d1, np.full(d1.shape, np.inf)

    assert "d2: is not finite" in str(check.two_distances(one_cell)).replace("\n", " ")
