"""Where the pixels of a layer's output lie in the image, and so where maps must be cut to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """The places of a map's pixels in the image, along one side, and how much of it they see.

    Pixel i of the map has its middle at the image's coordinate pitch * i + start; of the image itself
    that is i. A window of k pixels that begins at pixel j - p has its middle at j - p + (k - 1) / 2,
    and the next one begins s pixels on, so a convolution or a pooling (kernel k, stride s, padding p)
    makes of it

        start + pitch * ((k - 1) / 2 - p)        pitch * s

    A transposed convolution is the same the other way round: the map that it makes is the one of which
    such windows would make the map that it reads:

        pitch / s        start - (pitch / s) * ((k - 1) / 2 - p)

    Either way a pixel's window, or the kernels that lie over it, end (k - 1) / 2 pixels from it: of the
    map that is read, or that is made.

    Attributes
    ----------
    pitch, start
        In pixels of the image.
    radius
        How far from its place the image counts for a pixel of the map, at most.
    """

    pitch: float = 1.0
    start: float = 0.0
    radius: float = 0.0

    def windows(self, kernel: int, stride: int = 1, padding: int = 0) -> Grid:
        """The grid that a convolution or a pooling makes of this one."""
        half = self.pitch * (kernel - 1) / 2
        start = self.start + half - self.pitch * padding
        return Grid(self.pitch * stride, start, self.radius + half)

    def spread(self, kernel: int, stride: int, padding: int = 0) -> Grid:
        """The grid that a transposed convolution makes of this one."""
        pitch = self.pitch / stride
        half = pitch * (kernel - 1) / 2
        return Grid(pitch, self.start - half + pitch * padding, self.radius + half)


IMAGE = Grid()


def offset(inner: Grid, outer: Grid) -> int:
    """At which pixel of the `outer` map the `inner` one begins; negative if it begins before.

    With a common pitch that is (inner.start - outer.start) / pitch.

    Raises
    ------
    ValueError
        If the pixels of the two do not fall on each other.
    """
    between = (inner.start - outer.start) / outer.pitch
    if inner.pitch != outer.pitch or between != int(between):
        raise ValueError(
            f"maps whose pixels lie at {inner.pitch:g} i {inner.start:+g} and {outer.pitch:g} i "
            f"{outer.start:+g} cannot be cut to fit: take odd kernels"
        )
    return int(between)


# ---------------------------------------------------------------------- of an FCN


def skips(stride: int, levels: int) -> list[int]:
    """Return which poolings' features get scores of their own, counted from 0, the coarsest first."""
    power = int(stride).bit_length() - 1
    if stride != 2**power or not 1 <= power <= levels:
        raise ValueError(
            f"stride must be a power of 2, from 2 to the {2**levels} of {levels} poolings, got {stride}"
        )
    return list(range(levels - 2, power - 2, -1))


def grids(
    convolutions: Sequence[int], kernels: Sequence[int], padding: int | str, stride: int
) -> tuple[list[Grid], list[Grid], Grid]:
    """Return the grids of an FCN's pooled features, of its enlarged scores, and of its last map.

    Parameters
    ----------
    convolutions
        How many 3x3 convolutions each block has.
    kernels
        Of the layers between the last pooling and the scores.
    padding
        Of the first convolution, or ``"same"``, and then of those layers, too.
    stride
        From score to score before the last enlargement.
    """
    same, grid, pooled, enlarged = padding == "same", IMAGE, [], []
    for level, count in enumerate(convolutions):
        for i in range(count):
            first = level == i == 0 and not same
            grid = grid.windows(3, padding=int(padding) if first else 1)
        grid = grid.windows(2, 2)
        pooled.append(grid)
    for kernel in kernels:
        grid = grid.windows(kernel, padding=kernel // 2 if same else 0)
    for level in skips(stride, len(pooled)):
        up = grid.spread(4, 2)
        enlarged.append(up)
        # The sum covers what both cover, so it begins with the one that begins later.
        start = max(up.start, pooled[level].start)
        grid = Grid(up.pitch, start, max(up.radius, pooled[level].radius))
    return pooled, enlarged, grid.spread(2 * stride, stride)


def crops(
    convolutions: Sequence[int], kernels: Sequence[int], padding: int | str, stride: int
) -> list[int]:
    """Return where an FCN's maps are cut, in the order of its forward pass: rows, and columns alike.

    For each sum, where the enlarged scores begin in the pooled map (negative: where that begins in
    them), and at last, where the image begins in the logits. For the authors' network these are the
    numbers in their files: 19 with stride 32; 5, 27 with 16; 5, 9, 31 with 8. Parameters as of `grids`.

    Raises
    ------
    ValueError
        If the maps can't be cut to fit, or with less padding than the logits need to cover the image.
    """
    pooled, enlarged, last = grids(convolutions, kernels, padding, stride)
    levels = skips(stride, len(pooled))
    found = [offset(up, pooled[level]) for up, level in zip(enlarged, levels, strict=True)]
    border = offset(IMAGE, last)
    if border < 0:
        least = int(padding) - border
        raise ValueError(
            f"with a padding of {padding} the logits do not cover the image: with stride {stride} it "
            f'must be {least} or more, or "same"'
        )
    return [*found, border]
