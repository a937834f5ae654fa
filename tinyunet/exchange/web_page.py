"""A page that segments images in a browser, with a network's ONNX file."""

from __future__ import annotations

import copy
import html
import json
from importlib import resources
from pathlib import Path
from typing import Any

from tinyunet.engine.rules import short
from tinyunet.engine.whole_files import write_text
from tinyunet.exchange.onnx_file import export_onnx, import_onnx
from tinyunet.layers.graph import Side
from tinyunet.layers.layer import Layer
from tinyunet.metrics.regions import SMALLEST
from tinyunet.networks.network import Network
from tinyunet.networks.plain import labelling
from tinyunet.segmentation.cells import CORE, SMALLEST_CORE
from tinyunet.version import __version__

RUNTIME_VERSION = "1.30.0"  # of onnxruntime-web, which runs the file in the browser
CDN = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{RUNTIME_VERSION}/dist/"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
READABLE = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif")  # by browsers
OURS = b"Made with tinyunet"  # in each of these pages
SCRIPTS = ("page.js", "worker.js", "tiles.js", "cells.js", "image.js", "png.js", "page.css")


def export_web(
    model: Layer,
    folder: str | Path,
    *,
    threshold: float = 0.5,
    class_names: list[str] | None = None,
    stretched: bool = False,
    example: str | Path | None = None,
    runtime: str | Path | None = None,
    size: Side | int | None = None,
    title: str = "Segment an image",
) -> list[str]:
    """Write a page that segments images in the browser with a network: ``index.html`` and its files.

    Images never leave the computer that shows the page. Pixels get the probabilities of
    `predict_image`, to about 1e-5, and cells are found as by `instances`. Any server of files serves
    it: ``python -m http.server`` in the folder, then http://localhost:8000.

    Parameters
    ----------
    model
        A network that labels pixels of images of 1 or 3 channels.
    folder
        Where the files go; those of an earlier page are replaced.
    threshold
        Where the slider begins.
    class_names
        What the classes are called.
    stretched
        Whether the network knows images of 8 bits stretched: see `tinyunet.data.read_image`.
    example
        An image that the page offers. By default, for cells in gray images, tinyunet's picture of
        nuclei; for others none.
    runtime
        A folder with the files of the npm package onnxruntime-web, which are copied. By default the
        page loads them from a CDN.
    size
        See `export_onnx`.
    title
        The page's.

    Returns
    -------
    list of str
        What there is to say, as of `export_onnx`.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `export_onnx`; for a network whose images have other channels, or an example of a kind that
        browsers do not read.
    FileNotFoundError
        If the folder of the runtime lacks its files, or the example is not there.
    FileExistsError
        If the folder is a file, or holds a page that is none of tinyunet's.
    """
    import_onnx()
    network = labelling(model)
    if network.in_channels not in (1, 3):
        raise ValueError(
            f"a page shows images of 1 or 3 channels, but {short(model)} takes {network.in_channels}"
        )
    settings = _settings(network, threshold, class_names, stretched)
    folder = Path(folder)
    _refuse_what_is_there(folder)
    found = [] if runtime is None else _runtime(Path(runtime))
    copied = {path.name: path.read_bytes() for path in found}  # they may lie in this very folder
    shown = _example(example, settings)
    exported = model if model.dtype == "float32" else copy.deepcopy(model).astype("float32")
    notes = export_onnx(
        exported, folder / "model.onnx", probabilities=True, size=size, threshold=threshold,
        class_names=class_names, stretched=stretched,
    )  # fmt: skip
    fixed = _fixed_size(folder / "model.onnx")
    settings |= {"size": fixed, "runtime": "ort/" if copied else CDN}
    for name, content in copied.items():
        (folder / "ort").mkdir(exist_ok=True)
        (folder / "ort" / name).write_bytes(content)
    for name, content in shown.items():
        settings["example"] = name
        (folder / name).write_bytes(content)
    _write(folder, settings, title)
    return notes


def _refuse_what_is_there(folder: Path) -> None:
    """Raise FileExistsError if a page would take the place of something else."""
    if folder.is_file():
        raise FileExistsError(f"{folder} is a file: give a folder for the page")
    page = folder / "index.html"
    if page.exists() and OURS not in page.read_bytes():
        raise FileExistsError(f"{page} is another page, which stays: give a folder of its own")


def _example(example: str | Path | None, settings: dict[str, Any]) -> dict[str, bytes]:
    """The image that the page offers, by its name there; empty if there is none."""
    if example is None:
        if (settings["channels"], settings["classes"]) != (1, 2):
            return {}
        example = Path(str(resources.files("tinyunet.data.sets") / "picture" / "image.png"))
    example = Path(example)
    if example.suffix.lower() not in READABLE:
        raise ValueError(
            f"browsers do not read {example}, but {', '.join(READABLE)}: save the example as such"
        )
    if not example.is_file():
        raise FileNotFoundError(f"there is no example {example}")
    return {f"example{example.suffix.lower()}": example.read_bytes()}


def _settings(
    network: Network, threshold: float, class_names: list[str] | None, stretched: bool
) -> dict[str, Any]:
    """What the page's scripts must know of a network."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is a probability, from 0 to 1, got {threshold}")
    classes = max(2, network.num_classes)
    if class_names is not None and len(class_names) != classes:
        raise ValueError(
            f"class_names are {len(class_names)}, and the network has {classes} classes"
        )
    return {
        "channels": network.in_channels,
        "classes": classes,
        "classNames": class_names,
        "threshold": threshold,
        "stretched": stretched,
        "sizes": [vars(axis) for axis in network.sizes],
        "tileStride": network.tile_stride,
        "reach": network.reach,
        "pads": network.pads,
        "cells": {"smallest": SMALLEST, "core": CORE, "smallestCore": SMALLEST_CORE},
    }


def _runtime(folder: Path) -> list[Path]:
    """The files of onnxruntime-web in a folder, or in its ``dist``."""
    for place in (folder, folder / "dist", folder / "node_modules" / "onnxruntime-web" / "dist"):
        if all((place / name).is_file() for name in RUNTIME):
            return [place / name for name in RUNTIME]
    raise FileNotFoundError(
        f"{folder} lacks {', '.join(RUNTIME)}, which are in the folder dist of the npm package "
        f"onnxruntime-web: npm pack onnxruntime-web@{RUNTIME_VERSION}, and unpack it"
    )


def _write(folder: Path, settings: dict[str, Any], title: str) -> None:
    """Write the page and its scripts."""
    source = resources.files("tinyunet.exchange") / "web"
    for name in SCRIPTS:
        write_text(folder / name, (source / name).read_text(encoding="utf-8"))
    page = (source / "page.html").read_text(encoding="utf-8")
    classes = settings["classNames"] or []
    kinds = f"Classes: {', '.join(classes)}." if len(classes) > 2 else ""
    filled = {
        "title": html.escape(title),
        "about": html.escape(kinds),
        "version": __version__,
        "model": json.dumps(settings).replace("<", "\\u003c"),
    }
    for key, value in filled.items():
        page = page.replace("{{" + key + "}}", value)
    write_text(folder / "index.html", page)


def _fixed_size(path: Path) -> list[int] | None:
    """The size that a file is for, None if it is for any."""
    import onnx

    known = {p.key: p.value for p in onnx.load(path, load_external_data=False).metadata_props}
    return json.loads(known["size"]) if "size" in known else None
