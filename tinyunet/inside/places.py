"""A pixel's view: on what a logit depends, for a grid of places, each by backward passes of its own."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.inside.field import Span, cut, fields, known
from tinyunet.inside.frame import Frame, probabilities
from tinyunet.inside.objects import OBJECTS, objects
from tinyunet.inside.paths import Paths
from tinyunet.inside.record import Record
from tinyunet.networks.graph import image_shape
from tinyunet.networks.receptive_field import IMAGE

GRIDS = 6, 5, 3  # places along a side; with more, a page of the default network is above 5 MB
MORE = 2 * OBJECTS  # places beside these
QUICK, PATIENT = 9.0, 50.0  # seconds for all places: of the larger grids, and of those up to 5 x 5
TARGETS = 12  # maps beside the image: all levels of a U-Net of depth 6


@dataclass(frozen=True)
class View:
    """What one logit depends on.

    Attributes
    ----------
    row, column, channel
        Of the logit, counted in all logits that the network gave.
    logit
        Its value.
    boxes
        By the number of a call (`IMAGE` for what the network saw): the frame of all that can count.
    sizes
        The same, |d logit / d map| summed over the channels, (h, w) of the frame.
    bottom, skips
        Shares of the image's gradient: see `Gradients.shares`. None for a skip within another way,
        whose part counts there; all None where ways cannot be told apart.
    """

    row: int
    column: int
    channel: int
    logit: float
    boxes: dict[int, tuple[Span, Span]]
    sizes: dict[int, np.ndarray]
    bottom: float | None
    skips: list[float | None]


class Viewer:
    """Views of single logits of a record.

    A part that holds all on which a pixel can depend, on the poolings' grid, gives for this pixel what
    the whole gives, zeros of padding at its border or not: no map on the way reads them. So only such a
    part is computed; `window` is its side, or None for the whole.
    """

    def __init__(self, whole: Record) -> None:
        self.record, self.paths = whole, Paths(whole)
        self.window = _window(whole)
        self.targets = _targets(whole, self.paths)

    def view(self, row: int, column: int, channel: int | None = None) -> View:
        """Look from a pixel of the logits; by default from the logit of the class that won there."""
        here = self.record.y[0, row, column]
        channel = int(here.argmax()) if channel is None else channel
        if not self.record.complete:
            return self._whole(row, column, channel)
        part, paths, corner = self._around(row, column)
        inner = row - corner[0], column - corner[1]
        boxes = fields(part, *inner)
        found = paths.gradients(part.pixel(*inner, channel))
        bottom, shares = found.shares()
        frames, sizes = {}, {}
        for number in (IMAGE, *self.targets):
            if number not in boxes or number not in found.whole:
                continue
            size = _size(found.whole[number])
            sizes[number] = cut(size, boxes[number])
            by = [at // 2 ** paths.level(number) for at in corner]
            (a, b), (c, d) = boxes[number]
            frames[number] = (a + by[0], b + by[0]), (c + by[1], d + by[1])
        skips = [shares.get(skip.edge) for skip in paths.skips]
        return View(row, column, channel, float(here[channel]), frames, sizes, bottom, skips)

    def _whole(self, row: int, column: int, channel: int) -> View:
        """The view by the network's own backward, of whole maps: what can count is not known."""
        record = self.record
        found = record.gradients(record.pixel(row, column, channel))
        sizes = {n: _size(found[n]) for n in (IMAGE, *self.targets) if n in found}
        frames = {n: ((0, size.shape[0] - 1), (0, size.shape[1] - 1)) for n, size in sizes.items()}
        logit = float(record.y[0, row, column, channel])
        return View(row, column, channel, logit, frames, sizes, None, [])

    def _around(self, row: int, column: int) -> tuple[Record, Paths, tuple[int, int]]:
        """A record that holds the pixel's whole view, and where it begins in what the network saw."""
        whole = self.record
        if self.window is None:
            return whole, self.paths, (0, 0)
        spans, step = fields(whole, row, column)[IMAGE], whole.model.tile_stride
        corner = []
        for (first, _), side in zip(spans, whole.x.shape[1:3], strict=True):
            last = -(-(side - self.window) // step) * step
            corner.append(min(first // step * step, last))
        top, left = corner
        x: Array = whole.x[:, top : top + self.window, left : left + self.window]
        part = Record(whole.model, np.ascontiguousarray(x), whole.dropouts)
        return part, Paths(part), (top, left)


def _size(gradient: Array) -> np.ndarray:
    """How large a gradient (1, H, W, C) is at each pixel (H, W): the sum over its channels."""
    return np.abs(gradient.reshape(image_shape(gradient.shape))[0]).sum(axis=2)


def _window(whole: Record) -> int | None:
    """The side of a part that holds any pixel's view; None where it saves nothing or isn't known."""
    model, field = whole.model, whole.field(whole.last)
    if field is None or not known(whole):
        return None
    # A part begins where the poolings' grid does, so up to a step before the pixel's view.
    side = max(field) + model.tile_stride - 1
    side = max(axis.input(side - axis.lost) for axis in model.sizes)
    if not all(axis.takes(side) for axis in model.sizes):
        return None
    return side if 2 * side * side < whole.x.shape[1] * whole.x.shape[2] else None


def _targets(whole: Record, paths: Paths) -> list[int]:
    """Calls whose maps are shown beside the image: those that fork, the bottom, and the way up.

    Of a network all on one level, those on the way.
    """
    if not whole.complete:  # the last of each level
        last = {level: number for number, level in enumerate(paths.levels)}
        return _some(last.values())
    found = {skip.source for skip in paths.skips} - {IMAGE}
    if paths.bottom is not None:
        found.add(paths.bottom)
    edges = {skip.edge for skip in paths.skips}
    number, way = whole.last, []
    while number is not None and number != IMAGE:
        makers = whole.calls[number].makers
        deep = [maker for i, maker in enumerate(makers) if (number, i) not in edges]
        before = deep[-1] if deep else None
        if before is not None and before != IMAGE and paths.level(before) > paths.level(number):
            found.add(before)
        number = before
        if number is not None and number != IMAGE and not whole.calls[number].passes:
            way.append(number)
    return _some(found or way)


def _some(numbers: Collection[int]) -> list[int]:
    """Numbers in order, evenly spaced ones of them if there are too many."""
    places = np.linspace(0, len(numbers) - 1, min(TARGETS, len(numbers))).round().astype(int)
    return [sorted(numbers)[place] for place in places]


def grid(viewer: Viewer, frame: Frame, side: int | None = None) -> list[tuple[int, int]]:
    """Return evenly spaced pixels (row, column) of the image, as many as there is time for."""
    if side is None:
        start = time.perf_counter()
        height, width = frame.image.shape[:2]
        viewer.view(height // 2 + frame.offset[0], width // 2 + frame.offset[1])
        one = time.perf_counter() - start
        side = next(
            n for n in GRIDS if (n * n + MORE) * one < (QUICK if n > 5 else PATIENT) or n == 3
        )
    ways = []
    for length in frame.image.shape[:2]:
        n = min(side, length)
        ways.append([int((i + 0.5) * length / n) for i in range(n)])
    return [(row, column) for row in ways[0] for column in ways[1]]


def of_objects(viewer: Viewer, frame: Frame) -> list[tuple[str, int, int]]:
    """Return places of the largest predicted objects: what, row and column of the image."""
    record = viewer.record
    if record.model.gives_instead:
        return []
    return objects(probabilities(frame.cut(record.y)).argmax(axis=2))


def look(viewer: Viewer, frame: Frame, places: list[tuple[int, int]]) -> Iterator[View]:
    """Yield the view from each pixel of the image in turn."""
    for row, column in places:
        yield viewer.view(row + frame.offset[0], column + frame.offset[1])


def described(viewer: Viewer) -> list[dict[str, Any]]:
    """Say which maps are shown in a view, the image first."""
    record = viewer.record
    maps: list[dict[str, Any]] = [{"name": "image", "shape": list(record.x.shape[1:])}]
    for number in viewer.targets:
        call = record.calls[number]
        maps.append({"name": call.name, "shape": list(call.shape[1:])})
    return maps
