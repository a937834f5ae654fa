"""Segment as many images at once as there are workers; the first takes down what was found."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinyunet.data.files.gray import SHALLOW
from tinyunet.data.large_files import open_pages
from tinyunet.engine.workers import Workers
from tinyunet.networks.network import Network
from tinyunet.runs.predict import Predicted, predict_to_files
from tinyunet.runs.predictions import Predictions


def one_each(
    model: Network,
    paths: Sequence[Path],
    known: Predictions,
    workers: Workers,
    polygons: bool,
    overwrite: bool,
) -> list[tuple[list[dict[str, Any]], bool] | Exception]:
    """Segment images, at most one a worker, page by page, and take down what was found.

    Returns
    -------
    list
        Of each image what was found in its pages, and whether it has more than 8 bits; or what went
        wrong. All workers get all of it.
    """
    first, mine = workers.rank == 0, paths[workers.rank : workers.rank + 1]
    with contextlib.ExitStack() as files:
        own = [_tried(_open, path, known, files) for path in mine]
        opened = workers.all([_tried(len, pages) for pages in own])
        begun = (
            [_tried(known.begin, *of, overwrite) for of in _each(paths, opened)] if first else []
        )
        stems = workers.same(begun)[workers.rank : workers.rank + 1]
        own = [_tried(_segment, model, *of, known, polygons) for of in zip(own, stems, strict=True)]
        found = workers.all(own)
    results = [_tried(_finish, *of, known) for of in _each(paths, found)] if first else []
    return workers.same(results)


def _each(paths: Sequence[Path], parts: list[list[Any]]) -> list[tuple[Path, Any]]:
    """Each image with what its worker has to say of it."""
    return list(zip(paths, [part for given in parts for part in given], strict=True))


def _tried(work: Callable[..., Any], *arguments: Any) -> Any:
    """What the work returns, or the error that it raises, or that had come up before it."""
    for argument in arguments:
        if isinstance(argument, Exception):
            return argument
    try:
        return work(*arguments)
    except (ValueError, OSError, MemoryError) as error:
        return error


def _open(path: Path, known: Predictions, files: contextlib.ExitStack) -> Sequence[Any]:
    """Open the pages of an image until `files` is closed."""
    pages = open_pages(path, stretch=known.made.get("stretched", False))
    for page in pages:
        files.enter_context(page)
    return pages


def _segment(
    model: Network,
    pages: Sequence[Any],
    stems: Sequence[str],
    known: Predictions,
    polygons: bool,
) -> tuple[list[Predicted], bool]:
    """Segment the pages of an image, and say whether it has more than 8 bits."""
    options = {name: known.made[name] for name in ("tile", "average", "threshold")}
    options["class_names"] = known.made.get("class_names")
    found: list[Predicted] = []
    for stem, page in zip(stems, pages, strict=True):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            place = known.folder / stem
            found.append(predict_to_files(model, page, place, polygons=polygons, **options))
        found[-1].notes += [str(warning.message) for warning in said]
    return found, pages[0].stored.dtype not in SHALLOW


def _finish(
    path: Path, made: tuple[list[Predicted], bool], known: Predictions
) -> tuple[list[dict[str, Any]], bool]:
    """Take down what was found in an image."""
    found, deep = made
    known.finish(path, found)
    entries = known.entries(path)
    for entry, page in zip(entries, found, strict=True):
        entry |= {"skipped": False, "notes": page.notes}
    return entries, deep
