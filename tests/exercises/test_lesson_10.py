"""Lesson 10: right answers, and the usual wrong ones; test_all.py tries them.

There is more than one right answer here. What passes has to work in the rest of the lesson as well.
"""

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


def overlap_tile(
    network, image, reads, gives, depth, pad=mirror, shift=0, starts=tile_starts, before=None
):
    margin = (reads - gives) // 2 if before is None else before(reads, gives, depth)
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


def off_by_the_margin(network, image, reads, gives, depth):
    """Mirrored as it should be; but windows begin at the tile, not a margin before."""
    m, y = (reads - gives) // 2, np.zeros_like(image)
    tops, lefts = (tile_starts(side, gives, depth) for side in image.shape)
    below, right = (
        last[-1] + reads - m - n for last, n in zip((tops, lefts), image.shape, strict=True)
    )
    big = mirror(image, m, max(below, 0), m, max(right, 0))
    for top in tops:
        for left in lefts:
            part = network(big[top + m : top + m + reads, left + m : left + m + reads])
            y[top : top + gives, left : left + gives] = part[: len(y) - top, : y.shape[1] - left]
    return y


def same_after_as_before(network, image, reads, gives, depth):
    """Right where reads - gives is even: it mirrors as far behind the last tile as before the first."""
    tops, lefts = (tile_starts(side, gives, depth) for side in image.shape)
    m = (reads - gives) // 2
    below, right = m + tops[-1] + gives - len(image), m + lefts[-1] + gives - image.shape[1]
    big = mirror(image, m, max(below, 0), m, max(right, 0))
    y = np.zeros_like(image)
    for top in tops:
        for left in lefts:
            place = y[top : top + gives, left : left + gives]
            part = network(big[top : top + reads, left : left + reads])
            place[...] = part[: place.shape[0], : place.shape[1]]
    return y


def in_float64(image, above, below, left, right):
    return np.pad(image, ((above, below), (left, right)), mode="reflect").astype(float)


RIGHT = {
    "output_side": walk,
    "mirror": mirror,
    "tile_starts": tile_starts,
    "overlap_tile": overlap_tile,
}


def side_by_formula(side, depth):
    """Solve in = 2^d (b + 4) + 4 (2^d - 1) for b."""
    scale = 2**depth
    bottom, rest = divmod(side - 4 * (scale - 1), scale)
    out = scale * (bottom - 4) - 4 * (scale - 1)
    return np.int64(out) if rest == 0 and out > 0 else None


def side_in_float(side, depth):
    """Halves are kept as they are, and looked at in the end."""
    for _ in range(depth):
        side = (side - 4) / 2
        if side != int(side):
            return None
    side -= 4
    for _ in range(depth):
        side = side * 2 - 4
    return side if side > 0 else None


def mirror_by_places(image, above, below, left, right):
    rows, columns = (
        np.abs(np.arange(-before, n + after))
        for n, before, after in zip(image.shape, (above, left), (below, right), strict=True)
    )
    rows, columns = (
        np.where(places < n, places, 2 * (n - 1) - places)
        for places, n in zip((rows, columns), image.shape, strict=True)
    )
    return image[rows][:, columns]


def mirror_by_joining(image, above, below, left, right):
    for before, after in ((above, below), (left, right)):
        end = image[::-1][1 : after + 1]
        image = np.concatenate([image[1 : before + 1][::-1], image, end]).T
    return image


def tiles_into_a_larger_array(network, image, reads, gives, depth):
    """Every tile is written whole; the rest is cut off in the end."""
    tops, lefts = (tile_starts(side, gives, depth) for side in image.shape)
    m = (reads - gives) // 2
    big = np.pad(image, ((m, reads), (m, reads)), mode="reflect")
    y = np.zeros((tops[-1] + gives, lefts[-1] + gives))
    for top in tops:
        for left in lefts:
            window = big[top : top + reads, left : left + reads]
            y[top : top + gives, left : left + gives] = network(np.ascontiguousarray(window))
    return y[: len(image), : image.shape[1]]


def tiles_from_the_last(network, image, reads, gives, depth):
    """In another order, so that the first of two overlapping tiles stays."""
    y = overlap_tile(network, image, reads, gives, depth)
    back = overlap_tile(
        network, image, reads, gives, depth, starts=lambda *a: np.array(tile_starts(*a))
    )
    return np.where(np.indices(y.shape).sum(axis=0) % 2, y, back)


