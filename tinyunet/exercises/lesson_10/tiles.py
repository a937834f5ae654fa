"""Lesson 10: where tiles lie, and the overlap-tile strategy."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

# ---------------------------------------------------------------------- tiles


@exercise(
    lesson=10,
    hints=(
        "How far may a tile be moved so that all pixels meet the poolings as before? A multiple of "
        "which number is that, with `depth` poolings of 2?",
        "The stride is the largest multiple of 2 ** depth that is not above `gives`. Tiles start at "
        "0, one stride, two strides, ... as long as the start is inside the image.",
        "stride = gives // 2**depth * 2**depth, and list(range(0, side, stride)).",
    ),
)
def tile_starts(trial: Trial) -> None:
    """Where tiles start along one side of the image."""
    for side, gives, depth in (
        (12, 4, 1), (12, 5, 1), (24, 10, 2), (25, 8, 2), (100, 20, 3), (1000, 388, 4), (7, 12, 2),
        (16, 16, 4), *trial.drawn((5, 200), (16, 60), (1, 5)),
    ):  # fmt: skip
        got = trial.call(side=side, gives=gives, depth=depth)
        step = gives // 2**depth * 2**depth
        trial.compare(
            got, {"the starts": np.arange(0, side, step)}, axes={"the starts": ("tile",)},
            mistakes=START_MISTAKES,
        )  # fmt: skip


def _starts(step, end=lambda side, gives: side):
    return lambda side, gives, depth: np.arange(0, end(side, gives), step(gives, depth))


def _aligned(gives, depth):
    return gives // 2**depth * 2**depth


START_MISTAKES = {
    "the stride is all that a tile gives: it has to be a multiple of 2 ** depth": (
        _starts(lambda gives, depth: gives)
    ),
    "the stride is a multiple of 2 * depth: every pooling doubles it, so 2 ** depth": (
        _starts(lambda gives, depth: max(gives // (2 * depth), 1) * 2 * depth)
    ),
    "the stride is rounded up: between the tiles, pixels would be left out": (
        _starts(lambda gives, depth: -(-gives // 2**depth) * 2**depth)
    ),
    "the stride is 2 ** depth itself: right, but far more tiles than needed": (
        _starts(lambda gives, depth: 2**depth)
    ),
    "the last tile is missing: it may stand out of the image": (
        _starts(_aligned, lambda side, gives: side - gives + 1)
    ),
    "the last tile lies outside of the image": (
        lambda side, gives, depth: np.arange(
            0, side + _aligned(gives, depth), _aligned(gives, depth)
        )
    ),
    "the last tile was moved back to end with the image: there it is not aligned": (
        lambda side, gives, depth: np.minimum(
            np.arange(0, side, _aligned(gives, depth)), max(side - gives, 0)
        )
    ),
    "the number of tiles, where their starts are wanted": (
        lambda side, gives, depth: len(range(0, side, _aligned(gives, depth)))
    ),
}


# ---------------------------------------------------------------------- the overlap-tile


def blur(window: np.ndarray) -> np.ndarray:
    """Stand in for a valid network of depth 1 that takes sides 8, 10, ... and gives 4 less."""
    h, w = window.shape
    if h < 8 or w < 8 or h % 2 or w % 2:
        raise ValueError(f"the network takes even sides of 8 or more, got {h} x {w}")
    y = sum(
        (1 + p + 2 * q) * window[p : h - 4 + p, q : w - 4 + q] for p in range(5) for q in range(5)
    )
    y[::2, 1::2] *= 2  # as a pooling does, it treats even and odd pixels differently
    return y


@exercise(
    lesson=10,
    hints=(
        "First mirror the image, by enough pixels that every tile finds its context. Then each tile "
        "reads a window and writes its result to its place.",
        "Context is margin = (reads - gives) // 2 pixels on each side. After the last start, `last`, "
        "the padded image has to reach last + reads. In the padded image, the tile that gives pixels "
        "from `top` on reads from `top` on: margin cancels.",
        "padded = mirror(image, margin, last + reads - margin - H, margin, ...). For each top, left: "
        "part = network(padded[top : top + reads, left : left + reads]); y[top : top + gives, left : "
        "left + gives] = part, with part cut where y ends.",
    ),
)
def overlap_tile(trial: Trial) -> None:
    """An image of any size, computed in tiles."""
    rng = trial.rng(2)
    for shape, reads in (((8, 8), 12), ((16, 12), 12), ((13, 18), 12), ((7, 21), 10)):
        image = rng.standard_normal(shape)
        gives = reads - 4
        got = trial.call(network=blur, image=image, reads=reads, gives=gives, depth=1)
        trial.compare(
            got, {"the result": _overlap_tile(blur, image, reads, gives, 1)},
            axes={"the result": ("height", "width")}, mistakes=TILE_MISTAKES,
        )  # fmt: skip


def _overlap_tile(network, image, reads, gives, depth, mode="reflect", read_shift=0, margin=None,
                  left_out=None, swap=False):  # fmt: skip
    """The right way, and with something changed, a wrong one."""
    stride = _aligned(gives, depth)
    margin = (reads - gives) // 2 if margin is None else margin
    starts = [list(range(0, side, stride)) for side in image.shape]
    borders = [
        (margin, s[-1] + reads - margin - n) for s, n in zip(starts, image.shape, strict=True)
    ]
    padded = np.pad(image, borders, mode=mode)
    y = np.zeros_like(image)
    for top in starts[0]:
        for left in starts[1]:
            if left_out is not None and left_out(top, left, image.shape, gives):
                continue
            row, column = max(top - read_shift, 0), max(left - read_shift, 0)
            window = padded[row : row + reads, column : column + reads]
            part = network(window.T).T if swap else network(window)
            place = y[top : top + gives, left : left + gives]
            place[...] = part[: place.shape[0], : place.shape[1]]
    return y


TILE_MISTAKES = {
    "zeros around the image, where it should be mirrored": (
        lambda *a: _overlap_tile(*a, mode="constant")
    ),
    "the border pixel is repeated: mirror without it": lambda *a: _overlap_tile(
        *a, mode="symmetric"
    ),
    "the border is smeared, not mirrored": lambda *a: _overlap_tile(*a, mode="edge"),
    "all is moved by the margin: a tile that gives pixels from `top` on reads from `top` on in the "
    "padded image": lambda *a: _overlap_tile(*a, margin=0),
    "the windows begin one margin too early: padding moved the image already": (
        lambda *a: _overlap_tile(*a, read_shift=(a[2] - a[3]) // 2)
    ),
    "the last tiles, which stand out of the image, are left out": (
        lambda *a: _overlap_tile(
            *a,
            left_out=lambda top, left, shape, gives: (
                top + gives > shape[0] or left + gives > shape[1]
            ),
        )
    ),
    "only the first tile was written": (
        lambda *a: _overlap_tile(*a, left_out=lambda top, left, *_: top > 0 or left > 0)
    ),
    "only the first column of tiles was written": (
        lambda *a: _overlap_tile(*a, left_out=lambda top, left, *_: left > 0)
    ),
    "only the first row of tiles was written": (
        lambda *a: _overlap_tile(*a, left_out=lambda top, left, *_: top > 0)
    ),
    "rows and columns of a window are exchanged": lambda *a: _overlap_tile(*a, swap=True),
}
