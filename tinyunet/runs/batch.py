"""Segment many images into one folder: what is done is left, what fails does not end the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinyunet.data.check.grouping import group
from tinyunet.data.files.gray import in_words_of_depth
from tinyunet.engine.locks import FolderLock
from tinyunet.engine.whole_files import FULL
from tinyunet.engine.workers import ALONE, Workers
from tinyunet.networks.network import Network
from tinyunet.runs.one_each import one_each
from tinyunet.runs.predict import ends_for
from tinyunet.runs.predictions import COUNTS, Predictions

Tell = Callable[[str], None]


@dataclass
class Report:
    """What became of the images.

    `asked` files were given. `images` say of each, and of each page of a stack, what was found, its
    files, and whether they were there already; `failures` are files with what went wrong, `untried`
    those that were left after the disk was full. `verb`: what was done to them.
    """

    out: Path
    made: dict[str, Any]
    asked: int
    images: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[Path, Exception]] = field(default_factory=list)
    untried: list[Path] = field(default_factory=list)
    verb: str = "predicted"

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        failures = [{"image": str(path), "error": sentence(path, e)} for path, e in self.failures]
        found: dict[str, Any] = {**self.made, "out": str(self.out), "images": self.images}
        counted = self.images and self.verb == "predicted"
        found |= {"counts": str(self.out / COUNTS)} if counted else {}
        return found | {"failures": failures, "not_tried": [str(path) for path in self.untried]}

    def summary(self) -> str:
        """How much was found in all, and where the counts are."""
        cells = [entry["cells"] for entry in self.images if "cells" in entry]
        found = f", {cells_in_words(sum(cells))}" if cells else ""
        return f"{len(self.images)} images{found}: {self.out / COUNTS}"

    def failed(self) -> str:
        """What went wrong, a line for each image."""
        lines = [f"{len(self.failures)} of {self.asked} images could not be {self.verb}:"]
        lines += group([sentence(path, error) for path, error in self.failures])
        if self.untried:
            names = ", ".join(map(str, self.untried[:5]))
            more = f" and {len(self.untried) - 5} more" if len(self.untried) > 5 else ""
            lines.append(f"not tried after that: {names}{more}")
        return "\n- ".join(lines)


def sentence(path: Path, error: Exception) -> str:
    """What went wrong with an image, with its name once."""
    said = str(error) or "out of memory" * isinstance(error, MemoryError) or type(error).__name__
    return said if str(path) in said else f"{path}: {said}"


def predict_all(
    model: Network,
    images: Sequence[Path],
    out: Path,
    made: dict[str, Any],
    *,
    polygons: bool = False,
    overwrite: bool = False,
    tell: Tell = print,
    note: Tell = print,
    workers: Workers = ALONE,
) -> Report:
    """Segment images into a folder, and go on after one that fails.

    Parameters
    ----------
    made
        What decides about results: model, threshold, average, tile; see `Predictions`.
    polygons
        Write polygons, too.
    overwrite
        Make those anew that are there, and replace files of the same names.
    tell, note
        Get a sentence for each image, and what else there is to say of it.
    workers
        Who shares the images, one each at a time. All call this, and all get the report; the first
        alone tells, and takes down what was found.

    Raises
    ------
    FileExistsError
        Before anything is done, if there are files that are no results of these images, or were made
        otherwise.
    BlockingIOError
        If another prediction writes into the folder.
    """
    if workers.rank:
        tell = note = _say_nothing
    with contextlib.nullcontext() if workers.rank else alone(out, "prediction"):
        known = Predictions(out, made)
        options = {"polygons": polygons, "overwrite": overwrite}
        return _predict_all(model, images, known, tell, note, workers, **options)


def _say_nothing(sentence: str) -> None:
    pass


@contextlib.contextmanager
def alone(out: Path, what: str) -> Iterator[None]:
    """Make the folder, and keep others that do the same out of it; an empty one goes with an error."""
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FolderLock(out, what).held():
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):  # there are results in it
                out.rmdir()


def _predict_all(
    model: Network,
    images: Sequence[Path],
    known: Predictions,
    tell: Tell,
    note: Tell,
    workers: Workers,
    *,
    polygons: bool,
    overwrite: bool,
) -> Report:
    made, report = known.made, Report(known.folder, known.made, len(images))
    there = [] if overwrite or workers.rank else _there(images, known, ends_for(polygons))
    there = workers.same(there)
    to_do = [i for i in range(len(images)) if i not in there]
    results: dict[int, Any] = {}
    deep = 0
    # Where nobody watches, what is told of each image is progress enough.
    quiet = True if workers.rank or len(images) == 1 else None
    bar = tqdm(images, desc="images", leave=False, disable=quiet)
    for i, path in enumerate(bar):
        if i in to_do and i not in results:
            now = [k for k in to_do if k >= i][: workers.count]
            each = one_each(model, [images[k] for k in now], known, workers, polygons, overwrite)
            results.update(zip(now, each, strict=True))
        found = results.pop(i, None)
        if isinstance(found, Exception):
            report.failures.append((path, found))
            if isinstance(found, OSError) and found.errno in FULL:
                report.untried = [images[k] for k in range(i + 1, len(images)) if k not in results]
                break
            continue
        entries, is_deep = (known.entries(path), False) if found is None else found
        deep += is_deep
        report.images += entries
        with contextlib.nullcontext() if bar.disable else tqdm.external_write_mode():
            for entry in entries:
                tell(in_words(entry, made))
                for words in entry["notes"]:
                    note(f"{entry['image']}: {words}")
    bar.close()
    if deep and not made.get("stretched"):
        note(f"note: {in_words_of_depth(deep)}")
    return report


def _there(images: Sequence[Path], known: Predictions, ends: Sequence[str]) -> list[int]:
    """Which of the images have their results already."""
    done = {path for path in images if known.is_done(path, ends)}
    return [i for i, path in enumerate(images) if path in done]


def cells_in_words(count: int) -> str:
    """A number of cells."""
    return "1 cell" if count == 1 else f"{count} cells"


def in_words(entry: dict[str, Any], made: dict[str, Any]) -> str:
    """A line about an image."""
    if "cells" in entry:
        found = f"{cells_in_words(entry['cells'])} at threshold {made['threshold']:g}"
    else:
        total = sum(entry["pixels"])
        names = entry.get("classes") or [""] * len(entry["pixels"])
        pieces = entry.get("pieces") or [0] * len(entry["pixels"])
        found = "pixels of classes " + ", ".join(
            f"{k} {name}".strip()
            + f": {100 * n / total:.3g} %"
            + f" in {count} piece{'s' * (count > 1)}" * (count > 0)
            for k, (n, name, count) in enumerate(zip(entry["pixels"], names, pieces, strict=True))
            if n
        )
    if entry["skipped"]:
        return f"{entry['image']}: {found}; has these results already, --overwrite makes them anew"
    return f"{entry['image']}: {found}, " + ", ".join(entry["files"])
