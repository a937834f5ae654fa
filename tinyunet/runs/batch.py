"""Segment many images into one folder: what is done is left, what fails does not end the rest."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tinyunet.data.large_files import open_image
from tinyunet.engine.whole_files import FULL
from tinyunet.networks.network import Network
from tinyunet.runs.predict import Predicted, ends_for, predict_to_files
from tinyunet.runs.predictions import COUNTS, Predictions

Tell = Callable[[str], None]


@dataclass
class Report:
    """What became of the images.

    `images` say of each what was found, its files, and whether they were there already; `failures`
    are images with what went wrong, `untried` those that were left after the disk was full.
    """

    out: Path
    made: dict[str, Any]
    images: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[Path, Exception]] = field(default_factory=list)
    untried: list[Path] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        failures = [{"image": str(path), "error": sentence(path, e)} for path, e in self.failures]
        found: dict[str, Any] = {**self.made, "out": str(self.out), "images": self.images}
        found |= {"counts": str(self.out / COUNTS)} if self.images else {}
        return found | {"failures": failures, "not_tried": [str(path) for path in self.untried]}

    def summary(self) -> str:
        """How much was found in all, and where the counts are."""
        cells = [entry["cells"] for entry in self.images if "cells" in entry]
        found = f", {sum(cells)} cells" if cells else ""
        return f"{len(self.images)} images{found}: {self.out / COUNTS}"

    def failed(self) -> str:
        """What went wrong, a line for each image."""
        n = len(self.failures) + len(self.images) + len(self.untried)
        lines = [f"{len(self.failures)} of {n} images could not be predicted:"]
        lines += [sentence(path, error) for path, error in self.failures]
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

    Raises
    ------
    FileExistsError
        Before anything is done, if there are files that are no results of these images, or were made
        otherwise.
    """
    known = Predictions(out, made)
    ends = ends_for(model, polygons)
    there = set() if overwrite else {path for path in images if known.is_done(path, ends)}
    report = Report(out, made)
    out.mkdir(parents=True, exist_ok=True)
    # Where nobody watches, what is told of each image is progress enough.
    bar = tqdm(images, desc="images", leave=False, disable=None if len(images) > 1 else True)
    for i, path in enumerate(bar):
        try:
            if path in there:
                entry = known.entry(path)
            else:
                entry = _one(model, path, known, polygons)
        except (ValueError, OSError, MemoryError) as error:
            report.failures.append((path, error))
            if isinstance(error, OSError) and error.errno in FULL:
                report.untried = list(images[i + 1 :])
                break
            continue
        report.images.append(entry)
        with contextlib.nullcontext() if bar.disable else tqdm.external_write_mode():
            tell(in_words(entry, made))
            for words in entry["notes"]:
                note(f"{path}: {words}")
    bar.close()
    return report


def _one(model: Network, path: Path, known: Predictions, polygons: bool) -> dict[str, Any]:
    """Segment one image, take down what was found, and return it."""
    options = {name: known.made[name] for name in ("tile", "average", "threshold")}
    with open_image(path) as image, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        known.begin(path)
        stem = known.folder / path.stem
        found: Predicted = predict_to_files(model, image, stem, polygons=polygons, **options)
    known.finish(path, found)
    found.notes += [str(warning.message) for warning in said]
    return {**known.entry(path), "skipped": False, "notes": found.notes}


def in_words(entry: dict[str, Any], made: dict[str, Any]) -> str:
    """A line about an image."""
    if "cells" in entry:
        found = f"{entry['cells']} cells at threshold {made['threshold']:g}"
    else:
        total = sum(entry["pixels"])
        found = "pixels of classes " + ", ".join(
            f"{k}: {100 * n / total:.3g} %" for k, n in enumerate(entry["pixels"]) if n
        )
    if entry["skipped"]:
        return f"{entry['image']}: {found}; has these results already, --overwrite makes them anew"
    return f"{entry['image']}: {found}, " + ", ".join(entry["files"])
