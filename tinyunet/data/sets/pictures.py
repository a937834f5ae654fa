"""A user's own pictures to learn painting from: two folders of equal names, or one in colour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyunet.data.files import gray
from tinyunet.data.files.names import folded
from tinyunet.data.files.raw import on_white, read_raw
from tinyunet.data.files.report import FolderReport
from tinyunet.data.files.scan import listed_images
from tinyunet.data.pairs import PicturePairs
from tinyunet.data.sets.folder import IMAGES, find_folders
from tinyunet.data.sets.image_files import check_finite
from tinyunet.data.yuv import rgb_to_yuv

TARGETS = ("targets", "target", "outputs", "output", "photos", "photo", "colours", "colors",
           "colour", "color", "painted", "truth")  # fmt: skip
Fit = Callable[[np.ndarray], np.ndarray]


def load_pairs(folder: str | Path, fit: Fit | None = None) -> PicturePairs:
    """Read pictures and what should be painted of each: ``images/`` and ``targets/`` of equal names.

    Names are equal up to the extension, whatever their case and Unicode form. Files are read by
    `read_image`, stacks page by page; gray ones among others in colour are shown in three channels.
    What is transparent is white.

    Parameters
    ----------
    folder
        Has the two folders inside.
    fit
        What to do to each picture (H, W, C) as it is read, such as to shrink it.

    Returns
    -------
    PicturePairs
        Sorted by name; values of about 0 to 1. Targets have one channel or three.

    Raises
    ------
    FileNotFoundError
        If there are no such folders.
    ValueError
        For everything that is wrong with the files, all of it in one message.
    """
    folders = find_folders(folder, TARGETS, "targets")
    report = FolderReport(*folders)
    files = [_by_name(report, inside) for inside in folders]
    for here, there, path in zip(files, reversed(files), reversed(folders), strict=True):
        for key in sorted(set(here) - set(there)):
            report.problems.append(f"{here[key]} has no picture of that name in {path}")
    pairs = []
    for key in sorted(set(files[0]) & set(files[1])):
        image, target = (_seen(report, inside[key]) for inside in files)
        if image and target and _alike(report, image, target):
            pairs.append((image, target))
    images, targets = ([pair[k] for pair in pairs] for k in (0, 1))
    odd = [target for target in targets if target.channels not in (1, 3)]
    report.problems += [
        f"{target.path} has {target.channels} channels: a target is gray or in colour"
        for target in odd
    ]
    inputs, stretched = _read(report, images, fit)
    outputs, _ = _read(report, targets, fit)
    if report.problems:
        raise ValueError(report.wrong())
    return PicturePairs(*_called(images, inputs, outputs), stretched, _notes(report))


def load_gray_pairs(folder: str | Path, fit: Fit | None = None) -> PicturePairs:
    """Read colour pictures as pairs to learn colouring from: their gray values, and their colours.

    Parameters
    ----------
    folder
        Of pictures, or with such a folder ``images/`` inside.
    fit
        As of `load_pairs`.

    Returns
    -------
    PicturePairs
        Y (H, W, 1), and U and V (H, W, 2), of `rgb_to_yuv`. Pictures without colour are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        For everything that is wrong with the files, and if no picture has a colour.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    inner = [path for path in folder.iterdir() if path.is_dir() and path.name.lower() in IMAGES]
    report = FolderReport(*2 * (inner[0] if len(inner) == 1 else folder,))
    found = [_seen(report, path) for path in _by_name(report, report.images).values()]
    files = [file for file in found if file]
    without = [file.path.name for file in files if file.is_gray]
    coloured = sorted((file for file in files if not file.is_gray), key=lambda file: file.path)
    if files and not coloured:
        report.problems.append(f"none of its {len(files)} pictures has a colour to learn")
    report.problems += [
        f"{file.path} has {file.channels} channels, not red, green and blue"
        for file in coloured
        if file.channels != 3
    ]
    images, stretched = _read(report, coloured, fit)
    if report.problems:
        raise ValueError(report.wrong())
    notes = _notes(report)
    if without:
        notes.append(f"left out, for they have no colour: {', '.join(sorted(without))}")
    yuv = [rgb_to_yuv(image) for image in images]
    parts = [x[..., :1] for x in yuv], [x[..., 1:] for x in yuv]
    return PicturePairs(*_called(coloured, *parts), stretched, notes)


