"""All that the page shows of a network and an image, as plain data."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tinyunet.engine.blas import one_blas_thread
from tinyunet.engine.progress import Progress
from tinyunet.inside.boxes import homes, largest, tell
from tinyunet.inside.field import known
from tinyunet.inside.frame import Frame, frame
from tinyunet.inside.paths import Paths
from tinyunet.inside.places import View, Viewer, described, grid, look, of_objects
from tinyunet.inside.predictions import predictions, truth_shown
from tinyunet.inside.record import Record, record
from tinyunet.inside.sheets import logarithmic, png, sheet
from tinyunet.inside.spread import peak, squares
from tinyunet.networks.network import Network
from tinyunet.networks.receptive_field import IMAGE
from tinyunet.plots.colours import visible
from tinyunet.plots.u_boxes import Layout
from tinyunet.plots.u_layout import u_layout
from tinyunet.segmentation.evaluation import num_classes
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
    truth = None if mask is None else truth_shown(model, framed, image, mask)
    names = _class_names(model, class_names)
    # Of a copy of its own: a layer of the user's may keep arrays where a record doesn't find them.
    layout = u_layout(copy.deepcopy(model), *framed.seen().shape[1:3])
    whole = record(model, framed.seen())
    _check_finite(whole)
    if sum(call.seconds for call in whole.calls) < WARM:  # the first pass has fetched memory, too
        whole = record(model, framed.seen())
    paths = Paths(whole)
    home = homes(whole, layout, paths)
    viewer = Viewer(whole)
    seconds, why = _backward(whole)
    found: dict[str, Any] = {
        "version": __version__,
        "model": str(model),
        "parameters": model.num_parameters,
        "classes": names,
        "image": _image(framed),
        "layout": _drawn(layout, paths, home, viewer),
        "boxes": tell(whole, layout, home, seconds, paths),
        "skips": _skips(whole, paths, home),
        "bottom": None if paths.bottom is None else whole.calls[paths.bottom].name,
    }
    found["largest"] = largest(found["boxes"][1:])  # the image is no layer
    found["whatif"] = predictions(whole, paths, framed, truth, progress)
    found["why"] = why
    found["views"] = None if why else _views(viewer, framed, places, progress)
    return found


def _class_names(model: Network, names: list[str] | None) -> list[str]:
    count = num_classes(model)
    if model.gives_instead:
        return [f"output {i}" for i in range(model.num_classes)]
    if names is not None and len(names) != count:
        raise ValueError(f"{len(names)} class names were given, but {model} has {count} classes")
    names = names or getattr(model, "class_names", None)
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


def _check_finite(whole: Record) -> None:
    """Raise ValueError if a layer gives NaN or infinite values."""
    for call in whole.calls:
        if not np.isfinite(call.output).all():
            raise ValueError(
                f"{call.name} gives NaN or infinite values for this image: were its weights spoilt in "
                "training? An earlier checkpoint may be whole"
            )


def _backward(whole: Record) -> tuple[dict[int, float], str]:
    """How long each call's backward took, for the gradient of all logits; and why, if none runs."""
    seconds: dict[int, float] = {}
    dy = np.ones_like(whole.y)
    try:
        if whole.complete:
            whole.sweep({whole.last: dy}, seconds=seconds)
        else:
            whole.gradients(dy)
    except Exception as error:
        if known(whole):  # no class of the user's has a part in it
            raise
        return {}, f"{type(error).__name__}: {error}"
    return seconds, ""


# ---------------------------------------------------------------------- views


def _views(viewer: Viewer, framed: Frame, side: int | None, progress: bool) -> dict[str, Any]:
    places = grid(viewer, framed, side)
    even = len(places)
    matter = of_objects(viewer, framed)
    places += [(row, column) for _, row, column in matter]
    bar = Progress(
        look(viewer, framed, places), total=len(places), desc="views", unit="place",
        disable=not progress, delay=1, leave=False,
    )  # fmt: skip
    found = [_as_bytes(viewer, view, framed) for view in bar]
    for view, (what, *_) in zip(found[even:], matter, strict=True):
        view["what"] = what
    return {
        "maps": described(viewer),
        "places": found,
        "even": even,
        "framed": viewer.record.complete,
    }


def _as_bytes(viewer: Viewer, view: View, framed: Frame) -> dict[str, Any]:
    pictures, boxes = [], []
    row, column = view.row - framed.offset[0], view.column - framed.offset[1]
    for number in (IMAGE, *viewer.targets):
        if number not in view.sizes:
            boxes.append(None)
            continue
        size = view.sizes[number]
        (a, b), (c, d) = view.boxes[number]
        most = float(size.max())
        top, left = peak(size)
        told: dict[str, Any] = {
            "at": len(pictures), "most": most, "peak": [int(a) + top, int(c) + left],
            "box": [int(a), int(c), int(b - a + 1), int(d - c + 1)],
        }  # fmt: skip
        if number == IMAGE:  # in rows and columns of what the network saw, as the box is
            above, before = framed.border[0][0], framed.border[1][0]
            told["squares"] = squares(size, row + above - int(a), column + before - int(c))
        boxes.append(told)
        pictures.append(logarithmic(size, most))
    return {
        "row": row, "column": column, "channel": view.channel, "logit": view.logit,
        "bottom": view.bottom, "skips": view.skips, "maps": boxes, "sheet": sheet(pictures),
    }  # fmt: skip
