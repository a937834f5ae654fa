"""What can be measured of each cell: centre, area, box, brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tinyunet.engine.arrays import occurrences
from tinyunet.segmentation.windows import Window, strips_of


@dataclass
class Cells:
    """Measures of n cells, each an array of n values or rows; cell k is in row k - 1.

    Positions are in pixels; the centre of the first pixel of an image is (0, 0).

    Attributes
    ----------
    label
        Its number in the label map.
    centre
        (n, 2). The mean of the rows and of the columns of its pixels.
    area
        Pixels.
    box
        (n, 4). Its first row and column, and the first row and column beyond it: ``top``, ``left``,
        ``bottom``, ``right``.
    mean
        (n, C). The mean of its pixels in every channel.
    """

    label: np.ndarray
    centre: np.ndarray
    area: np.ndarray
    box: np.ndarray
    mean: np.ndarray

    @property
    def diameter(self) -> np.ndarray:
        """(n,). The diameter of a circle of the same area, in pixels."""
        return np.sqrt(4 * self.area / np.pi)

    @property
    def boxes(self) -> list[tuple[slice, slice]]:
        """Windows of the boxes."""
        return [
            (slice(top, bottom), slice(left, right))
            for top, left, bottom, right in self.box.tolist()
        ]

    def columns(self) -> dict[str, np.ndarray]:
        """The measures by name, as in a table: one array of n values each."""
        names = ("top", "left", "bottom", "right")
        channels = self.mean.shape[1]
        means = ["mean"] if channels == 1 else [f"mean_{k + 1}" for k in range(channels)]
        return {
            "label": self.label,
            "centre_row": self.centre[:, 0],
            "centre_column": self.centre[:, 1],
            "area": self.area,
            "diameter": self.diameter,
            **dict(zip(names, self.box.T, strict=True)),
            **dict(zip(means, self.mean.T, strict=True)),
        }


def measure(labels: Window, image: Window, *, rows: int | None = None) -> Cells:
    """Measure every cell, strip by strip, by `scipy.ndimage` and sums over pixels.

    Parameters
    ----------
    labels
        (H, W). Cells numbered from 1 without gaps, 0 = background: an array, or what gives windows.
    image
        (H, W, C) or (H, W). What `Cells.mean` is of, in any unit.
    rows
        How many are in memory at a time. None: as many as make 4 million pixels.

    Raises
    ------
    ValueError
        If labels and image differ in size, or a number below the largest is missing.
    """
    if tuple(labels.shape) != tuple(image.shape[:2]):
        raise ValueError(f"labels {labels.shape} and image {image.shape} differ in size")
    channels = 1 if len(image.shape) == 2 else image.shape[2]
    sums = np.zeros((0, 3 + channels))  # pixels, rows, columns, and each channel
    box = np.zeros((0, 4), np.int64)
    for place in strips_of(labels.shape, rows):
        cells = np.asarray(labels[place, :]).astype(np.int64)
        y, x = np.nonzero(cells)
        found = cells[y, x]
        if not found.size:
            continue
        values = np.asarray(image[place, :]).reshape(*cells.shape, channels)
        least, largest = int(found.min()), int(found.max())
        more = largest - len(sums)
        if more > 0:
            sums = np.concatenate([sums, np.zeros((more, sums.shape[1]))])
            unseen = np.array([labels.shape[0], labels.shape[1], 0, 0])
            box = np.concatenate([box, np.tile(unseen, (more, 1))])
        here = slice(least - 1, largest)
        found = found - least
        sums[here, 0] += occurrences(found)
        sums[here, 1] += occurrences(found, y + float(place.start))
        sums[here, 2] += occurrences(found, x)
        for k in range(channels):
            sums[here, 3 + k] += occurrences(found, values[y, x, k])
        _widen(box[here], np.where(cells > 0, cells - least + 1, 0), place.start)
    area = sums[:, 0].astype(np.int64)
    if (area == 0).any():
        raise ValueError(f"there is no cell {int(np.argmin(area)) + 1}, but one of {len(area)}")
    label = np.arange(1, len(area) + 1)
    means = sums[:, 1:] / area[:, None]
    return Cells(label, means[:, :2], area, box, means[:, 2:])


def _widen(box: np.ndarray, cells: np.ndarray, top: int) -> None:
    """Widen the boxes (n, 4) of cells 1 ... n by what a strip shows of them."""
    for number, found in enumerate(ndimage.find_objects(cells)):
        if found is not None:
            rows, columns = found
            own = box[number]
            own[:2] = np.minimum(own[:2], (rows.start + top, columns.start))
            own[2:] = np.maximum(own[2:], (rows.stop + top, columns.stop))
