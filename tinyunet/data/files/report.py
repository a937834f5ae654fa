"""What was found in a folder of images and masks: as data, to show or to load."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.data.check.grouping import group


@dataclass(frozen=True)
class FileFacts:
    """What one file holds.

    `pages` images of `height` x `width` pixels as they are seen upright; `channels` without alpha;
    `depth` as NumPy calls it ("bool", "uint8", "uint16", "float32" ...); `gray_as_rgb`: three channels
    that are all the same; `orientation`: EXIF's, 1 where nothing was turned; `notes`: what else a user
    should know, such as a JPEG that is named .png, or a mask that was in the alpha channel.
    """

    path: Path
    format: str
    pages: int
    height: int
    width: int
    channels: int
    depth: str
    gray_as_rgb: bool = False
    orientation: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PassedOver:
    """A file or folder that is not read, and why; `is_image`: it, or what is in it, may be wanted."""

    path: Path
    reason: str
    is_image: bool = False


@dataclass(frozen=True)
class Pair:
    """An image file and its mask file, by the name that both have."""

    name: str
    image: FileFacts
    mask: FileFacts


@dataclass(frozen=True)
class MaskGuess:
    """What the numbers in masks were taken for.

    Attributes
    ----------
    kind
        "binary", "classes", "instances", or "smoothed": binary, to be cut at half of white.
    reason
        Why, in words.
    doubt
        What speaks against it, and what to write; empty where nothing does.
    given
        Whether the user said so, and nothing was guessed.
    """

    kind: str
    reason: str
    doubt: str = ""
    given: bool = False


@dataclass
class FolderReport:
    """A folder of images and one of masks, read and compared; `scan_folder` makes it.

    Attributes
    ----------
    images, masks
        The folders.
    pairs
        The image files that have a mask, by name.
    passed_over
        What was not read, and why.
    problems
        What prevents loading: one sentence each.
    guess
        What the masks mean; None where none could be read.
    stretched
        Whether all gray values are stretched, those of 8 bits too, because some image has more:
        `read_image(stretch=True)`.
    deep
        How many images have more than 8 bits.
    ignores
        Whether some label is 255, for pixels that count nowhere.
    class_names
        Names of the classes, where `classes` or polygons gave some.
    unseen
        What the user named and no mask holds: one sentence each.
    names, groups, together, pictures, labels, instances
        What was read, one entry a page: names, those of the files, those of files that stay together
        because they hold the same image, images (H, W, C) float32, labels (H, W) with 255 where
        ignored, and the number of the cell at each pixel, None where cells are not known.
    """

    images: Path
    masks: Path
    pairs: list[Pair] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    guess: MaskGuess | None = None
    stretched: bool = False
    deep: int = 0
    ignores: bool = False
    class_names: list[str] | None = None
    unseen: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    together: list[str] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list, repr=False)
    labels: list[np.ndarray] = field(default_factory=list, repr=False)
    instances: list[np.ndarray] | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """All but the pixels, as plain data for JSON."""
        found = {
            "images": str(self.images),
            "masks": str(self.masks),
            "pairs": [asdict(pair) for pair in self.pairs],
            "passed_over": [asdict(file) for file in self.passed_over],
            "problems": self.problems,
            "guess": None if self.guess is None else asdict(self.guess),
            "stretched": self.stretched,
            "ignores": self.ignores,
            "class_names": self.class_names,
            "names": self.names,
        }
        return json.loads(json.dumps(found, default=str))

    def wrong(self) -> str:
        """All problems in one message, empty if there are none."""
        if not self.problems:
            return ""
        grouped = group(self.problems)
        shown = grouped[:20]
        if len(grouped) > len(shown):
            shown.append(f"... and {len(grouped) - len(shown)} more")
        first = f"{len(self.problems)} problem(s) with {self.images} and {self.masks}:"
        return "\n- ".join([first, *shown])

    def masks_in_words(self) -> str:
        """What the masks were taken for, in a line: "masks: instances, 2 to 40 an image (...)"."""
        if self.guess is None:
            return "masks: none could be read"
        if self.instances is not None and self.instances:
            counts = [int(cells.max()) for cells in self.instances]
            few, many = min(counts), max(counts)
            what = f"{self.guess.kind}, {few if few == many else f'{few} to {many}'} cells an image"
        elif self.labels:
            found = np.unique(np.concatenate([np.unique(labels) for labels in self.labels]))
            names = dict(enumerate(self.class_names or ()))
            classes = (f"{k} {names.get(k, '')}".strip() for k in found if k != 255)
            what = f"classes {', '.join(classes)}"
        else:
            what = self.guess.kind
        ignored = ", some pixels ignored" if self.ignores else ""
        return f"masks: {what}{ignored} ({self.guess.reason})"

    def passed_over_in_words(self) -> str:
        """The files that were not read, in a line; empty if there are none."""
        if not self.passed_over:
            return ""
        kinds = Counter(
            "folder" if file.path.is_dir() else file.path.suffix.lower() or "without an end"
            for file in self.passed_over
        )
        return "passed over: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items())
