"""Connected regions of a mask that is read strip by strip, numbered as in one piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tinyunet.engine.arrays import occurrences


class Joined:
    """What `components` finds in a mask, of which only one strip of rows is in memory at a time.

    Each strip is labelled by itself. Where a pixel of its first row and the one above it, in the last
    row of the strip before, are both set, their labels are one region: a graph of such pairs, whose
    connected components are the regions. A region's number counts the regions that have a pixel
    earlier in reading order, as `scipy.ndimage.label` counts in one piece.

    Parameters
    ----------
    mask
        Gives rows (h, W) of the mask, bool; each is asked for again whenever its labels are.
    strips
        Rows, one after the other and without gaps.
    smallest
        Regions of fewer pixels are dropped.

    Attributes
    ----------
    count
        How many regions there are.
    """

    def __init__(self, mask: Callable[[slice], np.ndarray], strips: Sequence[slice], smallest: int):
        self._mask, self._strips = mask, strips
        self._offsets, pairs, areas = [0], [np.empty((0, 2), np.int64)], []
        above = None
        for rows in strips:
            found, count = ndimage.label(mask(rows))
            offset = self._offsets[-1]
            areas.append(occurrences(found, minlength=count + 1)[1:])
            if above is not None:
                meet = (above > 0) & (found[0] > 0)
                both = np.stack([above[meet], found[0][meet] + offset], axis=1)
                pairs.append(np.unique(both, axis=0))
            above = np.where(found[-1] > 0, found[-1].astype(np.int64) + offset, 0)
            self._offsets.append(offset + count)
        self._numbers, self.count = _numbered(
            np.concatenate(areas), np.concatenate(pairs) - 1, smallest
        )

    def strip(self, i: int) -> np.ndarray:
        """The regions' numbers (h, W) in strip `i`: int64, 0 = background."""
        found, _ = ndimage.label(self._mask(self._strips[i]))
        own = self._numbers[self._offsets[i] : self._offsets[i + 1]]
        return np.concatenate([[0], own])[found]


def _numbered(areas: np.ndarray, pairs: np.ndarray, smallest: int) -> tuple[np.ndarray, int]:
    """The region's number of each label, 0 if it is dropped, and how many regions there are."""
    n = len(areas)
    if not n:
        return np.zeros(0, np.int64), 0
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, region = connected_components(graph, directed=False)
    _, first = np.unique(region, return_index=True)  # of each region, its first label
    keep = occurrences(region, areas) >= smallest
    order = np.argsort(first)
    numbers = np.zeros(len(first), np.int64)
    numbers[order] = np.where(keep[order], np.cumsum(keep[order]), 0)
    return numbers[region], int(keep.sum())
