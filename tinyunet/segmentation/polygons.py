"""The outlines of cells as polygons, along the edges of their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

Ring = list[tuple[int, int]]


def polygon(mask: np.ndarray, top: int = 0, left: int = 0) -> dict[str, Any]:
    """The outline of a mask as a geometry of GeoJSON, in pixels, x to the right and y down.

    The ring around the first pixel of an image is (0, 0), (1, 0), (1, 1), (0, 1). A ring is closed:
    its first point is also its last. Filled in, the polygon has exactly the pixels of the mask.

    Parameters
    ----------
    mask
        (H, W). The cell, somewhere in it.
    top, left
        The row and the column of the mask's first pixel in the image.

    Returns
    -------
    dict
        ``{"type": "Polygon", "coordinates": [outer ring, hole, ...]}``, or a ``"MultiPolygon"`` if
        the mask has several parts that share no edge of a pixel.

    Raises
    ------
    ValueError
        If the mask is empty.

    References
    ----------
    Butler et al.: The GeoJSON format, RFC 7946 (whose degrees are pixels here).
    """
    parts, count = ndimage.label(mask)
    if not count:
        raise ValueError("an empty mask has no outline")
    polygons = []
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        rings = _rings(parts[box] == number)
        rings.sort(key=_area, reverse=True)  # the outer ring is the only one with a positive area
        moved = left + box[1].start, top + box[0].start
        polygons.append([[[x + moved[0], y + moved[1]] for x, y in ring] for ring in rings])
    if count == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _rings(mask: np.ndarray) -> list[Ring]:
    """The closed rings along a mask's border, none of which meets itself."""
    after = _edges(mask)
    rings = []
    while after:
        start = next(iter(after))
        path, places = [start], {start: 0}
        while True:
            ends = after[path[-1]]
            point = ends.pop()
            if not ends:
                del after[path[-1]]
            if point in places:  # what has been walked since is a ring of its own
                first = places[point]
                ring = path[first:]
                for corner in ring[1:]:
                    del places[corner]
                del path[first + 1 :]
                rings.append(_corners(ring))
                if not first and point not in after:
                    break
                continue
            places[point] = len(path)
            path.append(point)
    return rings


def _edges(mask: np.ndarray) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """The ends of the border's edges by where they begin, with the mask on their right."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    after: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for beside, begin, end in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: to the right
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    ):
        y, x = np.nonzero(inside & ~beside)
        for row, column in zip(y.tolist(), x.tolist(), strict=True):
            start = (column + begin[0], row + begin[1])
            after.setdefault(start, []).append((column + end[0], row + end[1]))
    return after


def _corners(ring: Ring) -> Ring:
    """A closed ring without the points at which it goes straight on."""
    before, after = [ring[-1], *ring[:-1]], [*ring[1:], ring[0]]
    kept = [
        here
        for a, here, b in zip(before, ring, after, strict=True)
        if a[0] != b[0] and a[1] != b[1]
    ]
    return [*kept, kept[0]]


def _area(ring: Ring) -> float:
    """Positive for a ring with what it encloses on its right, as y goes down; a hole's is negative."""
    x, y = np.array(ring).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2
