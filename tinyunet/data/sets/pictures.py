"""A user's own pictures to learn painting from: two folders of equal names, or one in colour."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from tinyunet.data.files import gray
from tinyunet.data.files.names import folded
from tinyunet.data.files.raw import Raw, read_raw
from tinyunet.data.files.report import FolderReport
from tinyunet.data.files.scan import listed_images, pictures
from tinyunet.data.pairs import PicturePairs
from tinyunet.data.sets.folder import IMAGES, find_folders
from tinyunet.data.sets.image_files import check_finite
from tinyunet.data.yuv import rgb_to_yuv

TARGETS = ("targets", "target", "outputs", "output", "photos", "photo", "colours", "colors",
           "colour", "color", "painted", "truth")  # fmt: skip


def load_pairs(folder: str | Path) -> PicturePairs:
    """Read pictures and what should be painted of each: ``images/`` and ``targets/`` of equal names.

    Names are equal up to the extension, whatever their case and Unicode form. Files are read by
    `read_image`, stacks page by page.

    Parameters
    ----------
    folder
        Has the two folders inside.

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
        pair = _opened(report, files[0][key]), _opened(report, files[1][key])
        if pair[0] is not None and pair[1] is not None and _fit(report, key, files, pair):
            pairs.append((key, pair))
    names = [name for key, (raw, _) in pairs for name in _pages(files[0][key], raw)]
    groups = [files[0][key].stem for key, (raw, _) in pairs for _ in raw.pages]
    (images, stretched), (targets, _) = (
        _scaled(report, [(key, pair[k]) for key, pair in pairs]) for k in (0, 1)
    )
    if targets and targets[0].shape[2] not in (1, 3):
        report.problems.append(
            f"targets have {targets[0].shape[2]} channels: give gray pictures or such in colour"
        )
    if report.problems:
        raise ValueError(report.wrong())
    return PicturePairs(names, images, targets, groups, stretched, _notes(report))


def load_gray_pairs(folder: str | Path) -> PicturePairs:
    """Read colour pictures as pairs to learn colouring from: their gray values, and their colours.

    Parameters
    ----------
    folder
        Of pictures, or with such a folder ``images/`` inside.

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
    found = {path: _opened(report, path) for path in _by_name(report, report.images).values()}
    raws = {path: raw for path, raw in found.items() if raw is not None}
    without = [path.name for path, raw in raws.items() if gray.is_gray_file(raw)]
    coloured = {path: raw for path, raw in raws.items() if path.name not in without}
    if raws and not coloured:
        report.problems.append(f"none of its {len(raws)} pictures has a colour to learn")
    images, stretched = _scaled(report, [(path.name, raw) for path, raw in coloured.items()])
    if images and images[0].shape[2] != 3:
        report.problems.append(f"pictures have {images[0].shape[2]} channels, not red, green, blue")
    if report.problems:
        raise ValueError(report.wrong())
    names = [name for path, raw in coloured.items() for name in _pages(path, raw)]
    yuv = [rgb_to_yuv(image) for image in images]
    notes = _notes(report)
    if without:
        notes.append(f"left out, for they have no colour: {', '.join(sorted(without))}")
    parts = [x[..., :1] for x in yuv], [x[..., 1:] for x in yuv]
    groups = [path.stem for path, raw in coloured.items() for _ in raw.pages]
    return PicturePairs(names, *parts, groups, stretched, notes)


def _by_name(report: FolderReport, folder: Path) -> dict[str, Path]:
    """The pictures in a folder, by what decides whether two have one name."""
    found = defaultdict(list)
    for path in listed_images(report, folder):
        found[folded(path)].append(path)
    for first, *others in found.values():
        report.problems += [f"{other} and {first} have the same name" for other in others]
    return {key: paths[0] for key, paths in found.items()}


def _opened(report: FolderReport, path: Path) -> Raw | None:
    """A file that was read; None where that fails, and the reason goes to the problems."""
    try:
        raw = read_raw(path)
        for page in raw.pages:
            check_finite(page, path)
    except (OSError, ValueError) as error:
        report.problems.append(str(error))
        return None
    return raw


def _fit(
    report: FolderReport, key: str, files: list[dict[str, Path]], pair: tuple[Raw, Raw]
) -> bool:
    """Whether a picture and its target have as many pages, of one size; else the problems say so."""
    shapes = [(len(raw.pages), *raw.pages[0].shape[:2]) for raw in pair]
    if shapes[0] == shapes[1]:
        return True
    words = [f"{h}x{w}" + f", {pages} pages" * (pages > 1) for pages, h, w in shapes]
    report.problems.append(
        f"{files[0][key]} is {words[0]} (height x width), but its target {files[1][key]} is {words[1]}"
    )
    return False


def _pages(path: Path, raw: Raw) -> list[str]:
    """What the pages of a file are called."""
    pages = len(raw.pages)
    return [path.stem] if pages == 1 else [f"{path.stem}[{k}]" for k in range(pages)]


def _notes(report: FolderReport) -> list[str]:
    """What was not read though it may be a picture that is wanted."""
    wanted = [f"{f.path.name}: {f.reason}" for f in report.passed_over if f.is_image]
    return [f"passed over {'; '.join(wanted)}"] if wanted else []


def _scaled(report: FolderReport, raws: list[tuple[str, Raw]]) -> tuple[list[np.ndarray], bool]:
    """All pages, scaled by one rule, with as many channels each, and whether all were stretched.

    What is wrong goes to the problems.
    """
    read = FolderReport(report.images, report.masks)
    if raws:
        pictures(read, [raw for _, raw in raws], [name for name, _ in raws], stretch=False)
    report.problems += read.problems
    return read.pictures, read.stretched
