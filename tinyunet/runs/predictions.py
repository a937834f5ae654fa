"""A folder of predictions: which images are done and how, and how many cells each has.

It holds, beside the results of every image,

    predictions.json  of each image its checksum, what it was segmented with, and what was found
    counts.csv        how many cells, or pixels of each class, every image has
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyunet.engine.whole_files import write_text, written_whole
from tinyunet.runs.cell_files import write_csv
from tinyunet.runs.predict import ENDS, LABELS, WIDE_LABELS, Predicted, file_of

RECORD, COUNTS = "predictions.json", "counts.csv"
# What decides about results, and what an error calls it where it was another.
DECIDES = {
    "sha256": "of another image",
    "model": "by another model",
    "threshold": "at the threshold {}",
    "average": "averaged over {}",
    "tile": "in tiles of {}",
}


def checksum(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Predictions:
    """What is known of the results in a folder.

    Parameters
    ----------
    folder
        Where results go.
    made
        What decides about them besides the image: model, threshold, average, tile.
    """

    def __init__(self, folder: Path, made: dict[str, Any]):
        self.folder, self.made = folder, made

    def read(self) -> dict[str, dict[str, Any]]:
        """What has been taken down of each image, by the names of results."""
        path = self.folder / RECORD
        if not path.is_file():
            return {}
        try:
            images = json.loads(path.read_text(encoding="utf-8"))["images"]
            if not all(type(known) is dict for known in images.values()):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"{path} is nothing that tinyunet wrote: choose another --out, or delete it"
            ) from error
        return images

    def is_done(self, image: Path, ends: Sequence[str]) -> bool:
        """Whether all results that are wanted of an image are there, made in this way.

        Raises
        ------
        FileExistsError
            If there are files of their names that are no results of this image, or made otherwise.
        """
        stem = self.folder / image.stem
        there = [path for end in ENDS if (path := file_of(stem, end)).exists()]
        if not there or not image.is_file():
            return False
        known = self.read().get(image.stem)
        refused = f"{there[0]} exists{{}}: choose another --out, or --overwrite it"
        if known is None:
            raise FileExistsError(refused.format(""))
        now = {**self.made, "sha256": checksum(image)}
        for key, words in DECIDES.items():
            if known.get(key) != now[key]:
                raise FileExistsError(refused.format(", " + words.format(known.get(key))))
        if file_of(stem, WIDE_LABELS) in there:
            ends = [end for end in ends if end != LABELS]
        return known.get("done", False) and all(file_of(stem, end) in there for end in ends)

    def entry(self, image: Path) -> dict[str, Any]:
        """What is to be told of an image that is done: what was found, and its files."""
        known = self.read()[image.stem]
        kept = {key: known[key] for key in ("height", "width", "cells", "pixels") if key in known}
        files = [str(self.folder / name) for name in known["files"]]
        return {"image": str(image), **kept, "files": files, "skipped": True, "notes": []}

    def begin(self, image: Path) -> None:
        """Take down that results of an image are being made."""
        known = {"image": str(image), **self.made, "sha256": checksum(image), "done": False}
        self._set(image.stem, known)

    def finish(self, image: Path, found: Predicted) -> None:
        """Take down what was found, and count anew."""
        known = self.read()[image.stem] | {"height": found.height, "width": found.width}
        if found.pixels is None:
            known["cells"] = found.count
        else:
            known["pixels"] = found.pixels
        known |= {"files": [path.name for path in found.files], "done": True}
        self._set(image.stem, known)
        self._count()

    def _set(self, name: str, known: dict[str, Any]) -> None:
        images = {**self.read(), name: known}
        text = json.dumps({"images": dict(sorted(images.items()))}, indent=1)
        write_text(self.folder / RECORD, text + "\n")

    def _count(self) -> None:
        done = {name: known for name, known in self.read().items() if known.get("done")}
        rows = [
            {"image": known["image"], "height": known["height"], "width": known["width"]}
            | ({"cells": known["cells"]} if "cells" in known else {})
            | {f"class_{k}": n for k, n in enumerate(known.get("pixels", ()))}
            for known in done.values()
        ]
        header = list(dict.fromkeys(column for row in rows for column in row))
        with written_whole(self.folder / COUNTS) as file:
            write_csv(file, header, ([row.get(column, "") for column in header] for row in rows))
