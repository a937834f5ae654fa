"""All that the page shows of a network and an image, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.engine.blas import one_blas_thread
from tinyunet.engine.progress import Progress
from tinyunet.inside.boxes import homes, tell
from tinyunet.inside.frame import Frame, frame
from tinyunet.inside.paths import Paths
from tinyunet.inside.places import View, Viewer, described, grid, look
from tinyunet.inside.record import Record, record
from tinyunet.inside.sheets import linear, logarithmic, png, sheet
from tinyunet.inside.whatif import Variant, variants
from tinyunet.networks.network import Network
from tinyunet.networks.receptive_field import IMAGE
from tinyunet.plots.colours import visible
from tinyunet.plots.u_boxes import Layout
from tinyunet.plots.u_layout import u_layout
from tinyunet.segmentation.evaluation import score_classes
from tinyunet.version import __version__

WARM = 2.0  # seconds: a shorter pass is timed anew
INCH = 96  # pixels of a page


def gather(
    model: Network,
    image: np.ndarray,
    mask: np.ndarray | None,
    places: int | None,
    progress: bool,
    class_names: list[str] | None,
) -> dict[str, Any]:
    """Run the network in all ways that the page shows, and return what it shows."""
    with one_blas_thread():  # once: a small network's layers would limit it a thousand times
        return _gathered(model, image, mask, places, progress, class_names)


def _gathered(
    model: Network,
    image: np.ndarray,
    mask: np.ndarray | None,
    places: int | None,
    progress: bool,
    class_names: list[str] | None,
) -> dict[str, Any]:
    framed = frame(model, image)
    truth = None if mask is None else _truth(model, framed, image, mask)
    whole = record(model, framed.seen())
    if sum(call.seconds for call in whole.calls) < WARM:  # the first pass has fetched memory, too
        whole = record(model, framed.seen())
    paths = Paths(whole)
    layout = u_layout(whole.model, *whole.x.shape[1:3])
    home = homes(whole, layout, paths)
    viewer = Viewer(whole)
    found: dict[str, Any] = {
        "version": __version__,
        "model": str(model),
        "parameters": model.num_parameters,
        "classes": _class_names(model, class_names),
        "image": _image(framed),
        "layout": _drawn(layout, paths, home, viewer),
        "boxes": tell(whole, layout, home, _backward_seconds(whole)),
        "skips": _skips(whole, paths, home),
        "bottom": None if paths.bottom is None else whole.calls[paths.bottom].name,
    }
    found["whatif"] = _whatif(whole, paths, framed, truth, progress)
    found["views"] = _views(viewer, framed, places, progress) if whole.can_go_back else None
    return found


def _class_names(model: Network, names: list[str] | None) -> list[str]:
    count = max(2, model.num_classes)
    if names and len(names) == count:
        return list(names)
    return ["background", "foreground"] if count == 2 else [f"class {i}" for i in range(count)]


def _image(framed: Frame) -> dict[str, Any]:
    seen = visible(framed.seen()[0])
    height, width = framed.image.shape[:2]
    return {
        "png": png(np.round(255 * np.asarray(seen)).astype(np.uint8)),
        "height": height, "width": width, "channels": framed.image.shape[2],
        "top": framed.border[0][0], "left": framed.border[1][0],
        "seen": list(framed.seen().shape[1:3]),
    }  # fmt: skip


def _drawn(layout: Layout, paths: Paths, home: list[int], viewer: Viewer) -> dict[str, Any]:
    """Boxes and arrows in pixels of a page; `skip` says which arrows bring what a skip brings."""
    skips = {}
    for k, skip in enumerate(paths.skips):
        source = 0 if skip.source == IMAGE else home[skip.source]
        skips[source, home[skip.edge[0]]] = k
    boxes = [
        {
            "name": b.name, "step": b.step, "level": b.level,
            "shape": [b.height, b.width, b.channels], "across": b.across,
            "at": [round(INCH * v, 1) for v in (b.left, b.top, b.wide, b.tall)],
        }
        for b in layout.boxes
    ]  # fmt: skip
    arrows = []
    for a in layout.arrows:
        across = a.kind in ("concat", "sum", "skip")
        arrows.append(
            {
                "kind": a.kind, "start": a.start, "end": a.end,
                "way": [[round(INCH * v, 1) for v in point] for point in (a.tail, *a.bends, a.tip)],
                "skip": skips.get((a.start, a.end)) if across else None,
            }
        )  # fmt: skip
    bottom = None if paths.bottom is None else home[paths.bottom]
    targets = [0, *(home[number] for number in viewer.targets)]
    size = [round(INCH * v, 1) for v in (layout.width, layout.height)]
    return {"boxes": boxes, "arrows": arrows, "size": size, "bottom": bottom, "targets": targets}


def _skips(whole: Record, paths: Paths, home: list[int]) -> list[dict[str, Any]]:
    """Which box each skip comes from, and what it brings where."""
    found = []
    for skip in paths.skips:
        image = skip.source == IMAGE
        source = "image" if image else whole.calls[skip.source].name
        found.append(
            {
                "from": source, "box": 0 if image else home[skip.source],
                "to": whole.calls[skip.edge[0]].name, "shape": list(paths.shape(skip.source)[1:]),
            }
        )  # fmt: skip
    return found


def _backward_seconds(whole: Record) -> dict[int, float]:
    """How long each call's backward took, for the gradient of all logits."""
    if not whole.complete:
        return {}
    seconds: dict[int, float] = {}
    whole.sweep({whole.last: np.ones_like(whole.y)}, seconds=seconds)
    return seconds


