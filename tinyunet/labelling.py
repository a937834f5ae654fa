"""From probabilities to cells."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SMALLEST = 12  # pixels; fewer are a speck


def instances(
    probabilities: np.ndarray, threshold: float = 0.5, smallest: int = SMALLEST
) -> np.ndarray:
    """Number the cells in a probability map.

    Connected pixels (sharing an edge) above the threshold are a cell. Training has parted touching
    cells by a line of background; where that line is between two cells, each pixel of it is given
    to one of them afterwards.

    Parameters
    ----------
    probabilities
        (H, W, 2) class probabilities, or (H, W) of the foreground; booleans will do.
    threshold
        The probability above which a pixel is foreground.
    smallest
        Components of fewer pixels are dropped.

    Returns
    -------
    (H, W) int64 array
        0 = background, cells from 1.
    """
    if probabilities.ndim == 3 and probabilities.shape[2] == 2:
        probabilities = probabilities[..., 1]
    if probabilities.ndim != 2:
        raise ValueError(
            f"instances needs probabilities (H, W, 2) or (H, W), got {probabilities.shape}: "
            "with more classes, choose one channel"
        )
    cells, _ = ndimage.label(probabilities > threshold)
    sizes = np.bincount(cells.ravel())
    keep = sizes >= smallest
    keep[0] = False
    numbers = np.cumsum(keep) * keep
    return _fill_ridges(numbers[cells].astype(np.int64))


def _fill_ridges(cells: np.ndarray) -> np.ndarray:
    """Give a background pixel to the cell on its right or below if another cell is opposite."""
    around = np.ones((3, 3), bool)
    largest = ndimage.maximum_filter(cells, footprint=around)
    # The smallest number among the cells around: background counts as larger than any.
    beyond = np.where(cells == 0, cells.max() + 1, cells)
    least = ndimage.minimum_filter(beyond, footprint=around)
    ridge = (cells == 0) & (largest > 0) & (least < largest)
    return np.where(ridge, largest, cells)
