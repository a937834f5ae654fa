"""Lesson 10: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

from tinyunet.exercises import check


def walk(side, depth, lost=4, bottom=4, careful=True):
    for _ in range(depth):
        side -= lost
        if careful and (side % 2 or side <= 0):
            return None
        side //= 2
    side -= bottom
    for _ in range(depth):
        if careful and side <= 0:
            return None
        side = 2 * side - lost
    return side if side > 0 or not careful else None


def mirror(image, above, below, left, right):
    return np.pad(image, ((above, below), (left, right)), mode="reflect")


def padded(mode):
    return lambda image, a, b, c, d: np.pad(image, ((a, b), (c, d)), mode=mode)


def tile_starts(side, gives, depth):
    return list(range(0, side, gives // 2**depth * 2**depth))


def overlap_tile(network, image, reads, gives, depth, pad=mirror, shift=0, starts=tile_starts):
    margin = (reads - gives) // 2
    tops, lefts = (starts(side, gives, depth) for side in image.shape)
    below, right = (
        last + reads - margin - side
        for last, side in zip((tops[-1], lefts[-1]), image.shape, strict=True)
    )
    big = pad(image, margin, max(below, 0), margin, max(right, 0))
    y = np.zeros_like(image)
    for top in tops:
        for left in lefts:
            row, column = max(top - shift, 0), max(left - shift, 0)
            part = network(big[row : row + reads, column : column + reads])
            place = y[top : top + gives, left : left + gives]
            place[...] = part[: place.shape[0], : place.shape[1]]
    return y


def whole_tiles_only(side, gives, depth):
    return [start for start in tile_starts(side, gives, depth) if start + gives <= side]


def moved_back(side, gives, depth):
    return [min(start, max(side - gives, 0)) for start in tile_starts(side, gives, depth)]


def not_cut(network, image, reads, gives, depth):
    y = np.zeros_like(image)
    margin = (reads - gives) // 2
    big = np.pad(image, ((margin, reads), (margin, reads)), mode="reflect")
    for top in tile_starts(len(image), gives, depth):
        for left in tile_starts(image.shape[1], gives, depth):
            part = network(big[top : top + reads, left : left + reads])
            y[top : top + gives, left : left + gives] = part
    return y


RIGHT = {
    "output_side": walk,
    "mirror": mirror,
    "tile_starts": tile_starts,
    "overlap_tile": overlap_tile,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "output_side": [
        (lambda side, depth: walk(side, depth, lost=2, bottom=2, careful=False), "yours takes 2"),
        (lambda side, depth: walk(side, depth, bottom=0, careful=False), "the bottom's"),
        (lambda side, depth: side, "same padding"),
        (lambda side, depth: side - 184, "what is lost depends on the depth"),
        (lambda side, depth: walk(side, depth, careful=False), "nobody noticed"),
        (lambda side, depth: walk(side - side % 2, depth), "nobody noticed"),
        (lambda side, depth: side // 2, ""),
    ],
    "mirror": [
        (padded("symmetric"), "comes once"),
        (padded("constant"), "zeros"),
        (padded("edge"), "smeared"),
        (lambda image, a, b, c, d: mirror(image, b, a, d, c), "exchanged"),
        (lambda image, a, b, c, d: mirror(image, a, b, c, d)[::-1], "reversed along height"),
    ],
    "tile_starts": [
        (lambda side, gives, depth: list(range(0, side, gives)), "has to be a multiple"),
        (whole_tiles_only, "the last tile is missing"),
        (moved_back, "there it is not aligned"),
        (lambda side, gives, depth: list(range(0, side, 2**depth)), "far more tiles"),
        (
            lambda side, gives, depth: list(range(1, side, gives // 2**depth * 2**depth)),
            "same number",
        ),
    ],
    "overlap_tile": [
        (lambda *a: overlap_tile(*a, pad=padded("constant")), "zeros around the image"),
        (lambda *a: overlap_tile(*a, pad=padded("symmetric")), "mirror without it"),
        (lambda *a: overlap_tile(*a, shift=2), "one margin too early"),
        (lambda *a: overlap_tile(*a, starts=whole_tiles_only), "are left out"),
        (not_cut, ""),
        (lambda network, image, *a: image * 2, ""),
    ],
}


def test_a_part_that_does_not_fit_is_an_error_with_its_line():
    assert "could not broadcast" in str(check.overlap_tile(not_cut))
