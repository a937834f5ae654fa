"""Segment an image and write what was found into files, as `tinyunet predict` does for each."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from tinyunet import plots
from tinyunet.data.large_files import ImageFile
from tinyunet.engine.arrays import occurrences
from tinyunet.engine.scratch import Scratch, ScratchPlanes
from tinyunet.engine.whole_files import naming, written_whole
from tinyunet.networks.network import Network
from tinyunet.runs.cell_files import kinds_of, write_polygons, write_table
from tinyunet.runs.streams import write_png, write_tiff
from tinyunet.segmentation.evaluation import num_classes
from tinyunet.segmentation.large_cells import instances_large
from tinyunet.segmentation.large_images import predict_large
from tinyunet.segmentation.measure import measure
from tinyunet.segmentation.pieces import number_pieces
from tinyunet.segmentation.windows import Window, strips_of

LABELS, WIDE_LABELS = "_labels.png", "_labels.tif"
PROBABILITIES, OVERLAY = "_probabilities.tif", "_overlay.png"
TABLE, POLYGONS = "_cells.csv", "_cells.geojson"
ENDS = (LABELS, WIDE_LABELS, PROBABILITIES, OVERLAY, TABLE, POLYGONS)
IN_PNG = 65535
# Pixels up to which an overlay is drawn whole, and how many a larger image is reduced to at most: its
# picture takes about 60 bytes a pixel while it is drawn.
WHOLE_OVERLAY, REDUCED_OVERLAY = 25_000_000, 8_000_000


@dataclass
class Predicted:
    """What was found in an image, and where it is.

    `count` cells; or the `pixels` of each class, and of how many `pieces` they are.
    """

    height: int
    width: int
    count: int | None
    pixels: list[int] | None
    pieces: list[int] | None
    files: list[Path]
    notes: list[str] = field(default_factory=list)


def file_of(stem: Path, end: str) -> Path:
    """The file of an image's results that has this end."""
    return stem.with_name(stem.name + end)


def ends_for(polygons: bool) -> list[str]:
    """The ends of what is written for each image; labels may be a TIFF in place of the PNG."""
    return [LABELS, PROBABILITIES, OVERLAY, TABLE, *[POLYGONS] * polygons]


class _OneChannel:
    """A gray image that was saved in colour, as one of one channel."""

    def __init__(self, image: Window):
        self.image, self.shape = image, (*image.shape[:2], 1)

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        return self.image[window][..., :1]


def in_channels(image: Window, channels: int) -> Window:
    """An image as the model takes it: of a gray image saved in colour, one channel.

    Raises
    ------
    ValueError
        If it has other channels than the model takes.
    """
    shape = image.shape if len(image.shape) == 3 else (*image.shape, 1)
    if shape[2] == channels:
        return image
    if channels == 1 and shape[2] in (3, 4):
        parts = (image[rows, :] for rows in strips_of(shape))
        if all((part[..., :3] == part[..., :1]).all() for part in parts):
            return _OneChannel(image)
        remedy = "it is in colour: save it as gray, or train a model on images in colour"
    elif channels == 3 and shape[2] == 1:
        return image  # which shows gray in all three
    else:
        remedy = "give images with the channels that the model was trained on"
    raise ValueError(
        f"the model needs an image (H, W, {channels}), got one of shape {shape}; {remedy}"
    )