ALSO_RIGHT = {
    "output_side": [side_by_formula, side_in_float],
    "mirror": [mirror_by_places, mirror_by_joining],
    "tile_starts": [
        lambda side, gives, depth: np.arange(0, side, gives - gives % 2**depth),
        lambda side, gives, depth: tuple(
            start for start in range(side) if start % (gives >> depth << depth) == 0
        ),
    ],
    "overlap_tile": [tiles_into_a_larger_array, tiles_from_the_last],
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
        (lambda side, depth: walk(side, depth) or 0, "None is wanted"),
        (lambda side, depth: 0, "a size that fits was refused"),
        (lambda side, depth: side // 2, ""),
    ],
    "mirror": [
        (padded("symmetric"), "comes once"),
        (padded("constant"), "zeros"),
        (padded("edge"), "smeared"),
        (lambda image, a, b, c, d: mirror(image, b, a, d, c), "exchanged"),
        (lambda image, a, b, c, d: mirror(image, a, b, c, d)[::-1], "reversed along height"),
        (in_float64, "a new array without a dtype is float64"),
    ],
    "tile_starts": [
        (lambda side, gives, depth: list(range(0, side, gives)), "has to be a multiple"),
        (whole_tiles_only, "the last tile is missing"),
        (moved_back, "there it is not aligned"),
        (lambda side, gives, depth: list(range(0, side, 2**depth)), "far more tiles"),
        (
            lambda side, gives, depth: list(range(1, side, gives // 2**depth * 2**depth)),
            "no tile gives the pixels before 1",
        ),
        (lambda *a: [-(2 ** a[2]), *tile_starts(*a)], "begins with the image"),
        (lambda *a: [*tile_starts(*a), a[0] + -a[0] % 2 ** a[2]], "lies outside of the image"),
        (lambda *a: np.array(tile_starts(*a), float), "used as indices"),
        (lambda *a: tile_starts(*a)[::-1], ""),
        (lambda *a: sorted(tile_starts(*a) * 2), "largest stride that is allowed is 4"),
        (lambda *a: len(tile_starts(*a)), "starts of all tiles"),
        (lambda *a: iter(tile_starts(*a)), ""),
        (lambda side, gives, depth: list(range(0, side, 2 ** (depth + 1))), "is 384"),
    ],
    "overlap_tile": [
        (
            lambda net, image, *sizes: overlap_tile(
                net, image, *sizes, starts=lambda side, *a: tile_starts(image.shape[1], *a)
            ),
            "entries that are zero",
        ),
        (lambda *a: overlap_tile(*a, pad=padded("constant")), "zeros around the image"),
        (lambda *a: overlap_tile(*a, pad=padded("symmetric")), "mirror without it"),
        (lambda *a: overlap_tile(*a, shift=2), "one margin too early"),
        (lambda *a: overlap_tile(*a, starts=whole_tiles_only), "are left out"),
        (
            lambda *a: overlap_tile(*a, starts=lambda side, gives, _: range(0, side, gives)),
            "aligned",
        ),
        (
            lambda *a: overlap_tile(*a, starts=lambda *b: tile_starts(*b[:2], depth=1)),
            "not aligned",
        ),
        (same_after_as_before, "one pixel farther after its tile"),
        (
            lambda *a: overlap_tile(*a, before=lambda reads, gives, _: (reads - gives + 1) // 2),
            "the smaller half is before",
        ),
        (lambda *a: overlap_tile(*a, pad=in_float64), "the dtype of the image"),
        (lambda network, image, *a: network(image), "`reads` pixels high and wide"),
        (lambda network, image, reads, *a: network(image[-2:10, -2:10]), "begins before"),
        (lambda *a: overlap_tile(*a, before=lambda *sizes: 6 * 2 ** sizes[-1] - 4), ""),
        (not_cut, "less of it fits"),
        (off_by_the_margin, "begins with the image itself"),
        (lambda network, image, *a: image * 2, ""),
    ],
}


def test_a_part_that_does_not_fit_is_an_error_with_its_line():
    assert "could not broadcast" in str(check.overlap_tile(not_cut))


def no_more_than_needed(side, gives, depth):
    """Stop when the last pixel has its tile."""
    starts = [0]
    while starts[-1] + gives < side:
        starts.append(starts[-1] + gives // 2**depth * 2**depth)
    return starts


def back_to_the_grid(side, gives, depth):
    """Move the last tile back, but only as far as the poolings allow."""
    step = 2**depth
    last = max(-(-(side - gives) // step) * step, 0)
    return np.minimum(tile_starts(side, gives, depth), last)


def evenly(side, gives, depth):
    """Spread as many tiles as are needed: all overlap by about the same."""
    count, step = len(no_more_than_needed(side, gives, depth)), 2**depth
    last = max(-(-(side - gives) // step), 0)
    return tuple(i * last // max(count - 1, 1) * step for i in range(count))


STARTS = [
    no_more_than_needed,
    back_to_the_grid,
    evenly,
    lambda *a: range(0, a[0], a[1] >> a[2] << a[2]),
]


def test_tiles_may_start_elsewhere_if_they_are_aligned_and_no_pixel_is_missing():
    for starts in STARTS:
        assert check.tile_starts(starts, strict=True).passed
        assert check.tile_starts(starts, strict=True, seed=7).passed
        assert check.overlap_tile(
            lambda *a, s=starts: overlap_tile(*a, starts=s), strict=True
        ).passed
    assert no_more_than_needed(100, 20, 3) == [0, 16, 32, 48, 64, 80]
    assert tile_starts(100, 20, 3)[-1] == 96


def test_what_a_check_of_starts_says_is_true():
    text = str(check.tile_starts(whole_tiles_only))
    assert "side = 12, gives = 5, depth = 1" in text
    assert "no tile gives the pixels from 9 to 11 of 12" in text
    text = str(check.tile_starts(lambda *a: tile_starts(*a)[::-1]))
    assert "4 comes after 8" in text
    text = str(check.tile_starts(lambda *a: list(range(0, a[0], a[1] + -a[1] % 2 ** a[2]))))
    assert "no tile gives the pixels from 5 to 5 of 12" in text
    assert "rounded up" in text
    text = str(check.tile_starts(lambda side, gives, depth: list(range(0, side, 2))))
    assert "are 6, where 3 are enough" in text


def test_a_result_in_another_float_is_right_too():
    for dtype in ("float32", "float64"):
        answer = lambda *a, d=dtype: overlap_tile(*a).astype(d)  # noqa: E731
        assert check.overlap_tile(answer, strict=True).passed
