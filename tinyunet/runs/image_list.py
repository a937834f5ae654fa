"""The images that are meant by files and folders on a command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tinyunet.data.files.content import SUFFIXES, holds_images, stem_of, why_passed_over
from tinyunet.runs.predict import ENDS
from tinyunet.runs.predictions import COUNTS, PAGE, RECORD

OWN = (COUNTS, RECORD, "paintings.json")
SHOWN = 5  # names of what is passed over


def image_files(
    paths: Iterable[Path], tell: Callable[[str], None], ends: Sequence[str] = ENDS
) -> list[Path]:
    """Files as they are, and of each folder the images in it, by name; not of folders inside.

    Results of `predict` for an image beside them are no images, nor are files that begin with a dot.

    Parameters
    ----------
    paths
        Files and folders.
    tell
        Gets a sentence for each folder in which something was passed over.
    ends
        The ends of names of results; by default those of `predict`.

    Raises
    ------
    ValueError
        If a folder has no image.
    """
    found: list[Path] = []
    for path in paths:
        found += _in_folder(path, tell, ends) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def _in_folder(folder: Path, tell: Callable[[str], None], ends: Sequence[str]) -> list[Path]:
    there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    images = [path for path in there if path.is_file() and path.suffix.lower() in SUFFIXES]
    stems = {stem for path in images for stem in (stem_of(path), PAGE.sub("", stem_of(path)))}
    images = [path for path in images if not _is_result(path.name, stems, ends)]
    rest = [
        path
        for path in there
        if path not in images and not _is_result(path.name, stems, ends) and path.name not in OWN
    ]
    words = [f"{path.name}: {why_passed_over(path)[0]}" for path in rest[:SHOWN]]
    words += [f"{len(rest) - SHOWN} more"] * (len(rest) > SHOWN)
    said = "; ".join(words)
    if not images:
        more = f"; in it are {said}" if words else ""
        inner = [path for path in rest if path.is_dir() and holds_images(path)]
        more += f"; to predict those, give {inner[0]}" if inner else ""
        raise ValueError(f"{folder} has no images that end in {', '.join(SUFFIXES)}{more}")
    if words:
        tell(f"{folder}: passed over {said}")
    return images


def _is_result(name: str, stems: set[str], ends: Sequence[str]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in stems for end in ends)


def check_names(images: Sequence[Path], out: Path, ends: Sequence[str] = ENDS) -> None:
    """Raise ValueError if two images would have results of one name, or one be the other's result."""
    first: dict[str, Path] = {}
    for path in images:
        other = first.setdefault(stem_of(path), path)
        if other != path:
            raise ValueError(
                f"two images have the same name, {other} and {path}: give them a different "
                "--out each"
            )
    beside = {path.name: path for path in images if path.resolve().parent == out.resolve()}
    for stem, path in first.items():
        taken = [beside[stem + end] for end in ends if stem + end in beside]
        if taken:
            raise ValueError(
                f"a result of {path} would take the place of the image {taken[0]}: choose another --out"
            )
