"""From a probability map to segments, and segments with borders of no width."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.labelling import components, foreground
from tinyunet.metrics.checks import check_kind, check_plane


def segments(probabilities: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Number the connected regions above a threshold, every one of them, as the metrics need it.

    Pixels are connected if they share an edge. `tinyunet.instances`, which finds cells for use,
    drops tiny regions and closes gaps of one pixel besides.

    Parameters
    ----------
    probabilities : (H, W, 2) or (H, W) array
        Probabilities of background and foreground, or of the foreground alone; a mask will do.
        For neurons, the foreground is what the membranes enclose.
    threshold : float
        Pixels with a larger probability belong to segments.

    Returns
    -------
    (H, W) int64 array
        0 = background, segments are numbered 1 ... k.

    Raises
    ------
    ValueError
        If the shape is another one, or values lie outside [0, 1] or are not numbers.
    """
    return components(foreground(probabilities) > threshold, smallest=1)


def thinned(labels: np.ndarray) -> np.ndarray:
    """Let segments grow into the background between them until they touch.

    Every background pixel goes to the segment that is nearest, in a straight line; where two are
    equally near, SciPy's distance transform takes one of them, always the same.

    Parameters
    ----------
    labels : (H, W) integer array
        The number of the segment at every pixel, 0 = background.

    Returns
    -------
    (H, W) integer array
        The same segments without any background; all 0 if there was no segment.

    Raises
    ------
    ValueError
        If the array is not one image.
    TypeError
        If it is not of integers.
    """
    check_plane(labels)
    check_kind("segmentation", labels, "iu")
    if not labels.any():
        return labels.copy()
    nearest = ndimage.distance_transform_edt(
        labels == 0, return_distances=False, return_indices=True
    )
    return labels[tuple(nearest)]
