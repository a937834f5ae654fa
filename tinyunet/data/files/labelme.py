"""Polygons that were drawn with LabelMe, as masks."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BACKGROUND = ("_background_", "background")
IGNORED = ("__ignore__", "ignore")
RECIPE = "docs/images.md says how to make masks of it"


@dataclass
class Polygons:
    """The shapes of one file, in the order in which they were drawn; `size` is (height, width)."""

    path: Path
    shapes: list[dict[str, Any]]
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    labels: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = {shape["label"] for shape in self.shapes} - {*BACKGROUND, *IGNORED}

    def draw(self, numbers: dict[str, int] | None, ignore: int) -> np.ndarray:
        """The mask (H, W): of each shape its label's number, or without numbers one for each cell.

        Later shapes lie on earlier ones. Shapes of one group, as LabelMe calls it, are one cell.
        """
        from PIL import Image, ImageDraw

        height, width = self.size
        canvas = Image.new("I", (width, height), 0)
        pen = ImageDraw.Draw(canvas)
        groups: dict[Any, int] = {}
        for place, shape in enumerate(self.shapes):
            label = shape["label"]
            if label in IGNORED:
                number = ignore
            elif label in BACKGROUND:
                number = 0
            elif numbers is not None:
                number = numbers[label]
            else:
                group = (label, shape.get("group_id"))
                group = ("", place) if group[1] is None else group
                number = groups.setdefault(group, len(groups) + 1)
            self._one(canvas, pen, shape, number)
        return np.asarray(canvas).astype(np.int64)

    def _one(self, canvas: Any, pen: Any, shape: dict[str, Any], number: int) -> None:
        points = [(float(x), float(y)) for x, y in shape["points"]]
        kind = shape.get("shape_type") or "polygon"
        if kind == "polygon" and len(points) > 2:
            pen.polygon(points, fill=number, outline=number)
        elif kind == "rectangle" and len(points) > 1:
            (xs, ys) = zip(*points, strict=True)
            pen.rectangle((min(xs), min(ys), max(xs), max(ys)), fill=number, outline=number)
        elif kind == "circle" and len(points) == 2:
            (x, y), edge = points
            r = float(np.hypot(edge[0] - x, edge[1] - y))
            pen.ellipse((x - r, y - r, x + r, y + r), fill=number, outline=number)
        elif kind == "mask" and points:
            _paste(canvas, shape["mask"], points[0], number)


def read_polygons(path: Path) -> Polygons:
    """Read LabelMe's JSON.

    Raises
    ------
    ValueError
        If it is other JSON, or none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("shapes"), list):
        coco = isinstance(found, dict) and {"images", "annotations"} <= set(found)
        what = (
            f"JSON of COCO: {RECIPE}" if coco else f"JSON, but not LabelMe's (no shapes): {RECIPE}"
        )
        raise ValueError(f"{path}: is {what}")
    size = found.get("imageHeight"), found.get("imageWidth")
    areas = ("polygon", "rectangle", "circle", "mask", None)
    lines = sum(shape.get("shape_type") not in areas for shape in found["shapes"])
    notes = (f"{lines} lines or points have no area and were left out",) if lines else ()
    shapes = [s for s in found["shapes"] if s.get("shape_type") in areas]
    for shape in shapes:
        if "label" not in shape or "points" not in shape:
            raise ValueError(f"{path}: one of its shapes has no label or no points")
        shape["label"] = str(shape["label"])
    known = all(isinstance(side, int) and side > 0 for side in size)
    return Polygons(path, shapes, size if known else None, notes)


def _paste(canvas: Any, encoded: str, corner: tuple[float, float], number: int) -> None:
    """Paste a mask that was saved as PNG inside of the JSON, at its upper left corner."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        stencil = image.convert("L").point(lambda value: 255 * (value > 0))
    canvas.paste(number, tuple(round(side) for side in corner), stencil)