# ---------------------------------------------------------------------- what if


def _truth(model: Network, framed: Frame, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The class of each pixel that is shown; in a mask for two classes all but 0 is foreground."""
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, but the image {image.shape[:2]}")
    height, width = framed.image.shape[:2]
    top, left = ((a - b) // 2 for a, b in zip(mask.shape, (height, width), strict=True))
    mask = mask[top : top + height, left : left + width]
    count = max(2, model.num_classes)
    if count == 2:
        return (mask > 0).astype(np.int64)
    if mask.min() < 0 or mask.max() >= count:
        raise ValueError(
            f"the mask has values from {mask.min()} to {mask.max()}, but the network's classes are "
            f"0 to {count - 1}"
        )
    return mask.astype(np.int64)


def _whatif(
    whole: Record, paths: Paths, framed: Frame, truth: np.ndarray | None, progress: bool
) -> dict[str, Any]:
    """Predictions as bytes: of two classes the foreground's probability, else the class."""
    found: list[dict[str, Any]] = []
    pictures: list[np.ndarray] = []
    first: np.ndarray | None = None
    bar = Progress(
        variants(whole, paths, framed), desc="what if", unit="prediction", disable=not progress,
        delay=1, leave=False,
    )  # fmt: skip
    for variant in bar:
        p = variant.p
        count = p.shape[2]
        first = p if first is None else first
        pictures.append(linear(p[..., 1], 0, 1) if count == 2 else p.argmax(2).astype(np.uint8))
        found.append(_described(variant, first, truth))
    return {
        "two": count == 2,
        "variants": found,
        "sheet": sheet(pictures),
        "scored": truth is not None,
    }


def _described(variant: Variant, first: np.ndarray, truth: np.ndarray | None) -> dict[str, Any]:
    p = variant.p
    told: dict[str, Any] = {
        "group": variant.group, "name": variant.name, "words": variant.words,
        "change": float(np.abs(p - first).max(axis=2).mean()),
        "changed": float((p.argmax(2) != first.argmax(2)).mean()),
    }  # fmt: skip
    if truth is not None:
        told["scores"] = score_classes(p.argmax(2), truth, p.shape[2])
    return told


# ---------------------------------------------------------------------- views


def _views(viewer: Viewer, framed: Frame, side: int | None, progress: bool) -> dict[str, Any]:
    places = grid(viewer, framed, side)
    bar = Progress(
        look(viewer, framed, places), total=len(places), desc="views", unit="place",
        disable=not progress, delay=1, leave=False,
    )  # fmt: skip
    found = [_as_bytes(viewer, view, framed) for view in bar]
    columns = sum(1 for row, _ in places if row == places[0][0])
    return {
        "maps": described(viewer),
        "places": found,
        "columns": columns,
        "framed": viewer.record.complete,
    }


def _as_bytes(viewer: Viewer, view: View, framed: Frame) -> dict[str, Any]:
    pictures, boxes = [], []
    for number in (IMAGE, *viewer.targets):
        if number not in view.sizes:
            boxes.append(None)
            continue
        size = view.sizes[number]
        (a, b), (c, d) = view.boxes[number]
        most = float(size.max())
        boxes.append(
            {
                "at": len(pictures),
                "box": [int(a), int(c), int(b - a + 1), int(d - c + 1)],
                "most": most,
            }
        )
        pictures.append(logarithmic(size, most))
    row, column = view.row - framed.offset[0], view.column - framed.offset[1]
    return {
        "row": row, "column": column, "channel": view.channel, "logit": view.logit,
        "bottom": view.bottom, "skips": view.skips, "maps": boxes, "sheet": sheet(pictures),
    }  # fmt: skip
