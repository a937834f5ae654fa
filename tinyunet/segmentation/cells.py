"""From probabilities to cells."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.metrics.checks import check_threshold
from tinyunet.metrics.regions import SMALLEST, components, foreground

# Where a network is sure of a cell. Chosen on the validation images of DSB 2018 together with a core
# of at least 5 pixels; from 0.7 to 0.9 SEG differs by less than 0.01.
CORE = 0.8
SMALLEST_CORE = 5


def instances(
    probabilities: np.ndarray,
    threshold: float = 0.5,
    smallest: int = SMALLEST,
    core: float | None = CORE,
) -> np.ndarray:
    """Number the cells in a probability map.

    A region is a set of connected pixels (each shares an edge with the next) above the threshold.
    Cells that touch are often one region, joined by a bridge of doubtful pixels, but have a core
    each, connected pixels above a second, higher threshold. A region with several cores is parted:
    every pixel goes to the nearest core. Any other region is one cell.

    Where one pixel of background parts two cells, as `tinyunet.separate` did for training, the
    pixel is given back to the cell on its left or above.

    Parameters
    ----------
    probabilities
        (H, W, 2) or (H, W) array. Probabilities of background and foreground, or of the foreground
        alone; a mask will do.
    threshold
        Pixels with a foreground probability above it belong to cells.
    smallest
        Regions of fewer pixels are dropped.
    core
        Pixels above it are a cell's core. None, or a value up to the threshold: no region is parted.

    Returns
    -------
    (H, W) int64 array
        0 = background, cells are numbered 1 ... k.

    Raises
    ------
    ValueError
        If the shape is another one, or values or the threshold lie outside [0, 1] or are not numbers.
    TypeError
        If they are no NumPy array of numbers.
    """
    probabilities = foreground(probabilities)
    check_threshold(threshold)
    cells = components(probabilities > threshold, smallest)
    if core is not None and core > threshold:
        cells = part(cells, components(probabilities > core, min(SMALLEST_CORE, smallest)))
    return fill_gaps(cells)


def part(regions: np.ndarray, cores: np.ndarray) -> np.ndarray:
    """Part every region that holds several cores: each of its pixels goes to the nearest of them.

    Parameters
    ----------
    regions, cores
        (H, W) integer arrays. Both numbered from 1, 0 = nothing. Only the part of a core that lies
        in a region counts.

    Returns
    -------
    (H, W) int64 array
        Cells, numbered 1 ... k without gaps. Regions with one core or none stay whole.
    """
    cells = np.zeros(regions.shape, np.int64)
    count = 0
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        inside = regions[box] == number
        found, numbered = np.unique(np.where(inside, cores[box], 0), return_inverse=True)
        here = numbered.reshape(inside.shape) + (found[0] != 0)  # 0 = no core, then 1, 2, ...
        if here.max() > 1:
            nearest = ndimage.distance_transform_edt(
                here == 0, return_distances=False, return_indices=True
            )
            here = here[tuple(nearest)]
        else:
            here = np.ones(inside.shape, np.int64)
        cells[box][inside] = count + here[inside]
        count += here[inside].max()
    return cells


def fill_gaps(cells: np.ndarray) -> np.ndarray:
    """Give each pixel that alone parts two cells, in its row or column, to the left or upper one.

    On the true nuclei of DSB 2018, parted for training, this raises SEG from .987 to .995; growing
    cells in all directions would lower it to .78, for their free outlines are right already.
    """
    filled = cells.copy()
    for gap, before, after in (
        (filled[:, 1:-1], cells[:, :-2], cells[:, 2:]),
        (filled[1:-1], cells[:-2], cells[2:]),
    ):
        parts = (gap == 0) & (before > 0) & (after > 0) & (before != after)
        gap[parts] = before[parts]
    return filled
