"""How tiles lie along one side of an image."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass
class Axis:
    """How tiles lie along the height or the width of an image.

    Attributes
    ----------
    side
        Pixels of the image.
    reads, gives
        Pixels that the network sees of a tile, and how many of its results are used.
    stride
        From one tile to the next.
    within
        Where tiles stay inside of what one piece would read, its side: the image, made up to a size
        that the network takes. The first and the last tile then give all up to the image's border.
        None: tiles stand out by their margin.
    before
        How many pixels of that lie before the image.
    grid
        The last tile, too, starts at a multiple of it; it may be smaller than the others.
    """

    side: int
    reads: int
    gives: int
    stride: int
    within: int | None = None
    before: int = 0
    grid: int = 1

    @property
    def margin(self) -> int:
        """Context before the first pixel that a tile gives."""
        return (self.reads - self.gives) // 2

    @property
    def starts(self) -> list[int]:
        """The first pixel that each tile reads; one before the image is negative."""
        if self.within is None:
            return [first - self.margin for first in range(0, self.side, self.stride)]
        last = -(-(self.within - self.reads) // self.grid) * self.grid
        return [start - self.before for start in (*range(0, last, self.stride), last)]

    @property
    def places(self) -> list[slice]:
        """The pixels of the image that each tile gives."""
        firsts = [0, *(start + self.margin for start in self.starts[1:]), self.side]
        return [slice(a, b) for a, b in itertools.pairwise(firsts)]

    @property
    def border(self) -> tuple[int, int]:
        """Pixels to add before and after the image so that every tile is complete."""
        stop = self.starts[-1] + self.reads if self.within is None else self.within - self.before
        return -self.starts[0], stop - self.side
