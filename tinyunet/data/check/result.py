"""What a check of a folder found: as sentences, and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.data.check import words
from tinyunet.data.check.fits import misfits
from tinyunet.data.check.pages import PageFacts
from tinyunet.data.dataset import Dataset
from tinyunet.data.files.report import FolderReport
from tinyunet.data.lean import Packed
from tinyunet.data.sets.image_files import read_pages

PARTS = ("training", "validation", "test")


def dealt(names: Sequence[str], groups: Sequence[str], seed: int) -> dict[str, str]:
    """The part of each image by its name, as `Dataset.split` deals them out; empty if it cannot."""
    if not names:
        return {}
    dots = [np.zeros((1, 1, 1), np.float32)] * len(names)
    data = Dataset(dots, [np.zeros((1, 1), np.int64)] * len(names), names=names, groups=groups)
    try:
        parts = data.split(seed=seed)
    except ValueError:
        return {}
    return {name: part for part, found in zip(PARTS, parts, strict=True) for name in found.names}


@dataclass
class FolderCheck:
    """What is in a folder of images and masks; `check_folder` makes it.

    Attributes
    ----------
    folder
        Where it is.
    report
        The files, what was wrong with them, and what the masks were taken for.
    pages
        What each image, or page of a stack, has.
    parts
        For each of them by name "training", "validation" or "test", as training would deal them out.
    thumbs
        Small pictures (32, 32) of each image and of what is marked in it.
    stored, marked
        The numbers (H, W) in each mask, and those of the cells or classes that were made of them.
    """

    folder: Path
    report: FolderReport
    pages: list[PageFacts] = field(default_factory=list)
    parts: dict[str, str] = field(default_factory=dict)
    thumbs: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, repr=False)
    stored: Packed = field(default_factory=Packed, repr=False)
    marked: Packed = field(default_factory=Packed, repr=False)

    def image(self, i: int) -> np.ndarray:
        """An image (H, W, C), read again, of about [0, 1]."""
        page = self.pages[i]
        path = next(pair.image.path for pair in self.report.pairs if pair.name == page.group)
        place = [other.name for other in self.pages if other.group == page.group].index(page.name)
        return read_pages(path, stretch=self.report.stretched)[place]

    @property
    def must(self) -> list[str]:
        """What must be mended before there can be a training."""
        return words.must(self)

    @property
    def look(self) -> list[str]:
        """What is worth a look."""
        return words.look(self)

    @property
    def fine(self) -> bool:
        """Whether nothing must be mended."""
        return not self.must

    @property
    def copies(self) -> list[list[str]]:
        """Names of images that have the same content, and are not of one value."""
        return _alike([page for page in self.pages if not page.flat], "image_sum")

    @property
    def turned_copies(self) -> list[list[str]]:
        """Names of images that differ, but have the same values in other places."""
        firsts = {page.image_sum: page for page in reversed(self.pages) if not page.flat}
        return _alike(
            [page for page in self.pages if firsts.get(page.image_sum) is page], "turned_sum"
        )

    @property
    def misfits(self) -> dict[str, str]:
        """What fits an image better than its mask: another's, by its name, or its own "turned" etc."""
        names = [page.name for page in self.pages]
        return misfits(names, *zip(*self.thumbs, strict=True)) if self.thumbs else {}

    @property
    def copied_masks(self) -> list[list[str]]:
        """Names of images that differ, but whose masks have the same content, and are not empty."""
        full = [page for page in self.pages if not page.is_empty]
        images = {page.name: page.image_sum for page in full}
        found = _alike(full, "mask_sum")
        return [names for names in found if len({images[name] for name in names}) > 1]

    def in_part(self, part: str) -> list[PageFacts]:
        """The images of a part."""
        return [page for page in self.pages if self.parts.get(page.name) == part]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "folder": str(self.folder),
            "fine": self.fine,
            "must": self.must,
            "look": self.look,
            **self.report.to_dict(),
            "copies": self.copies,
            "turned_copies": self.turned_copies,
            "misfits": self.misfits,
            "copied_masks": self.copied_masks,
            "pages": [self._of_page(page) for page in self.pages],
        }

    def _of_page(self, page: PageFacts) -> dict[str, Any]:
        cells = page.areas is not None
        return {
            "name": page.name,
            "part": self.parts.get(page.name),
            "cells": len(page.areas) if cells else None,
            "at_border": page.at_border if cells else None,
            "areas": list(page.areas) if cells else None,
            "pixels": {str(k): count for k, count in page.pixels.items()},
            "ignored": page.ignored,
            "flat": page.flat,
            "is_its_mask": page.is_its_mask,
            "image_sum": page.image_sum,
            "mask_sum": page.mask_sum,
        }

    def __str__(self) -> str:
        return words.in_full(self)


def _alike(pages: Sequence[PageFacts], of: str) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for page in pages:
        groups.setdefault(getattr(page, of), []).append(page.name)
    return [names for names in groups.values() if len(names) > 1]
