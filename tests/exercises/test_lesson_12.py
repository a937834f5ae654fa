"""The answers of lesson 12, right and wrong, for test_all.py; and its maps."""

import itertools

import numpy as np
from scipy import ndimage

import tinyunet as tu
from tinyunet.exercises import check


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


def given_to_the_largest(found, truth):
    held = {}
    for k in np.unique(truth[truth > 0]):
        numbers, counts = np.unique(found[truth == k], return_counts=True)
        if number := numbers[counts.argmax()]:
            held[number] = held.get(number, 0) + 1
    return sum(count for count in held.values() if count >= 2)


def all_distances(cells):
    numbers = np.unique(cells[cells > 0])
    return np.array([ndimage.distance_transform_edt(cells != k) for k in numbers])


def with_term(term):
    """A weight map with another border term."""

    def weights(cells, w0, sigma):
        d1, d2 = np.sort(all_distances(cells), axis=0)[:2]
        return weight_map(cells, 0, sigma) + np.where(cells > 0, 0, w0 * term(d1, d2, sigma))

    return weights


def border(cells, w0, sigma):
    return weight_map(cells, w0, sigma) - weight_map(cells, 0, sigma)


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


RIGHT = {
    "merged_cells": merged_cells,
    "separation_borders": separation_borders,
    "two_distances": two_distances,
    "weight_map": weight_map,
}


def merged_by_votes(found, truth):
    """The cell that holds a true one is the one most often found on it, if often enough."""
    holders = []
    for k in range(1, truth.max() + 1):
        votes = np.bincount(found[truth == k], minlength=1)
        votes[0] = 0
        if 2 * votes.max() > (truth == k).sum():
            holders.append(int(votes.argmax()))
    return float(sum(holders.count(h) > 1 for h in holders))


def merged_by_pairs(found, truth):
    true, held = [k for k in set(truth.ravel().tolist()) if k], []
    for n in set(found.ravel().tolist()) - {0}:
        held.append([k for k in true if np.mean(found[truth == k] == n) > 0.5])
    return np.int32(sum(len(cells) for cells in held if len(cells) >= 2))


def borders_by_loops(cells):
    out = [list(row) for row in cells]
    for row in out:
        for j in range(len(row) - 1):
            if row[j] != row[j + 1] and row[j] and row[j + 1]:
                row[j] = 0
    for upper, lower in itertools.pairwise(out):
        for j, (a, b) in enumerate(zip(upper, lower, strict=True)):
            upper[j] = 0 if a and b and a != b else a
    return np.array(out)


def borders_by_masks(cells):
    left = np.pad(cells, ((0, 0), (0, 1)))[:, 1:]
    out = np.where((cells > 0) & (left > 0) & (cells != left), 0, cells)
    below = np.pad(out, ((0, 1), (0, 0)))[1:]
    return (out * ~((out > 0) & (below > 0) & (out != below))).astype(float)


def both_in_one_array(cells):
    numbers = [k for k in range(1, cells.max() + 1) if (cells == k).any()]
    far = np.array([ndimage.distance_transform_edt(cells != k) for k in numbers], np.float32)
    return np.partition(far, 1, axis=0)[:2]


def distances_by_hand(cells):
    """The distance to every pixel of every cell, as a list of two arrays."""
    places = np.argwhere(np.ones_like(cells)).reshape(*cells.shape, 1, 2)
    far = []
    for k in np.unique(cells)[1:]:
        far.append(np.sqrt(((places - np.argwhere(cells == k)) ** 2).sum(axis=-1)).min(axis=-1))
    nearest = np.min(far, axis=0)
    others = np.sum(far, axis=0) if len(far) == 2 else None
    return [nearest, np.sort(far, axis=0)[1] if others is None else others - nearest]


def map_in_place(cells, w0, sigma):
    """In float32, filled class by class."""
    w = np.zeros(cells.shape, np.float32)
    background = cells == 0
    w[background] = cells.size / (2 * background.sum())
    w[~background] = cells.size / (2 * (cells.size - background.sum()))
    d1, d2 = two_distances(cells)
    w[background] += w0 * np.exp(-0.5 * ((d1 + d2)[background] / sigma) ** 2)
    return w


def map_by_pixels(cells, w0, sigma):
    d1, d2 = two_distances(cells)
    share = np.count_nonzero(cells) / cells.size
    rows = []
    for numbers, far in zip(cells, d1 + d2, strict=True):
        rows.append(
            [
                1 / (2 * share) if n else 1 / (2 - 2 * share) + w0 / np.exp(u * u / 2 / sigma**2)
                for n, u in zip(numbers, far, strict=True)
            ]
        )
    return np.array(rows)


ALSO_RIGHT = {
    "merged_cells": [merged_by_votes, merged_by_pairs],
    "separation_borders": [borders_by_loops, borders_by_masks],
    "two_distances": [both_in_one_array, distances_by_hand],
    "weight_map": [map_in_place, map_by_pixels],
}


def counts_up(cells, count=None):
    """The distances to cells 1, 2, ... up to the largest number, or to how many there are."""
    count = count or cells.max()
    far = [ndimage.distance_transform_edt(cells != k) for k in range(1, count + 1)]
    return tuple(np.sort(far, axis=0)[:2])


