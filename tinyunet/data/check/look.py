"""Look through a folder of images and masks, one file at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.data.check.fits import small
from tinyunet.data.check.pages import (
    IGNORE,
    facts_of_image,
    page_facts,
    same_outlines,
    sums_of,
)
from tinyunet.data.check.result import FolderCheck, dealt
from tinyunet.data.files.class_codes import ClassCodes, Classes, Ignored
from tinyunet.data.files.gray import is_gray_file
from tinyunet.data.files.labelme import Polygons
from tinyunet.data.files.mask_files import MaskFile
from tinyunet.data.files.meaning import give_labels, guess_of, numbers_of, polygon_drawings
from tinyunet.data.files.raw import Raw
from tinyunet.data.files.report import FolderReport
from tinyunet.data.files.scan import Opened, begun, find_pairs, open_pair, pictures
from tinyunet.data.groups import joined
from tinyunet.data.lean import Packed
from tinyunet.data.sets.folder import find_folders

Watched = Callable[[Iterable[Any], str], Iterable[Any]]


def _unwatched(items: Iterable[Any], _: str) -> Iterable[Any]:
    return items


def check_folder(
    folder: str | Path,
    kind: str = "auto",
    *,
    classes: Classes | None = None,
    ignore: Ignored | None = None,
    split_seed: int = 0,
    watched: Watched = _unwatched,
) -> FolderCheck:
    """Say what is in a folder of images and masks, as training would read it.

    One image at a time is in memory, and of the masks no more than what they compress to.

    Parameters
    ----------
    folder
        It holds the folders images and masks, or others of such names (see `load_folder`).
    kind, classes, ignore
        What the masks mean, as of `load_folder`.
    split_seed
        Chooses the parts of training; see `Dataset.split`.
    watched
        Takes what is gone through and a word for it, and gives it on: a progress bar.

    Returns
    -------
    FolderCheck
        Nothing that is wrong with a file stops it: `must` and `look` are sentences about that.

    Raises
    ------
    ValueError
        If `kind`, `classes` or `ignore` cannot be understood.
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        kind_of_error = NotADirectoryError if folder.exists() else FileNotFoundError
        raise kind_of_error(
            f"{folder}: " + ("is no folder" if folder.exists() else "no such folder")
        )
    report, codes = begun(folder / "images", folder / "masks", kind, classes, ignore)
    try:
        report.images, report.masks = find_folders(folder)
        pairs = find_pairs(report)
    except (OSError, ValueError) as error:
        report.problems.append(str(error))
        return FolderCheck(folder, report)
    files, seen = _open_all(report, pairs, codes, watched)
    check = FolderCheck(folder, report)
    _look_at_all(check, files, seen, kind, codes or ClassCodes({}, []), watched)
    report.names = [page.name for page in check.pages]
    report.groups = [page.group for page in check.pages]
    report.together = joined(report.groups, *sums_of([vars(page) for page in check.pages]))
    check.parts = dealt(report.names, report.together, split_seed)
    return check


def check_report(folder: str | Path, report: FolderReport, split_seed: int = 0) -> FolderCheck:
    """The same of a folder that was read already, by `scan_folder`."""
    pages, thumbs = [], []
    for i, labels in enumerate(report.labels):
        cells = None if report.instances is None else report.instances[i]
        image = report.pictures[i]
        known = facts_of_image(image)
        pages.append(page_facts(report.names[i], report.groups[i], labels, cells, **known))
        thumbs.append((small(image.mean(axis=2)), _marked(labels)))
    together = report.together if pages else []
    parts = dealt([page.name for page in pages], together, split_seed)
    return FolderCheck(Path(folder), report, pages, parts, thumbs)


