"""What a U-Net has to beat: Otsu's threshold, and two ways to tell cells apart after it.

Nothing is learned here. Bright cells on a dark ground are assumed; pass ``1 - image`` where it is
the other way round.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.segmentation.cells import components, part

# Chosen on the nuclei of DSB 2018, where neighbouring values score within 0.02 of these.
SMOOTHING = 1.0  # pixels, standard deviation of the Gaussian over the distance map
APART = 3  # pixels, up to which a higher point hides a peak, along rows and columns


def otsu_threshold(image: np.ndarray) -> float:
    """Otsu's threshold: it splits gray values into the two groups that differ most.

    Let w be the share of pixels up to a threshold, m their mean, and M the mean of all. The pixels
    above have the share 1 - w and the mean (M - w m) / (1 - w), which is (M - m) / (1 - w) larger
    than m. So the variance between the groups is

        w (1 - w) (difference of their means)^2 = (w M - w m)^2 / (w (1 - w))

    and both w and w m are cumulative sums over a histogram. The variance of all gray values is
    this plus the variance within the groups: where the groups differ most, each is most uniform.

    Parameters
    ----------
    image
        Array of any shape. Gray values, in any unit.

    Returns
    -------
    float
        Foreground is what is greater: the middle of one of the histogram's 256 bins. For a
        constant image its value, so nothing is foreground.

    Raises
    ------
    ValueError
        If the image is empty or has values that are not finite.

    References
    ----------
    Otsu: A threshold selection method from gray-level histograms, IEEE Transactions on Systems,
    Man, and Cybernetics 1979, doi 10.1109/TSMC.1979.4310076.
    """
    if not image.size or not np.isfinite(image).all():
        raise ValueError(
            f"Otsu's threshold needs finite gray values, got an image of shape {image.shape} "
            f"with {np.count_nonzero(np.isfinite(image))} of them"
        )
    if image.min() == image.max():
        return float(image.max())
    counts, edges = np.histogram(image.astype(np.float64), bins=256)
    centers = (edges[:-1] + edges[1:]) / 2
    w = np.cumsum(counts) / image.size
    wm = np.cumsum(counts * centers) / image.size
    mean = wm[-1]
    w, wm = w[:-1], wm[:-1]  # a threshold in the last bin would leave nothing above
    between = (w * mean - wm) ** 2 / (w * (1 - w))
    return float(centers[between.argmax()])


def otsu_components(image: np.ndarray) -> np.ndarray:
    """Take every connected region above Otsu's threshold for a cell.

    Cells that touch become one. Regions of fewer than 10 pixels are dropped.

    Parameters
    ----------
    image
        (H, W, C) or (H, W) array. Bright cells on a dark ground; channels are averaged.

    Returns
    -------
    (H, W) int64 array
        0 = background, cells are numbered 1 ... k.

    Raises
    ------
    ValueError
        As `otsu_threshold`.
    """
    gray = image.mean(axis=2) if image.ndim == 3 else image
    return components(gray > otsu_threshold(gray))


def otsu_peaks(image: np.ndarray) -> np.ndarray:
    """Tell touching cells apart by their shape, after Otsu's threshold.

    The distance to the background peaks in the middle of a round cell, and has two peaks where two
    such cells touch. Every peak becomes a cell, and each foreground pixel goes to the nearest peak
    in its region.

    Parameters
    ----------
    image
        (H, W, C) or (H, W) array. Bright cells on a dark ground; channels are averaged.

    Returns
    -------
    (H, W) int64 array
        0 = background, cells are numbered 1 ... k.

    Raises
    ------
    ValueError
        As `otsu_threshold`.
    """
    regions = otsu_components(image)
    foreground = regions > 0
    if not foreground.any():
        return regions
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(foreground), SMOOTHING)
    nearby = ndimage.maximum_filter(distance, size=2 * APART + 1)
    # A region beside a larger one may have no peak of its own; its highest point is one then.
    summit = ndimage.maximum(distance, regions, np.arange(regions.max() + 1))[regions]
    peak = foreground & ((distance == nearby) | (distance == summit))
    # Equal maxima side by side, at corners too (hence the 3x3), are one peak.
    numbers, _ = ndimage.label(peak, np.ones((3, 3)))
    return part(regions, numbers)
