"""Segment an image that is too large for memory: probabilities, window by window."""

from __future__ import annotations

import itertools

import numpy as np

from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network
from tinyunet.networks.plain import labelling
from tinyunet.segmentation.symmetries import kind_of_average
from tinyunet.segmentation.tiles import checked, plan, predict_image, strips
from tinyunet.segmentation.windows import Window, strips_of


def predict_large(
    model: Layer,
    image: Window,
    probabilities: Window,
    *,
    tile: int | tuple[int, int] | None = None,
    average: bool | str = False,
) -> None:
    """Write the class probabilities of every pixel, while only one row of tiles is in memory.

    The values are those of `predict_image`, to the last bit, with the same parameters. The mean of
    symmetries is summed up in `probabilities`, each version of the image in its own tiles. Rotations
    are by odd angles and need the image and its probabilities in memory.

    Parameters
    ----------
    model, tile, average
        As of `predict_image`.
    image
        (H, W, C) or (H, W). An array, or what gives windows ``image[top:bottom, left:right]`` as
        arrays of floats of about [0, 1]: a memory map, a Zarr or HDF5 data set, an image file that
        `tinyunet.data.open_image` has opened.
    probabilities
        (H, W, K). Takes and gives windows: an array, or `tinyunet.engine.scratch.ScratchPlanes`.

    Raises
    ------
    ValueError, TypeError
        As `predict_image`, when the window in question is read.
    """
    model = labelling(model)
    kind = kind_of_average(average)
    if kind == "rotations":
        probabilities[:, :] = predict_image(model, image[:, :], tile=tile, average=kind)
        return
    versions = [(0, False)]
    if kind == "symmetries":
        versions = list(itertools.product(range(4), (False, True)))
    for i, (turns, mirrored) in enumerate(versions):
        turned = _Turned(model, image, turns, mirrored)
        for rows, strip in strips(model, turned.rows, *plan(model, turned.sides, tile)):
            place, values = turned.back(rows, strip)
            probabilities[place] = probabilities[place] + values if i else values
    if len(versions) > 1:
        for rows in strips_of(probabilities.shape):
            probabilities[rows, :] = probabilities[rows, :] / len(versions)


class _Turned:
    """An image turned by quarters, and then mirrored or not, of which rows are read."""

    def __init__(self, model: Network, image: Window, turns: int, mirrored: bool):
        self.model, self.image, self.turns, self.mirrored = model, image, turns, mirrored
        height, width = image.shape[:2]
        self.sides = (width, height) if turns % 2 else (height, width)

    def place(self, rows: slice) -> tuple[slice, slice]:
        """Where rows of the turned image lie in the image."""
        side = self.sides[0]
        start, stop = rows.start, rows.stop
        if self.turns in (
            1,
            2,
        ):  # np.rot90 is against the clock: the last column becomes the first row
            start, stop = side - stop, side - start
        lines = slice(start, stop)
        return (slice(None), lines) if self.turns % 2 else (lines, slice(None))

    def rows(self, rows: slice) -> np.ndarray:
        """Rows of the turned image, checked, in the model's dtype."""
        window = np.rot90(checked(self.model, self.image[self.place(rows)]), self.turns)
        return window[:, ::-1] if self.mirrored else window

    def back(self, rows: slice, values: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
        """Where values for these rows belong, and the values turned back."""
        values = values[:, ::-1] if self.mirrored else values
        return self.place(rows), np.rot90(values, -self.turns)