def eaten_at_the_left(cells):
    out = columns_only(cells[::-1].T).T[::-1]
    out[:, :-1][out[:, :-1] != out[:, 1:]] = 0
    return separation_borders(out)


def eaten_around(cells):
    keep = [ndimage.binary_erosion(cells == k, border_value=1) for k in np.unique(cells)[1:]]
    return cells * np.any(keep, axis=0)


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "merged_cells": [
        (lambda f, t: merged_cells(f, t, background=True), "leave out number 0"),
        (lambda f, t: merged_cells(f, t, least=0), "only touches a second one"),
        (half_is_enough, "exactly half"),
        (given_to_the_largest, "need not cover more than half"),
        (lambda f, t: merged_cells(f, t, least=0.999), "need not cover all"),
        (lambda f, t: merged_cells(f, t * (t < len(np.unique(t)))), "up to their count"),
        (lambda f, t: merged_cells(t, f), "nor an IoU"),
        (lambda f, t: merged_cells(f, t, by=0), "count the true cells in them"),
        (lambda f, t: merged_cells(f, t) // 2, "count the true cells in them"),
        (lambda f, t: merged_cells(f, t) + 1, "one too many"),
    ],
    "separation_borders": [
        (columns_only, "compare rows, too"),
        (lambda c: columns_only(c.T).T, "compare columns, too"),
        (lambda c: separation_borders(c, both=True), "both pixels"),
        (lambda c: separation_borders(c, right=True), "the left or upper one"),
        (lambda c: separation_borders(c, any_change=True), "beside the background"),
        (eaten_at_the_left, "give up contacts only"),
        (eaten_around, "give up contacts only"),
        (old_cells, "what the first pass left"),
        (from_the_end, "one after another"),
        (lambda c: separation_borders(c.T).T, "columns come first"),
        (lambda c: separation_borders(c).tolist(), "np.array makes one of it"),
        (lambda c: separation_borders(c) > 0, "keep the cells' numbers"),
        (in_place, "an argument was overwritten"),
        (eroded, "give up contacts only"),
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
        (counts_up, "numbers that no cell has"),
        (lambda c: counts_up(c, len(np.unique(c)) - 1), "up to their count"),
        (without_gaps, ""),
        (lambda c: tuple(all_distances(c)[:2]), "were not sorted"),
        (lambda c: tuple(np.sort(all_distances(c))[:2]), "the cells are axis 0"),
        (lambda c: tuple(np.argsort(all_distances(c), 0)[:2]), "np.argsort gives places"),
        (lambda c: (two_distances(c)[0], two_distances(c)[1] - two_distances(c)[0]), "how much"),
        (lambda c: tuple(np.sort(all_distances(c), 0)[-2:]), "the two largest"),
        (lambda c: tuple(np.sort(all_distances(c).ravel())[:2]), "of all pixels"),
        (lambda c: two_distances(c)[0], "belong behind the return"),
    ],
    "weight_map": [
        (lambda *a: weight_map(*a, balance=False), "the class balance is forgotten"),
        (nearest_twice, "beside lonely cells"),
        (lambda *a: weight_map(*a, two=1), "the 2 before sigma^2"),
        (lambda *a: weight_map(*a, square=False), "sigma is not squared"),
        (lambda *a: weight_map(*a, background_only=False), "the background only"),
        (with_term(lambda d1, d2, s: np.exp(-(d1 + d2) / 2 / s**2)), "is not squared"),
        (
            with_term(lambda d1, d2, s: np.exp(-((d1 + d2) ** 2) / 2 * s**2)),
            "missing, or next to nothing",
        ),
        (with_term(lambda d1, d2, s: np.exp(-(((d1 + d2) / 2 / s) ** 2))), "the 2 was squared"),
        (with_term(lambda d1, d2, s: np.exp(-(d2**2) / 2 / s**2)), "d1 is missing"),
        (with_term(lambda d1, d2, s: np.exp(-((d2 - d1) ** 2) / 2 / s**2)), "the difference"),
        (with_term(lambda d1, d2, s: np.exp(-((d2 * d1) ** 2) / 2 / s**2)), "the product"),
        (lambda c, w0, sigma: weight_map(c, 10, sigma), "need not be 10"),
        (lambda c, w0, sigma: weight_map(c, w0, 5), "need not be 5"),
        (lambda c, *a: np.where(c, weight_map(c, *a), border(c, *a)), "was replaced"),
        (
            lambda c, *a: np.where(c, 1, border(c, *a)) * weight_map(c, 0, 1),
            "was multiplied with w_c",
        ),
        (lambda c, w0, sigma: weight_map(c, 0, sigma), "missing, or next to nothing"),
        (lambda c, w0, sigma: weight_map(c, w0, sigma).T, "another order"),
    ],
}


def test_the_map_beside_the_packages_on_cells():
    cells = tu.separate(tu.data.synthetic_cells(1, size=64, seed=0).instances[0])
    np.testing.assert_allclose(weight_map(cells, 10, 5), tu.weight_map(cells), rtol=1e-5)


def test_an_infinite_distance_is_met_kindly():
    def one_cell(cells):
        d1 = ndimage.distance_transform_edt(cells == 0)
        return d1, np.full(d1.shape, np.inf)

    assert "d2: is not finite" in str(check.two_distances(one_cell)).replace("\n", " ")
