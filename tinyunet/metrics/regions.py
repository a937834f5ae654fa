"""From a probability map to segments, and segments with borders of no width."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.checks import (
    check_array,
    check_cells,
    check_probabilities,
    check_threshold,
)

# Pixels. The smallest nuclei of DSB 2018 have 21; after touching ones have been parted, all but 3 of
# 5,606 are left with at least this many.
SMALLEST = 10


def segments(probabilities: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Number the connected regions above a threshold, every one of them, as the metrics need it.

    Pixels are connected if they share an edge. `tinyunet.instances`, which finds cells for use,
    drops tiny regions and closes gaps of one pixel besides.

    Parameters
    ----------
    probabilities
        Of background and foreground (H, W, 2), or of the foreground alone (H, W); a mask will do.
        For neurons, the foreground is what the membranes enclose.
    threshold
        Pixels with a larger probability belong to segments.

    Returns
    -------
    (H, W) int64 array
        0 = background, segments are numbered 1 ... k.

    Raises
    ------
    ValueError
        If the threshold lies outside [0, 1].
    """
    check_threshold(threshold)
    return components(foreground(probabilities) > threshold, smallest=1)


def thinned(labels: np.ndarray) -> np.ndarray:
    """Let segments grow into the background between them until they touch.

    Every background pixel goes to the segment that is nearest, in a straight line; where two are
    equally near, SciPy's distance transform takes one of them, always the same.

    Parameters
    ----------
    labels
        The segments (H, W), by integer numbers, 0 = background.

    Returns
    -------
    (H, W) integer array
        The same segments without any background; all 0 if there was no segment.
    """
    check_cells("segmentation", labels)
    if not labels.any():
        return labels.copy()
    nearest = ndimage.distance_transform_edt(
        labels == 0, return_distances=False, return_indices=True
    )
    return labels[tuple(nearest)]


def foreground(probabilities: np.ndarray) -> np.ndarray:
    """The probability of the foreground (H, W), from (H, W, 2) or (H, W); refuse anything else."""
    check_array("probability map", probabilities, "biuf")
    if probabilities.ndim == 3 and probabilities.shape[2] == 2:
        probabilities = probabilities[..., 1]
    if probabilities.ndim != 2:
        raise ValueError(
            f"expected probabilities (H, W, 2) or (H, W), got shape {probabilities.shape}; "
            "with more classes, pass one of them: probabilities[..., k]"
        )
    check_probabilities(probabilities)
    return probabilities


def components(mask: np.ndarray, smallest: int = SMALLEST) -> np.ndarray:
    """Number the connected regions of a mask (H, W): (H, W) int64, 0 = background.

    Pixels are connected if they share an edge. Regions of fewer than `smallest` pixels are dropped.
    """
    return without_small(ndimage.label(mask)[0], smallest)


def without_small(regions: np.ndarray, smallest: int) -> np.ndarray:
    """Number regions (H, W) anew, 1 ... k without gaps; those below `smallest` pixels are dropped."""
    keep = occurrences(regions) >= smallest
    keep[0] = False  # the background
    return np.where(keep, np.cumsum(keep), 0)[regions]


def consecutive(instances: np.ndarray) -> np.ndarray:
    """Number the cells (H, W) anew, 1 ... k without gaps, in the order of their numbers; as int64."""
    in_use = np.unique(instances[instances > 0])
    return (np.searchsorted(in_use, instances) + 1) * (instances > 0)