@dataclass(frozen=True)
class _File:
    """What is known of a file that was read once, without its pixels."""

    path: Path
    pages: int
    size: tuple[int, int]
    channels: int
    is_gray: bool
    is_deep: bool


def _by_name(report: FolderReport, folder: Path) -> dict[str, Path]:
    """The pictures in a folder, by what decides whether two have one name."""
    found = defaultdict(list)
    for path in listed_images(report, folder):
        found[folded(path)].append(path)
    for first, *others in found.values():
        report.problems += [f"{other} and {first} have the same name" for other in others]
    return {key: paths[0] for key, paths in found.items()}


def _seen(report: FolderReport, path: Path) -> _File | None:
    """What a file holds; None if it cannot be read, and the reason goes to the problems."""
    try:
        raw = on_white(read_raw(path))
        for page in raw.pages:
            check_finite(page, path)
    except (OSError, ValueError) as error:
        report.problems.append(str(error))
        return None
    height, width, channels = raw.colors()[0].shape
    kind = gray.is_gray_file(raw), gray.is_deep(raw)
    return _File(path, len(raw.pages), (height, width), channels, *kind)


def _alike(report: FolderReport, image: _File, target: _File) -> bool:
    """Whether a picture and its target have as many pages, of one size; else the problems say so."""
    if (image.pages, image.size) == (target.pages, target.size):
        return True
    words = [
        "{}x{}".format(*file.size) + f", {file.pages} pages" * (file.pages > 1)
        for file in (image, target)
    ]
    report.problems.append(
        f"{image.path} is {words[0]} (height x width), but its target {target.path} is {words[1]}"
    )
    return False


def _read(
    report: FolderReport, files: list[_File], fit: Fit | None
) -> tuple[list[np.ndarray], bool]:
    """Read the pages of files, scaled by one rule, with as many channels each; not with problems.

    Only one file at a time is in memory before it is `fit`. Also returns whether all were stretched.
    """
    counts = [1 if file.is_gray else file.channels for file in files]
    channels = 3 if set(counts) == {1, 3} else min(counts, default=0)
    allowed = {1, 3} if set(counts) <= {1, 3} else {channels}
    report.problems += [
        f"{file.path} has {count} channels, but others have {channels}: convert it"
        for file, count in zip(files, counts, strict=True)
        if count not in allowed
    ]
    deep = [file.is_deep for file in files]
    stretched = any(deep) and not all(deep)
    found: list[np.ndarray] = []
    for file in files if not report.problems else ():
        for page in gray.scaled(on_white(read_raw(file.path)), stretched):
            picture = gray.in_channels(page, channels)
            found.append(picture if fit is None else fit(picture))
    return found, stretched


def _called(files: list[_File], inputs: list[np.ndarray], targets: list[np.ndarray]) -> tuple:
    """Names, inputs, targets and groups of pairs."""
    names = [
        name
        for file in files
        for name in (
            [file.path.stem]
            if file.pages == 1
            else [f"{file.path.stem}[{k}]" for k in range(file.pages)]
        )
    ]
    return names, inputs, targets, [file.path.stem for file in files for _ in range(file.pages)]


def _notes(report: FolderReport) -> list[str]:
    """What was not read though it may be a picture that is wanted."""
    wanted = [f"{f.path.name}: {f.reason}" for f in report.passed_over if f.is_image]
    return [f"passed over {'; '.join(wanted)}"] if wanted else []
