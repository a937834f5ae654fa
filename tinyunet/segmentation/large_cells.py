"""From a probability map of any size to cells, strip by strip, equal to those of `instances`."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
from scipy import ndimage

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.checks import check_threshold
from tinyunet.metrics.regions import SMALLEST
from tinyunet.segmentation.cells import CORE, SMALLEST_CORE, fill_gaps, instances
from tinyunet.segmentation.joined import Joined
from tinyunet.segmentation.windows import STRIP, Box, Window, strips_of

# Bits of a label while regions are parted: a pixel still to be given to a core, one that has been.
OPEN, GIVEN = 1 << 31, 1 << 30
NUMBER = GIVEN - 1
IN_ONE_PIECE = (
    2**24
)  # pixels of a region's box, up to which it is parted at once: 20 bytes for each
SIDE, MARGIN, FURTHEST = 2048, 256, 1024  # of the windows in which a wider region is parted


def instances_large(
    foreground: Window,
    labels: Window,
    threshold: float = 0.5,
    smallest: int = SMALLEST,
    core: float | None = CORE,
    *,
    rows: int | None = None,
) -> int:
    """Number the cells in a probability map of any size; only a few rows of it are in memory.

    The cells are those of `instances`, with the same numbers: regions are joined across strips by
    their labels (see `Joined`), and each region with several cores is parted in its own box. Only a
    region whose box has more than 2^24 pixels is parted in windows: a pixel that is equally far from
    two cores, or more than 1024 pixels from any, may go to another one.

    Parameters
    ----------
    foreground
        (H, W). Probabilities of the foreground: an array, or what gives windows
        ``foreground[top:bottom, left:right]`` as arrays.
    labels
        (H, W). Takes and gives windows of uint32 or 64-bit integers: an array, or a
        `tinyunet.engine.scratch.Scratch`. The cells are written into it.
    threshold, smallest, core
        As of `instances`.
    rows
        How many are in memory at a time. None: as many as make 4 million pixels.

    Returns
    -------
    int
        How many cells there are.

    Raises
    ------
    ValueError
        If the threshold lies outside [0, 1]; if there are more than 2^30 cells.

    Warns
    -----
    UserWarning
        If a region was parted in windows.
    """
    check_threshold(threshold)
    if rows is None and foreground.shape[0] * foreground.shape[1] <= STRIP:
        labels[:, :] = found = instances(foreground[:, :], threshold, smallest, core)
        return int(found.max(initial=0))
    strips = strips_of(foreground.shape, rows)

    def joined(above: float, least: int) -> Joined:
        return Joined(lambda place: foreground[place, :] > above, strips, least)

    regions, cores = joined(threshold, smallest), None
    if core is not None and core > threshold:
        cores = joined(core, min(SMALLEST_CORE, smallest))
    first, of_core = _cells_of(regions, cores, len(strips))
    count = int(first[-1]) - 1
    if count > NUMBER:
        raise ValueError(f"{count} cells are more than {NUMBER} numbers: raise the threshold")
    boxes = _write(regions, cores, strips, first, of_core, labels)
    wide = sum(_part(labels, first[region], first[region + 1], box) for region, box in boxes)
    if wide:
        warnings.warn(
            f"{wide} of the connected regions, wider than {IN_ONE_PIECE} pixels in all, parted in "
            f"windows: pixels that are equally far from two cores, or more than {FURTHEST} pixels from "
            "any, may have gone to another one than in one piece",
            stacklevel=2,
        )
    _finish(labels, strips)
    return count


def _cells_of(regions: Joined, cores: Joined | None, strips: int) -> tuple[np.ndarray, np.ndarray]:
    """The first cell's number of each region, one more at the end, and the cell of each core.

    The background is region 0 and core 0. A core of a region that was dropped has the cell 0.
    """
    region_of = np.zeros(1 if cores is None else cores.count + 1, np.int64)
    for i in range(strips if cores is not None and cores.count else 0):
        core = cores.strip(i)
        inside = core > 0
        region_of[core[inside]] = regions.strip(i)[inside]
    held = occurrences(region_of[1:], minlength=regions.count + 1)
    first = np.concatenate([[0, 1], 1 + np.cumsum(np.maximum(held[1:], 1))])
    order = np.argsort(region_of[1:], kind="stable")  # by region, in each by number
    owners = region_of[1:][order]
    before = np.arange(len(order)) - np.searchsorted(owners, owners)  # cores in the same region
    cell = np.zeros(len(region_of), np.int64)
    cell[1 + order] = np.where(owners > 0, first[owners] + before, 0)
    return first, cell


def _write(
    regions: Joined,
    cores: Joined | None,
    strips: list[slice],
    first: np.ndarray,
    of_core: np.ndarray,
    labels: Window,
) -> list[tuple[int, Box]]:
    """Write cells, and regions to be parted as `OPEN`; return those with their boxes."""
    several = np.diff(first) > 1
    several[0] = False
    place = np.cumsum(several) * several  # 1 ... for regions to be parted, 0 for others
    boxes: dict[int, Box] = {}
    for i, rows in enumerate(strips):
        region = regions.strip(i)
        cell = first[region]
        if cores is not None and several.any():
            core = of_core[cores.strip(i)]
            doubtful = several[region]
            cell = np.where(doubtful, np.where(core > 0, core, cell | OPEN), cell)
            for number, box in enumerate(ndimage.find_objects(place[region]), start=1):
                if box is not None:
                    moved = (slice(box[0].start + rows.start, box[0].stop + rows.start), box[1])
                    boxes[number] = _around(boxes.get(number, moved), moved)
        labels[rows, :] = cell
    numbers = np.flatnonzero(several)
    return [(int(numbers[number - 1]), box) for number, box in boxes.items()]


def _around(a: Box, b: Box) -> Box:
    """The box that holds two boxes."""
    rows, columns = (
        slice(min(x.start, y.start), max(x.stop, y.stop)) for x, y in zip(a, b, strict=True)
    )
    return rows, columns


def _part(labels: Window, first: int, after: int, box: Box) -> bool:
    """Give every open pixel of a region, cells `first` ... `after` - 1, to the nearest core.

    Returns whether its box was too large for one piece.
    """
    if (box[0].stop - box[0].start) * (box[1].stop - box[1].start) <= IN_ONE_PIECE:
        _give(labels, first, after, box, box)
        return False
    for inner in itertools.product(*(_steps(side) for side in box)):
        margin = MARGIN
        while margin < FURTHEST:
            seen = _grown(inner, margin, box)
            furthest = _give(labels, first, after, inner, seen, np.inf if seen == box else margin)
            if not furthest:
                break
            margin = min(FURTHEST, math.ceil(min(furthest, FURTHEST)))
        else:
            _give(labels, first, after, inner, _grown(inner, FURTHEST, box), np.inf)
    return True


def _steps(side: slice) -> list[slice]:
    return [slice(a, min(a + SIDE, side.stop)) for a in range(side.start, side.stop, SIDE)]


def _grown(inner: Box, by: int, box: Box) -> Box:
    rows, columns = (
        slice(max(a.start - by, b.start), min(a.stop + by, b.stop))
        for a, b in zip(inner, box, strict=True)
    )
    return rows, columns


def _give(
    labels: Window, first: int, after: int, inner: Box, seen: Box, certain: float = np.inf
) -> float:
    """Give each open pixel in `inner` to the nearest core in `seen`, and return 0.

    If one is further than `certain` from any, nothing is written: the largest distance is returned,
    infinite where there is no core.
    """
    values = np.asarray(labels[seen]).astype(np.int64)
    number = values & NUMBER
    inside = (number >= first) & (number < after)
    core = inside & (values < GIVEN)
    wanted = np.zeros(values.shape, bool)
    rows, columns = (
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, seen, strict=True)
    )
    wanted[rows, columns] = (inside & (values >= OPEN))[rows, columns]
    if not wanted.any():
        return 0.0
    if core.any():
        nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
        there = tuple(place[wanted] for place in nearest)
        away = (a - b for a, b in zip(there, np.nonzero(wanted), strict=True))
        furthest = float(np.hypot(*away).max())
        given = number[there]
    else:
        furthest, given = np.inf, first
    if furthest > certain:
        return furthest
    values[wanted] = given | GIVEN
    labels[seen] = values
    return 0.0


def _finish(labels: Window, strips: list[slice]) -> None:
    """Take the marks away and fill gaps, each strip with the row above and the row below it."""
    height = labels.shape[0]
    above = None
    for rows in strips:
        below = min(rows.stop + 1, height)
        cells = np.asarray(labels[rows.start : below, :]).astype(np.int64) & NUMBER
        last = cells[rows.stop - rows.start - 1]
        seen = cells if above is None else np.concatenate([above[None], cells])
        skip = len(seen) - len(cells)
        labels[rows, :] = fill_gaps(seen)[skip : skip + rows.stop - rows.start]
        above = last