def predict_to_files(
    model: Network,
    image: Window,
    stem: Path,
    *,
    tile: int | None,
    average: str | None,
    threshold: float,
    polygons: bool = False,
    class_names: Sequence[str] | None = None,
) -> Predicted:
    """Segment one image of any size and write its results beside each other.

    Only windows of the image and of what is found are in memory; what is larger than 64 MiB lies in
    files without a name in the folder of the results while this lasts.

    Parameters
    ----------
    image
        An `ImageFile`, or an array (H, W, C) of floats of about [0, 1].
    stem
        The results are ``STEM_labels.png`` (16 bits; with more than 65,535 cells ``.tif``, 32 bits):
        the number of the cell, or with three classes or more the class; ``STEM_probabilities.tif``,
        float32, one page a class; ``STEM_overlay.png``; and ``STEM_cells.csv``, of cells, or with
        three classes or more of connected pieces.
    polygons
        Write ``STEM_cells.geojson``, too.
    tile, average, threshold
        As of `predict_image` and `instances`.
    class_names
        What classes 0 ... K-1 are called in the table.

    Raises
    ------
    ValueError
        If the model cannot take the image.
    OSError
        If a file cannot be written: the error names it.
    """
    shown = in_channels(image, model.in_channels)
    height, width = image.shape[:2]
    classes = num_classes(model)
    cells = classes == 2
    stem.parent.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    notes: list[str] = []
    with (
        naming(file_of(stem, LABELS)),
        ScratchPlanes((height, width, classes), model.dtype, stem.parent) as maps,
        Scratch((height, width), np.uint32, stem.parent) as labels,
        Scratch((height, width), np.uint32, stem.parent) as pieces,
    ):
        predict_large(model, shown, maps, tile=tile, average=average)
        count = instances_large(maps.plane(1), labels, threshold) if cells else None
        pixels = None if cells else _classes(maps, labels)
        counts = None if cells else number_pieces(labels, pieces, pixels)
        wide = cells and count > IN_PNG
        if wide:
            notes.append(f"{count} cells are more than a PNG can number: labels are a 32-bit TIFF")
        with _result(stem, WIDE_LABELS if wide else LABELS, files) as file:
            write_tiff(file, [labels], np.uint32) if wide else write_png(file, labels)
        with _result(stem, PROBABILITIES, files) as file:
            write_tiff(file, [maps.plane(k) for k in range(classes)], np.float32)
        with _result(stem, OVERLAY, files) as file:
            _overlay(shown, labels, file, notes)
        stored = image.stored if isinstance(image, ImageFile) else image
        numbers = labels if cells else pieces
        found = measure(numbers, stored if shown is image else _OneChannel(stored))
        kinds = None if cells else kinds_of(counts, class_names)
        with _result(stem, TABLE, files) as file:
            write_table(file, found, kinds)
        if polygons:
            with _result(stem, POLYGONS, files) as file:
                write_polygons(file, found, numbers, kinds)
    for end in ENDS:  # what an earlier prediction left, and this one has not
        if file_of(stem, end) not in files:
            file_of(stem, end).unlink(missing_ok=True)
    return Predicted(height, width, count, pixels, counts, files, notes)


def predict_file(
    model: Network,
    image: np.ndarray,
    stem: Path,
    *,
    tile: int | None,
    average: str | None,
    threshold: float,
) -> np.ndarray:
    """`predict_to_files` for an image in memory; returns its labels (H, W), integers."""
    options = {"tile": tile, "average": average, "threshold": threshold}
    labels = predict_to_files(model, image, stem, **options).files[0]
    if labels.suffix == ".tif":
        import tifffile

        return tifffile.imread(labels)
    with Image.open(labels) as file:
        return np.asarray(file)


@contextlib.contextmanager
def _result(stem: Path, end: str, files: list[Path]) -> Iterator[BinaryIO]:
    """A file of results, written whole, and then one of `files`."""
    path = file_of(stem, end)
    with written_whole(path) as file:
        yield file
    files.append(path)


def _classes(maps: ScratchPlanes, labels: Window) -> list[int]:
    """Write each pixel's most probable class, and return how many pixels each class has."""
    counts = np.zeros(maps.shape[2], np.int64)
    for rows in strips_of(maps.shape):
        labels[rows, :] = found = maps[rows, :].argmax(2)
        counts += occurrences(found, minlength=len(counts))
    return counts.tolist()


def _overlay(image: Window, labels: Window, file: BinaryIO, notes: list[str]) -> None:
    """Draw what was found on the image; on a very large one, at every k-th pixel."""
    height, width = labels.shape
    k = 1
    if height * width > WHOLE_OVERLAY:
        k = math.ceil(math.sqrt(height * width / REDUCED_OVERLAY))
        notes.append(f"the overlay shows one of {k} x {k} pixels")
    # Each strip begins at a multiple of k.
    rows = max(1, strips_of(labels.shape)[0].stop // k) * k
    parts = [
        (image[place, :][::k, ::k].copy(), labels[place, :][::k, ::k].copy())
        for place in strips_of(labels.shape, rows)
    ]
    seen, cells = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if seen.ndim == 2:
        seen = seen[..., None]
    Image.fromarray(plots.overlay(seen, cells.astype(np.int64))).save(file, "PNG")
