"""A folder of predictions: which images are done and how, and how many cells each has.

It holds, beside the results of every image,

    predictions.json  of each image its checksum, what it was segmented with, and what was found
    counts.csv        how many cells, or pixels of each class, every image has
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyunet.data.files.content import stem_of
from tinyunet.engine.whole_files import write_text, written_whole
from tinyunet.runs.cell_files import write_csv
from tinyunet.runs.predict import ENDS, LABELS, WIDE_LABELS, Predicted, file_of

RECORD, COUNTS = "predictions.json", "counts.csv"
PAGE = re.compile(r"_page\d+$")  # the end of the name of a stack's page
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
            if not all(type(known["stems"]) is list for known in images.values()):
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
        known = self.read().get(stem_of(image))
        stems = [stem_of(image)] if known is None else known["stems"]
        there = self._there(stems)
        if not there or not image.is_file():
            return False
        refused = f"{there[0]} exists{{}}: choose another --out, or --overwrite it"
        if known is None:
            raise FileExistsError(refused.format(""))
        now = {**self.made, "sha256": checksum(image)}
        for key, words in DECIDES.items():
            if known.get(key) != now[key]:
                raise FileExistsError(refused.format(", " + words.format(known.get(key))))
        wide = {file_of(self.folder / stem, WIDE_LABELS) for stem in stems} & set(there)
        files = {
            file_of(self.folder / stem, end) for stem in stems for end in ends if end != LABELS
        }
        labels = len(wide) + sum(path.name.endswith(LABELS) for path in there)
        return known["done"] and files <= set(there) and labels == len(stems)

    def entries(self, image: Path) -> list[dict[str, Any]]:
        """What is to be told of an image that is done: of each page what was found, and its files."""
        known = self.read()[stem_of(image)]
        return [
            {
                **found,
                "files": [str(self.folder / name) for name in found["files"]],
                "skipped": True,
                "notes": [],
            }
            for found in known["found"]
        ]

    def begin(self, image: Path, pages: int, overwrite: bool) -> list[str]:
        """Take down that results of an image are being made; return the stems of its pages' names.

        Raises
        ------
        FileExistsError
            If there are files of these names of which nothing is known, and not to `overwrite`.
        """
        stem, images = stem_of(image), self.read()
        stems = [stem] if pages == 1 else [f"{stem}_page{k}" for k in range(pages)]
        others = {name for key, known in images.items() if key != stem for name in known["stems"]}
        there = self._there(stems)
        if there and (others & set(stems) or (stem not in images and not overwrite)):
            raise FileExistsError(f"{there[0]} exists: choose another --out, or --overwrite it")
        before = images.get(stem, {}).get("stems", [])
        for path in self._there([old for old in before if old not in {*stems, *others}]):
            path.unlink()  # of a page that the file has no more
        known = {"image": str(image), **self.made, "sha256": checksum(image)}
        self._set(stem, {**known, "stems": stems, "done": False})
        return stems

    def finish(self, image: Path, found: Sequence[Predicted]) -> None:
        """Take down what was found in each page, and count anew."""
        names = [str(image)] if len(found) == 1 else [f"{image}[{k}]" for k in range(len(found))]
        entries = []
        for name, page in zip(names, found, strict=True):
            entry: dict[str, Any] = {"image": name, "height": page.height, "width": page.width}
            if page.pixels is None:
                entry["cells"] = page.count
            else:
                entry |= {"pixels": page.pixels, "pieces": page.pieces}
                entry |= (
                    {"classes": self.made["class_names"]} if self.made.get("class_names") else {}
                )
            entries.append({**entry, "files": [path.name for path in page.files]})
        known = self.read()[stem_of(image)]
        self._set(stem_of(image), {**known, "found": entries, "done": True})
        self._count()

    def _there(self, stems: Sequence[str]) -> list[Path]:
        files = (file_of(self.folder / stem, end) for stem in stems for end in ENDS)
        return [path for path in files if path.exists()]

    def _set(self, name: str, known: dict[str, Any]) -> None:
        images = {**self.read(), name: known}
        text = json.dumps({"images": dict(sorted(images.items()))}, indent=1)
        write_text(self.folder / RECORD, text + "\n")

    def _count(self) -> None:
        found = [page for known in self.read().values() for page in known.get("found", ())]
        rows = [
            {key: page[key] for key in ("image", "height", "width", "cells") if key in page}
            | _of_classes(page)
            for page in found
        ]
        header = list(dict.fromkeys(column for row in rows for column in row))
        with written_whole(self.folder / COUNTS) as file:
            write_csv(file, header, ([row.get(column, "") for column in header] for row in rows))


def _of_classes(page: dict[str, Any]) -> dict[str, int]:
    """The columns of a page's classes: pixels of each, and of all but background pieces."""
    pixels, pieces, names = (page.get(key) or () for key in ("pixels", "pieces", "classes"))
    ends = [f"_{names[k]}" if k < len(names) else "" for k in range(len(pixels))]
    found = {f"class_{k}{ends[k]}": count for k, count in enumerate(pixels)}
    return found | {f"pieces_{k}{ends[k]}": count for k, count in enumerate(pieces) if k}
