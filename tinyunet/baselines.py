"""What a U-Net has to beat: Otsu's threshold, and two ways to tell the cells apart.

Both assume bright cells on a dark ground.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SMALLEST = 12  # pixels; fewer are a speck
SMOOTHING = 1.0  # pixels, of the distance map before its peaks are taken
APART = 3  # pixels, the least distance between two peaks


def otsu_threshold(image: np.ndarray, bins: int = 256) -> float:
    """Otsu's threshold: the split of gray values into two groups that differ most.

    With w the share of pixels up to a threshold, m their mean, and M the mean of all, the variance
    between the groups is (M w - m w)^2 / (w (1 - w)); the best threshold makes it largest
    (Otsu 1979, doi 10.1109/TSMC.1979.4310076).

    Parameters
    ----------
    image
        Gray values, of any shape.
    bins
        Of the histogram.

    Returns
    -------
    float
        Foreground is what lies above it. For a constant image, its value.
    """
    counts, edges = np.histogram(image, bins)
    centers = (edges[:-1] + edges[1:]) / 2
    share = np.cumsum(counts) / counts.sum()
    partial = np.cumsum(counts * centers) / counts.sum()  # m w
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (partial[-1] * share - partial) ** 2 / (share * (1 - share))
    between = between[:-1]  # the last bin leaves nothing above
    if not np.isfinite(between).any() or image.min() == image.max():
        return float(image.max())
    return float(centers[np.nanargmax(between)])


def otsu_components(image: np.ndarray) -> np.ndarray:
    """Number the connected regions brighter than Otsu's threshold: (H, W, C) -> (H, W) int64."""
    cells, _ = ndimage.label(_foreground(image))
    return cells.astype(np.int64)


def otsu_peaks(image: np.ndarray) -> np.ndarray:
    """Tell touching cells apart by their shape: (H, W, C) -> (H, W) int64.

    The distance to the background peaks in the middle of a round cell. Every peak becomes a cell,
    and each foreground pixel goes to the nearest one.
    """
    foreground = _foreground(image)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(foreground), SMOOTHING)
    highest = ndimage.maximum_filter(distance, size=2 * APART + 1)
    peaks, count = ndimage.label((distance == highest) & foreground)
    if not count:
        return np.zeros(foreground.shape, np.int64)
    nearest = ndimage.distance_transform_edt(
        peaks == 0, return_distances=False, return_indices=True
    )
    return np.where(foreground, peaks[tuple(nearest)], 0).astype(np.int64)


def _foreground(image: np.ndarray) -> np.ndarray:
    """The pixels above Otsu's threshold, without specks."""
    gray = image if image.ndim == 2 else image.mean(axis=2)
    regions, _ = ndimage.label(gray > otsu_threshold(gray))
    sizes = np.bincount(regions.ravel())
    return (sizes >= SMALLEST)[regions] & (regions > 0)
