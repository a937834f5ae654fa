"""Lesson 10: the overlap-tile strategy."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.lesson_10.starts import aligned
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import SINGLE, Stop, Trial


class Network:
    """Stands in for a network that takes windows of one size and dtype, and knows their grid."""

    def __init__(self, reads: int, gives: int, depth: int, dtype: np.dtype) -> None:
        self.reads, self.gives, self.step, self.dtype = reads, gives, 2**depth, dtype
        self.refused: tuple[int, ...] | None = None  # the shape of a window that it did not take
        self.first: np.ndarray | None = None  # the first window

    def __call__(self, window: np.ndarray) -> np.ndarray:
        """Return the tile (gives, gives) of a window (reads, reads)."""
        self.first = window.copy() if self.first is None else self.first
        if window.shape != (self.reads, self.reads):
            self.refused = window.shape
            size = " x ".join(map(str, window.shape))
            raise ValueError(f"the network takes {self.reads} x {self.reads} pixels, got {size}")
        if window.dtype != self.dtype:
            raise TypeError(f"the network works in {self.dtype}, got a window in {window.dtype}")
        before = (self.reads - self.gives) // 2
        sees = min(before, 2)  # pixels on each side of one: less than it may, for speed
        first, places = before - sees, range(2 * sees + 1)
        y = sum(
            (1 + p + 2 * q)
            * window[first + p : first + p + self.gives, first + q : first + q + self.gives]
            for p in places
            for q in places
        )
        if self.step > 1:  # as poolings do, it treats the pixels of a grid differently
            y[:: self.step, 1 :: self.step] *= 2
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
    for shape, reads, gives, depth, dtype in (
        ((14, 14), 12, 8, 1, "float64"), ((20, 17), 12, 8, 2, "float64"),
        ((19, 26), 14, 10, 2, "float64"), ((13, 12), 20, 16, 1, "float64"),
        ((16, 18), 12, 8, 2, "float32"), ((13, 18), 8, 8, 2, "float64"),
        ((27, 13), 12, 8, 1, "float64"),
        ((16, 19), 12, 7, 1, "float64"), ((15, 17), 12, 7, 0, "float64"),
    ):  # fmt: skip
        image = rng.standard_normal(shape).astype(dtype)
        network = Network(reads, gives, depth, image.dtype)
        try:
            got = trial.call(network=network, image=image, reads=reads, gives=gives, depth=depth)
        except Stop:
            if "the network " in (finding := trial.findings()[0]).text:
                finding.cause = _refused(network, image)
            elif "broadcast" in finding.text and network.refused is None:
                finding.cause = (
                    "where a tile stands out of the image, less of it fits: cut what the network "
                    "gives, or write into a larger array and cut that in the end"
                )
            raise
        right = _overlap_tile(network, image, reads, gives, depth)
        if isinstance(got, np.ndarray) and got.dtype.kind == "f":
            right = right.astype(got.dtype)  # y may have another: no network reads it
        trial.compare(
            got, {"the result": right}, axes={"the result": ("height", "width")},
            mistakes=TILE_MISTAKES, tolerance=SINGLE,
        )  # fmt: skip


def _refused(network: Network, image: np.ndarray) -> str:
    """Say why the network did not take a window."""
    shape, reads = network.refused, network.reads
    margin = (reads - network.gives) // 2
    corner = network.first[: reads - margin, : reads - margin]
    begins = np.array_equal(corner, image[: len(corner), : len(corner)])
    if margin and begins and shape != network.first.shape == (reads, reads):
        return (
            "the first window begins with the image itself, one margin too late: a tile from `top` on "
            "reads from `top` on in the mirrored image, which begins a margin earlier"
        )
    if shape is None:
        return "a new array without a dtype is float64: give it the dtype of the image"
    if 0 in shape:
        return "a window begins before the mirrored image does: padding moved the image already"
    if len(shape) != 2 or max(shape) > reads:
        return "a window is `reads` pixels high and wide, no matter where it lies"
    if (reads - network.gives) % 2 and min(shape) == reads - 1:
        return (
            "where reads - gives is odd, a window reaches one pixel farther after its tile than "
            "before it: mirror up to last + reads"
        )
    return (
        "a window runs over the end of the mirrored image, which has to reach last + reads, with "
        "the last tile's start"
    )


def _overlap_tile(network, image, reads, gives, depth, mode="reflect", read_shift=0, margin=None,
                  left_out=None, swap=False, stride=aligned):  # fmt: skip
    """The right way, and with something changed, a wrong one."""
    margin = (reads - gives) // 2 if margin is None else margin
    starts = [list(range(0, side, stride(gives, depth))) for side in image.shape]
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
    "where reads - gives is odd, the smaller half is before the tile: margin = (reads - gives) // 2": (
        lambda *a: _overlap_tile(*a, margin=(a[2] - a[3] + 1) // 2)
    ),
    "the tiles follow each other by all that they give, where they are not aligned: use tile_starts": (
        lambda *a: _overlap_tile(*a, stride=lambda gives, depth: gives)
    ),
    "rows and columns of a window are exchanged": lambda *a: _overlap_tile(*a, swap=True),
}
