"""What a run's images are: their names, checksums and parts, and what read them.

It stands in the run's ``settings.json`` under "run", and nowhere else: models are passed on.
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.data import Dataset
from tinyunet.data.catalogue import REAL, SYNTHETIC
from tinyunet.data.files.content import SUFFIXES
from tinyunet.data.files.scan import POLYGONS
from tinyunet.data.sets.folder import find_folders
from tinyunet.version import __version__

PARTS = ("train", "validation", "test")
SHOWN = 5  # names in a message
Sums = tuple[str, str]  # of an image, and of its labels and cells


@dataclass(frozen=True)
class Record:
    """What a run began with.

    Attributes
    ----------
    folder
        The whole path of a user's own images, or of where real data was looked for; None if it was
        drawn, or found in the user's cache.
    files
        What lay in that folder's ``images`` and ``masks``.
    parts
        For each part the names of its images, with the checksums of image and truth as they were read.
    versions
        Of tinyunet, NumPy and Python.
    """

    folder: str | None
    files: list[str]
    parts: dict[str, dict[str, Sums]]
    versions: dict[str, str]

    @classmethod
    def of(cls, folder: Path | None, files: list[str], parts: tuple[Dataset, ...]) -> Record:
        """Take down what a run begins with."""
        known = {part: sums(data) for part, data in zip(PARTS, parts, strict=True)}
        return cls(None if folder is None else str(folder), files, known, versions())

    @classmethod
    def restored(cls, values: Any) -> Record:
        """Make one of what a file holds; ValueError if it cannot be one."""
        names = {f.name for f in fields(cls)}
        right = type(values) is dict and values.keys() == names
        right = right and type(values["folder"]) in (str, type(None))
        right = right and type(values["files"]) is list and type(values["versions"]) is dict
        right = right and type(values["parts"]) is dict and values["parts"].keys() == set(PARTS)
        if not right or not all(map(_are_sums, values["parts"].values())):
            raise ValueError("what it says of the run's images is nothing that tinyunet wrote")
        parts = {
            part: {n: tuple(s) for n, s in found.items()} for part, found in values["parts"].items()
        }
        return cls(**{**values, "parts": parts})

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self)

    # ------------------------------------------------------------------ files

    def added(self, folder: Path) -> list[str]:
        """The images and masks that lie in the folder now and did not when the run began."""
        return [] if not self.files else _readable(set(files_in(folder)) - set(self.files))

    def removed(self, folder: Path) -> list[str]:
        """Those that do not lie there any more."""
        return [] if not self.files else _readable(set(self.files) - set(files_in(folder)))

    # ------------------------------------------------------------------ images

    def part(self, data: Dataset, name: str, *, masks: bool = True) -> Dataset:
        """The images of a part, in their order.

        Parameters
        ----------
        data
            All images that there are.
        name
            "train", "validation" or "test".
        masks
            Whether their truth must be as it was, too.

        Raises
        ------
        ValueError
            If some are missing, or are not as they were.
        """
        places = {known: i for i, known in enumerate(data.names)}
        part = self.parts[name]
        missing = [known for known in part if known not in places]
        if missing:
            raise ValueError(
                f"{_of(missing, name)} missing: {first_few(missing)}. Put {_them(missing)} back, or "
                "begin a new run with the images that there are"
            )
        chosen = data.subset(places[known] for known in part)
        changed = [
            f"{known} ({what})"
            for known, found in sums(chosen).items()
            if (what := _difference(part[known], found, masks))
        ]
        if changed:
            raise ValueError(
                f"{_of(changed, name)} not as the run had {_them(changed)}: {first_few(changed)}. Put "
                f"the old files back, or begin a new run with the images as they are{self._otherwise()}"
            )
        return chosen

    def is_of(self, data: Dataset) -> bool:
        """Whether these are the run's images, maybe with others among them."""
        found = {name: image for name, (image, _) in sums(data).items()}
        return all(
            found.get(name) == image
            for part in self.parts.values()
            for name, (image, _) in part.items()
        )

    def seen(self, data: Dataset) -> list[str]:
        """The names of those images that the run learned from, or chose its model by."""
        known = {
            image for part in PARTS[:2] for image, _ in self.parts[part].values()
        }  # whatever they are called now
        return [name for name, (image, _) in sums(data).items() if image in known]

    def _otherwise(self) -> str:
        now = versions()
        others = [f"{n} {v}, now {now.get(n)}" for n, v in self.versions.items() if now.get(n) != v]
        if not others:
            return ""
        return f". If no file was changed, it is read otherwise: the run began with {', '.join(others)}"


# ---------------------------------------------------------------------- what is taken down


def sums(data: Dataset) -> dict[str, Sums]:
    """The checksums of every image, and of its labels and cells, by its name."""
    found = {}
    for i, name in enumerate(data.names):
        truth = [data.labels[i]] + ([] if data.instances is None else [data.instances[i]])
        found[name] = sum_of(data.images[i]), sum_of(*truth)
    return found


def sum_of(*arrays: np.ndarray) -> str:
    """A checksum of shapes and values; whole numbers count the same in every dtype."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        if array.dtype.kind in "iub":
            array = array.astype(np.min_scalar_type(int(array.max(initial=0))))
        little = array.dtype.newbyteorder("<")
        digest.update(f"{array.shape}{little.str}".encode())
        digest.update(np.ascontiguousarray(array, little).data)
    return digest.hexdigest()


def files_in(folder: Path) -> list[str]:
    """What lies in a user's folders of images and masks: ``images/a.png`` and so on."""
    try:
        inside = dict.fromkeys(find_folders(folder))
    except OSError:
        return []
    return [
        f"{inner.name}/{path.name}"
        for inner in inside
        for path in sorted(inner.iterdir())
        if not path.name.startswith(".")
    ]


def _readable(files: set[str]) -> list[str]:
    """Those that are read: not what the system leaves in a folder, such as Thumbs.db."""
    return sorted(name for name in files if Path(name).suffix.lower() in (*SUFFIXES, POLYGONS))


def versions() -> dict[str, str]:
    """Of what reads images, and of what repeats a run exactly."""
    return {
        "tinyunet": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def is_folder(data: str) -> bool:
    """Whether it names a folder of a user's, and no data set that is known."""
    return data not in REAL and data.replace("_", "-") not in SYNTHETIC


def root_of(data: str, data_root: str | None) -> Path | None:
    """The whole path to the images of a setting."""
    if is_folder(data):
        return Path(data).absolute()
    root = data_root or os.environ.get("TINYUNET_DATA")
    return Path(root).absolute() if root and data in REAL else None


# ---------------------------------------------------------------------- words


def _are_sums(part: Any) -> bool:
    return type(part) is dict and all(
        type(found) is list and len(found) == 2 and all(type(value) is str for value in found)
        for found in part.values()
    )


def _difference(was: Sums, found: Sums, masks: bool) -> str:
    words = [
        word
        for word, a, b in zip(("its image", "its mask"), was, found, strict=True)
        if a != b and (masks or word == "its image")
    ]
    return " and ".join(words)


def _of(names: list[str], part: str) -> str:
    kind = "training" if part == "train" else part
    return f"{len(names)} {kind} image{'s' * (len(names) > 1)} of the run {_are(names)}"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def first_few(names: list[str]) -> str:
    """Some names for a message, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
