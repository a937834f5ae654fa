"""The sentences about a folder: what is in it, and what to know of it before training."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tinyunet.data.check.file_words import files_in_words
from tinyunet.data.check.grouping import SHOWN, group, some
from tinyunet.data.check.suspects import (
    cells_to_look_at,
    copies_to_look_at,
    masks_that_do_not_fit,
)
from tinyunet.data.files.content import FORMATS, holds_images
from tinyunet.data.files.report import FolderReport

if TYPE_CHECKING:
    from tinyunet.data.check.result import FolderCheck

PROBLEMS = 20  # of files
LARGE = 2.0  # GB in memory that are worth a word


def must(check: FolderCheck) -> list[str]:
    """What must be mended, and how."""
    report = check.report
    grouped = group(report.problems)
    found = grouped[:PROBLEMS]
    if len(grouped) > PROBLEMS:
        found.append(f"and {len(grouped) - PROBLEMS} more like these")
    if report.guess is not None and report.guess.doubt:
        found.append(f"masks: {report.guess.doubt}")
    if report.problems:
        return found
    if not check.pages:
        return [*found, "no image has a mask that can be read"]
    if not check.parts:
        return [
            *found,
            f"{len(check.pages)} image(s) cannot be dealt out: training, validation and test need one "
            "each, so add images",
        ]
    if all(page.is_empty for page in check.in_part("training")):
        empty = "no mask" if all(page.is_empty for page in check.pages) else "no training mask"
        found.append(f"{empty} has anything in it: there is nothing to learn")
    return found


def look(check: FolderCheck) -> list[str]:
    """What is worth a look."""
    report = check.report
    wanted = [file for file in report.passed_over if file.is_image]
    found = group(
        [
            f"{file.path.name} in {file.path.parent.name}, passed over: {file.reason}"
            for file in wanted
        ]
    )[:SHOWN]
    found += _beside(check)
    found += _notes(report)
    found += cells_to_look_at(check)
    found += masks_that_do_not_fit(check)
    found += copies_to_look_at(check)
    need = _gigabytes(report)
    if need > LARGE:
        found.append(
            f"training will hold about {need:.0f} GB of images and masks in memory: if that is too "
            "much, cut large images into parts"
        )
    return found


def in_full(check: FolderCheck) -> str:
    """All that was found, line by line."""
    report = check.report
    lines = [_pairs(check)]
    lines += _passed_over(report)
    if report.pairs:
        lines.append(
            "images: " + files_in_words([pair.image for pair in report.pairs], report.stretched)
        )
        lines.append("mask files: " + files_in_words([pair.mask for pair in report.pairs]))
        lines.append(report_masks(check))
    lines += _cells(check)
    if check.parts:
        counts = Counter(check.parts.values())
        dealt = ", ".join(f"{counts[part]} {part}" for part in ("training", "validation", "test"))
        lines.append(f"training would deal them out as {dealt}")
    for title, sentences in (("look at this:", check.look), ("mend this first:", check.must)):
        if sentences:
            lines += [title, *(f"- {sentence}" for sentence in sentences)]
    return "\n".join(lines)


def in_short(check: FolderCheck) -> list[str]:
    """The lines with which a training begins."""
    lines = [_pairs(check), *_passed_over(check.report)[:1]]
    if check.report.pairs:
        lines.append(report_masks(check))
    found = check.look
    lines += [f"look at this: {sentence}" for sentence in found[:SHOWN]]
    if len(found) > SHOWN:
        more = len(found) - SHOWN
        lines.append(f"and {more} more, which tinyunet data check {check.folder} tells")
    return lines


def report_masks(check: FolderCheck) -> str:
    """What the masks were taken for, and why."""
    guess, report = check.report.guess, check.report
    if guess is None:
        return "masks: what they mean cannot be said before what is below is mended"
    if not check.pages:
        return f"masks: {guess.kind} ({guess.reason})"
    if check.pages[0].areas is not None:
        counts = [len(page.areas) for page in check.pages]
        few, many = min(counts), max(counts)
        what = f"{guess.kind}, {_range(few, many)} {'cell' if many == 1 else 'cells'} an image"
    else:
        what = f"classes {_classes(check)}"
    ignored = sum(page.ignored for page in check.pages)
    if ignored:
        all_pixels = ignored + sum(page.counted for page in check.pages)
        what += f"; {_percent(ignored / all_pixels)} of the pixels are ignored"
    given = "" if not report.guess.given else ", as you say" * ("as was said" not in guess.reason)
    return f"masks: {what} ({guess.reason}{given})"


# ---------------------------------------------------------------------- parts of these


def _pairs(check: FolderCheck) -> str:
    report, folder = check.report, check.folder
    count = len(report.pairs)
    if not count:
        return f"{folder}: no pairs of image and mask"
    inner = " and ".join(dict.fromkeys((report.images.name, report.masks.name)))
    pages = sum(pair.image.pages for pair in report.pairs)
    more = f", {pages} images in all" if pages > count else ""
    return f"{folder}: {count} pair{'s' * (count != 1)} of image and mask in {inner}{more}"


def _passed_over(report: FolderReport) -> list[str]:
    said = report.passed_over_in_words()
    if not said:
        return []
    first = some([file.path.name for file in report.passed_over])
    return [f"{said} ({first})"]


def _cells(check: FolderCheck) -> list[str]:
    if not check.pages or check.pages[0].areas is None:
        return []
    areas = np.array([area for page in check.pages for area in page.areas])
    if not areas.size:
        return ["cells: none"]
    border = sum(page.at_border for page in check.pages)
    covered = sum(page.pixels[1] for page in check.pages) / sum(p.counted for p in check.pages)
    empty = sum(page.is_empty for page in check.pages)
    least, most = _range(int(areas.min()), int(areas.max())), int(np.median(areas))
    line = (
        f"cells: {areas.size} of {least} pixels, half of them above {most}; they cover "
        f"{_percent(covered)} of the pixels; {border} touch the border; {empty} "
        f"{'image has' if empty == 1 else 'images have'} none"
    )
    return [line]


def _classes(check: FolderCheck) -> str:
    """The classes, and the share of the pixels that each has."""
    totals: Counter[int] = Counter()
    for page in check.pages:
        totals.update(page.pixels)
    names = dict(enumerate(check.report.class_names or ()))
    everything = sum(totals.values())
    return ", ".join(
        f"{k}{' ' * (k in names)}{names.get(k, '')} ({_percent(count / everything)})"
        for k, count in sorted(totals.items())
    )


def _range(few: int, many: int) -> str:
    return str(few) if few == many else f"{few} to {many}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{share:.2%}"


def _beside(check: FolderCheck) -> list[str]:
    """What lies beside the two folders and may be wanted, too."""
    inner = [folder.name for folder in (check.report.images, check.report.masks)]
    there = [
        path.name + "/" * path.is_dir()
        for path in sorted(check.folder.iterdir())
        if path.name not in inner and not path.name.startswith(".")
        and (path.suffix.lower() in FORMATS or (path.is_dir() and holds_images(path)))
    ]  # fmt: skip
    if not there or not check.pages:
        return []
    return [f"beside {' and '.join(inner)} there are images that are not read: {some(there)}"]


def _notes(report: FolderReport) -> list[str]:
    """What is to be known of files, each note once."""
    files: dict[tuple[str, str], list[str]] = {}
    for pair in report.pairs:
        for kind, facts in (("image", pair.image), ("mask", pair.mask)):
            for note in facts.notes:
                if "EXIF" not in note:  # the line of the images says so
                    files.setdefault((kind, note), []).append(facts.path.name)
    return [
        f"{len(names)} {kind}{'s' * (len(names) > 1)}: {note} ({some(names)})"
        for (kind, note), names in files.items()
    ]


def _gigabytes(report: FolderReport) -> float:
    """About what a training holds in memory: float32 images, and numbers of classes and cells."""
    pixels = sum(
        pair.image.pages * pair.image.height * pair.image.width * (4 * pair.image.channels + 16)
        for pair in report.pairs
    )
    return pixels / 1e9
