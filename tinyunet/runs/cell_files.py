"""Cells as a table (CSV) and as polygons (GeoJSON)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np

from tinyunet.segmentation.measure import Cells
from tinyunet.segmentation.polygons import polygon
from tinyunet.segmentation.windows import Window

DIGITS = 3  # after the point


Kinds = dict[str, list[Any]]


def kinds_of(counts: Sequence[int], names: Sequence[str] | None) -> Kinds:
    """The class of each piece, and its name where there are some, by how many pieces classes have."""
    numbers = [k for k, count in enumerate(counts) for _ in range(count)]
    return {"class": numbers} | ({"name": [names[k] for k in numbers]} if names else {})


def write_table(file: BinaryIO, cells: Cells, kinds: Kinds | None = None) -> None:
    """Write a row for each cell, with the columns of `Cells.columns`; `kinds` come after its label."""
    columns = {
        name: np.round(values, DIGITS).tolist() if values.dtype.kind == "f" else values.tolist()
        for name, values in cells.columns().items()
    }
    columns = {"label": columns.pop("label"), **(kinds or {}), **columns}
    write_csv(file, list(columns), zip(*columns.values(), strict=True))


def write_csv(file: BinaryIO, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV in UTF-8."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        text.flush()
    finally:
        text.detach()


def write_polygons(
    file: BinaryIO, cells: Cells, labels: Window, kinds: Kinds | None = None
) -> None:
    """Write the outline of each cell as a feature of GeoJSON; see `polygon` for its coordinates.

    `kinds` are among its properties.
    """
    file.write(b'{"type": "FeatureCollection", "features": [')
    for number, (area, box) in enumerate(zip(cells.area.tolist(), cells.boxes, strict=True), 1):
        rows, columns = box
        own = {name: values[number - 1] for name, values in (kinds or {}).items()}
        feature = {
            "type": "Feature",
            "id": number,
            "properties": {"label": number, **own, "area": area},
            "geometry": polygon(labels[box] == number, rows.start, columns.start),
        }
        file.write(b",\n" if number > 1 else b"\n")
        file.write(json.dumps(feature, separators=(",", ":")).encode())
    file.write(b"\n]}\n")
