"""Places that matter: inside the largest objects that a network finds, and at their edges."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.boundary import outline
from tinyunet.metrics.regions import components

OBJECTS = 6  # at most, of two places each


def objects(classes: np.ndarray) -> list[tuple[str, int, int]]:
    """Return places of the largest objects among predicted classes (H, W): what, row and column.

    An object is a connected region of one class above 0. Of each there are its innermost pixel, and
    the pixel of its outline next to that, if it does not fill the image.
    """
    found: list[tuple[str, int, int]] = []
    for i, region in enumerate(_largest(classes), start=1):
        inner = np.pad(region, 1)  # what ends at the image's border ends
        deep = ndimage.distance_transform_edt(inner)[1:-1, 1:-1]
        row, column = divmod(int(deep.argmax()), region.shape[1])
        found.append((f"inside object {i}", row, column))
        edge = np.argwhere(outline(region.astype(np.int64)))
        if len(edge):
            far = ((edge - (row, column)) ** 2).sum(axis=1)
            at = edge[far.argmin()]
            if tuple(at) != (row, column):
                found.append((f"at the edge of object {i}", int(at[0]), int(at[1])))
    return found


def _largest(classes: np.ndarray) -> list[np.ndarray]:
    """Masks (H, W) of the largest regions, the largest first."""
    regions: list[tuple[int, np.ndarray]] = []
    for label in np.unique(classes[classes > 0]):
        numbers = components(classes == label)
        counts = occurrences(numbers)[1:]
        for k in np.argsort(-counts, kind="stable")[:OBJECTS]:
            regions.append((int(counts[k]), numbers == k + 1))
    regions.sort(key=lambda region: -region[0])
    return [mask for _, mask in regions[:OBJECTS]]
