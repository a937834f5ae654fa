"""What an error per pixel does not see of a painted image: texture, saturation, whether it decides.

All functions take painted images and real ones (N, H, W, 3) or (H, W, 3), R, G and B from -1 to 1 with
gray at 0, and `where`, a mask (N, H, W) or (H, W) of the pixels that count. No number says that one
is good: noise has gradients, too. Look at the images beside them.
"""

from __future__ import annotations

import numpy as np

BINS = 20  # of a histogram of saturations


def gradient_ratio(painted: np.ndarray, real: np.ndarray, where: np.ndarray) -> float:
    """Return how much texture there is: differences of neighbours, over those in the real images.

    1 is as much as there should be. Where several textures were possible, a network that minimises a
    mean error paints their median and gets less; noise gives more.

    Parameters
    ----------
    painted, real, where
        See above. Neighbours count, to the right and below, if both are in the mask.
    """
    _check(painted, where)
    _check(real, where)
    return _roughness(painted, where) / _roughness(real, where)


def saturation(images: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return half the spread of R, G and B at each pixel in the mask (P,): 0 for gray, 1 at most."""
    _check(images, where)
    return np.ptp(images[where], axis=-1) / 2


def saturation_distance(painted: np.ndarray, real: np.ndarray, where: np.ndarray) -> float:
    """Return the earth mover's distance between the histograms of saturations, of 20 bins.

    How far saturation must be moved on average, to make one histogram of the other: from 0 to 1.
    """
    counts = [
        np.histogram(saturation(images, where).clip(0, 1), BINS, (0, 1))[0]
        for images in (painted, real)
    ]
    below = [np.cumsum(count) / count.sum() for count in counts]
    return float(abs(below[0] - below[1]).sum() / BINS)


def nearest_hue(images: np.ndarray, hues: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the number of the nearest of some hues, and its cosine, at each pixel in the mask.

    Parameters
    ----------
    images, where
        See above.
    hues
        (K, 3), such as ``tu.data.COIN_HUES.reshape(4, 3)``.

    Returns
    -------
    number, cosine
        (P,) each. Gray is near none: its cosine is 0.
    """
    _check(images, where)
    colours = images[where].astype("float64")
    lengths = np.linalg.norm(colours, axis=1, keepdims=True)
    unit = colours / np.where(lengths > 0, lengths, 1)
    cosines = unit @ (hues / np.linalg.norm(hues, axis=1, keepdims=True)).T
    return cosines.argmax(1), cosines.max(1)


def decided(images: np.ndarray, hues: np.ndarray, where: np.ndarray, least: float = 0.97) -> float:
    """Return the share of pixels in the mask which have one of some hues, by a cosine of `least`."""
    _, cosine = nearest_hue(images, hues, where)
    return float((cosine >= least).mean())


def _roughness(images: np.ndarray, where: np.ndarray) -> float:
    """The mean absolute difference between neighbours that are both in the mask."""
    found = []
    for axis in (-1, -2):  # of the mask, across and down
        moved, mask = np.moveaxis(images, axis - 1, 0), np.moveaxis(where, axis, 0)
        both = mask[1:] & mask[:-1]
        found.append(abs(moved[1:] - moved[:-1])[both])
    return float(np.concatenate(found).mean())


def _check(images: np.ndarray, where: np.ndarray) -> None:
    if images.shape != (*where.shape, 3) or where.dtype != bool or not where.any():
        raise ValueError(
            "images (..., H, W, 3) need a mask (..., H, W) of booleans with a pixel in it, got "
            f"{images.shape} and {where.dtype} {where.shape} of {int((where != 0).sum())} pixels"
        )
