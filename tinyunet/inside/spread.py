"""How a gradient spreads around the place whose logit it belongs to."""

from __future__ import annotations

import numpy as np

PARTS = 0.5, 0.9  # of the sum


def squares(size: np.ndarray, row: int, column: int) -> list[int]:
    """Return the side of the smallest square around a place that holds half of a sum, and 90 %.

    `size` (h, w) has no negative numbers. The place may lie outside of it, and the square reach out of
    it; without anything to sum there are no squares.
    """
    down, across = (
        np.abs(np.arange(n) - at) for n, at in zip(size.shape, (row, column), strict=True)
    )
    rings = np.maximum(down[:, None], across)  # how far away, in squares
    sums = np.zeros(rings.max() + 1)
    np.add.at(sums, rings, size)
    sums = np.cumsum(sums)
    if not sums[-1] > 0:
        return []
    # The last sum is the whole, so that one is always found.
    return [2 * int(np.argmax(sums >= part * sums[-1])) + 1 for part in PARTS]


def peak(size: np.ndarray) -> tuple[int, int]:
    """Return the row and the column of the largest number."""
    row, column = divmod(int(size.argmax()), size.shape[1])
    return row, column