def _open_all(
    report: FolderReport,
    pairs: dict[str, tuple[Path, Path]],
    codes: ClassCodes | None,
    watched: Watched,
) -> tuple[list[Opened], dict[str, list[dict[str, Any]]]]:
    """Read all pairs, and keep of images what there is to know, of masks all, compressed."""
    files, seen, little = [], {}, []
    for name, paths in watched(sorted(pairs.items()), "reading images and masks"):
        file = open_pair(name, *paths, report, codes)
        if file is None:
            continue
        seen[file.name] = _seen(file)
        little.append(_little(file.image))
        file.image = Raw(file.image.format, [page[:1, :1] for page in file.image.pages])
        if isinstance(file.mask, MaskFile):
            file.mask.pages = Packed(file.mask.pages)
            file.mask.raw.pages, file.mask.raw.alpha = [], None
        files.append(file)
    pictures(report, little, [file.name for file in files], None)
    report.pictures = []
    return files, seen


def _seen(file: Opened) -> list[dict[str, Any]]:
    """For each page of an image what to know of it beside its mask."""
    shown = file.image.colors()
    masks = [None] * len(shown) if isinstance(file.mask, Polygons) else file.mask.pages
    return [
        {
            **facts_of_image(page),
            "small": small(page.mean(axis=2)),
            "is_its_mask": mask is not None and same_outlines(page, mask),
        }
        for page, mask in zip(shown, masks, strict=True)
    ]


def _little(raw: Raw) -> Raw:
    """A file of one pixel that has the depth and the channels of this one, and is gray if it is."""
    channels = raw.colors()[0].shape[2]
    pixel = np.zeros((1, 1, channels), raw.pages[0].dtype)
    if channels > 1 and not is_gray_file(raw):
        pixel[..., 0] = 1
    return Raw(raw.format, [pixel], color=raw.color)


def _look_at_all(
    check: FolderCheck,
    files: list[Opened],
    seen: dict[str, list[dict[str, Any]]],
    kind: str,
    codes: ClassCodes,
    watched: Watched,
) -> None:
    """Say what the masks mean, and look at each."""
    report, numbers = check.report, check.stored
    drawn = polygon_drawings(report, files, kind, codes)
    places, counted = [], Packed()
    doubts: list[str] = []
    for file in files:
        pages = drawn[file.name]() if file.name in drawn else file.mask.pages
        if isinstance(file.mask, Polygons) and file.name not in drawn:
            continue  # a label of its polygons has no class
        known = zip(file.page_names, pages, seen[file.name], strict=True)
        for name, page, of_image in known:
            try:
                found, counts = numbers_of(file, page, kind, codes, doubts)
            except ValueError as error:
                report.problems.append(str(error))
                break
            places.append((name, file.name, of_image))
            numbers.append(found)
            counted.append(counts)
    if places:
        report.unseen = codes.unseen()
        report.guess = report.guess or guess_of(numbers, kind, codes, doubts)
        _label(check, places, counted, codes, watched)


def _label(
    check: FolderCheck,
    places: list[tuple[str, str, dict[str, Any]]],
    counted: Packed,
    codes: ClassCodes,
    watched: Watched,
) -> None:
    """Make labels and cells of the numbers of one mask after the other, and look at them."""
    report = check.report
    for i, (name, group, of_image) in enumerate(watched(places, "looking at masks")):
        one = FolderReport(
            report.images, report.masks, guess=report.guess, class_names=report.class_names
        )
        give_labels(one, [(check.stored[i], counted[i])], codes)
        if one.problems:
            report.problems += one.problems
            break
        cells = None if one.instances is None else one.instances[0]
        check.thumbs.append((of_image.pop("small"), _marked(one.labels[0])))
        check.pages.append(page_facts(name, group, one.labels[0], cells, **of_image))
        check.marked.append(one.labels[0] if cells is None else cells)
        report.ignores |= one.ignores
        report.class_names = one.class_names


def _marked(labels: np.ndarray) -> np.ndarray:
    """A small picture of where something is marked."""
    return small(((labels > 0) & (labels != IGNORE)).astype(np.float32))
