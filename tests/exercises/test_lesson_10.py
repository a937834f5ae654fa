"""Lesson 10: right answers, and the usual wrong ones; test_all.py tries them.

There is more than one right answer here. What passes has to work in the rest of the lesson as well.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

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
        (not_cut, ""),
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


# Of what the lesson's reference answers do not do: slices for np.pad, a last tile less, float64.
OTHERS = {
    "mirror": """
        def mirror(image, above, below, left, right):
            image = np.concatenate(
                [image[above:0:-1], image, image[-2 : -2 - below : -1]] if below
                else [image[above:0:-1], image]
            )
            return np.array([
                [*row[left:0:-1], *row, *(row[-2 : -2 - right : -1] if right else [])]
                for row in image
            ])
        """,
    "tile_starts": """
        def tile_starts(side, gives, depth):
            starts = np.array([0])
            while starts[-1] + gives < side:
                starts = np.append(starts, starts[-1] + gives // 2**depth * 2**depth)
            return starts
        """,
    "overlap_tile": """
        def overlap_tile(network, image, reads, gives, depth):
            (H, W), m = image.shape, (reads - gives) // 2
            tops, lefts = tile_starts(H, gives, depth), tile_starts(W, gives, depth)
            big = mirror(
                image, m, max(tops[-1] + reads - m - H, 0), m, max(lefts[-1] + reads - m - W, 0)
            )
            y = np.full((tops[-1] + gives, lefts[-1] + gives), np.nan)
            for top in tops:
                for left in lefts:
                    y[top : top + gives, left : left + gives] = network(
                        big[top : top + reads, left : left + reads]
                    )
            return y[:H, :W]
        """,
}


def test_with_other_right_answers_the_lesson_runs_to_its_end():
    pytest.importorskip("jupytext", reason="lessons are read with: pip install .[lessons]")
    root = Path(__file__).parents[2]
    code = """
        import matplotlib, sys
        matplotlib.use("agg")
        from lessons import notebooks
        from test_lesson_10 import OTHERS
        import textwrap
        (source,) = (s for s in notebooks.sources() if s.stem.startswith("10"))
        names = {}
        for cell in notebooks.read(source).cells:
            if cell.cell_type == "code":
                text = OTHERS.get(notebooks.exercise_of(cell), cell.source)
                exec(compile(textwrap.dedent(text), cell.id, "exec"), names)
        print("the end")
        """
    paths = [str(root), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False,
        env={**os.environ, "TINYUNET_LESSONS": "small", "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.stdout.endswith("the end\n"), done.stderr
