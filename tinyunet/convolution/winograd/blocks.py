"""How the tiles of Winograd's convolution are cut into blocks of work."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

from tinyunet.convolution.winograd.matrices import TRANSFORMS, Transform
from tinyunet.engine.threads import num_threads

KERNEL_COST = 70  # transforming the kernels costs about as much as multiplying with 70 tiles
# With more channels than this, a tile's relative error in float32 would exceed 2e-5.
SUMMED = {4: math.inf, 6: 128}
BLOCK = 8192  # numbers of a block's tiles at one point: with all points, about a core's L2 cache


class Block(NamedTuple):
    """Images n0:n1, and in them tile rows y0:y1 and tile columns x0:x1."""

    n0: int
    n1: int
    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def tiles(self) -> int:
        """How many tiles it has."""
        return (self.n1 - self.n0) * (self.y1 - self.y0) * (self.x1 - self.x0)


@dataclass
class Plan:
    """How an output (N, H, W) is cut into tiles."""

    f: Transform
    n: int
    rows: int
    columns: int

    @classmethod
    def of(cls, n: int, height: int, width: int, summed: int = 0) -> Plan:
        """Choose the tile: large ones save products, small ones save kernels and ragged edges.

        Large tiles also round more, the more so the more channels are `summed` in a product.
        """

        def cost(m: int) -> int:
            return (m + 2) ** 2 * (n * -(-height // m) * -(-width // m) + KERNEL_COST)

        m = min((m for m in TRANSFORMS if summed <= SUMMED[m]), key=cost)
        return cls(TRANSFORMS[m], n, -(-height // m), -(-width // m))

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return self.n * self.rows * self.columns

    def few(self, c_in: int, c_out: int) -> bool:
        """Whether the kernels weigh more than the images, as deep in a U-Net."""
        return self.tiles <= 600 and c_in * c_out >= 32768

    def blocks(self, target: int, least: int = 1) -> list[Block]:
        """Blocks of about `target` tiles or fewer, but at least `least`, in order."""
        # Something for every thread.
        target = max(least, min(target, -(-self.tiles // num_threads())))
        if self.rows * self.columns <= target:  # several whole images
            parts = -(-self.tiles // target)
            return [Block(a, b, 0, self.rows, 0, self.columns) for a, b in _split(self.n, parts)]
        across = -(-self.columns // target)
        down = -(-self.rows * -(-self.columns // across) // target)
        return [
            Block(n, n + 1, *y, *x)
            for n in range(self.n)
            for y in _split(self.rows, down)
            for x in _split(self.columns, across)
        ]


def _split(n: int, parts: int) -> list[tuple[int, int]]:
    """Cut range(n) into equal parts."""
    ends = [n * i // parts for i in range(parts + 1)]
    return [(a, b) for a, b in itertools.pairwise(ends) if b > a]


def block_tiles(c_in: int, c_out: int) -> int:
    """How many tiles a block should have for its numbers to stay in cache."""
    return max(64, BLOCK // max(c_in, c_out))


def row_blocks(plan: Plan, channels: int) -> list[Block]:
    """Blocks of whole tile rows, so that a block's tiles are consecutive."""
    return plan.blocks(max(plan.columns, 3 * BLOCK // channels), least=plan.columns)


def tile_range(plan: Plan, block: Block) -> slice:
    """Which tiles a block of whole rows has."""
    first = (block.n0 * plan.rows + block.y0) * plan.columns
    return slice(first, first + block.tiles)


def channel_slices(c_out: int, tiles: int) -> list[slice]:
    """Cut the output channels into slices for the threads, wide enough for a good matrix product."""
    width = 64 if tiles < 128 else 128
    return [slice(a, b) for a, b in _split(c_out, max(num_threads(), c_out // width))]
