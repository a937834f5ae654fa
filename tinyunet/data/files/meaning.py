"""From what mask files hold to labels and cells: what was guessed, or what the user says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from tinyunet.data.files.class_codes import ClassCodes
from tinyunet.data.files.labelme import Polygons
from tinyunet.data.files.mask_files import MaskFile, check_numbers, packed, placeholders
from tinyunet.data.files.report import FolderReport, MaskGuess
from tinyunet.data.mask_kinds import cut, guess_kind, smeared
from tinyunet.data.weightmap import separate
from tinyunet.metrics.regions import consecutive

if TYPE_CHECKING:
    from tinyunet.data.files.scan import Opened

KINDS = ("auto", "binary", "classes", "instances")
IGNORE = 255  # the label of pixels that count nowhere
Page = tuple[np.ndarray, np.ndarray]  # numbers (H, W) int64, and a mask of the pixels that count


def give_meaning(
    report: FolderReport, files: Sequence[Opened], kind: str, codes: ClassCodes | None
) -> None:
    """Fill in what the masks of a report mean, and its labels and instances."""
    pages, before = [], len(report.problems)
    codes = codes or ClassCodes({}, [])
    drawn = polygon_drawings(report, files, kind, codes)
    doubts: list[str] = []
    for file in files if len(report.problems) == before else []:
        for page in drawn[file.name]() if file.name in drawn else file.mask.pages:
            try:
                pages.append(numbers_of(file, page, kind, codes, doubts))
            except ValueError as error:
                report.problems.append(str(error))
                break
    report.unseen = codes.unseen() if pages else []
    if not pages or len(report.problems) > before:
        report.pictures = report.pictures if len(pages) == len(report.pictures) else []
        return
    report.guess = report.guess or guess_of([numbers for numbers, _ in pages], kind, codes, doubts)
    give_labels(report, pages, codes)


def polygon_drawings(
    report: FolderReport, files: Sequence[Opened], kind: str, codes: ClassCodes
) -> dict[str, Callable[[], list[np.ndarray]]]:
    """What draws the polygons of each file: cells where all have one label, else classes."""
    polygons = {f.name: f.mask for f in files if isinstance(f.mask, Polygons)}
    if not polygons:
        return {}
    labels = sorted(set().union(*(mask.labels for mask in polygons.values())))
    numbers: dict[str, int] | None = None
    if codes.words:
        unknown = [label for label in labels if label not in codes.classes]
        if unknown:
            report.problems.append(
                f"the polygons have the label {unknown[0]!r}, which the classes do not name: add "
                f"{placeholders(unknown)} to --classes"
            )
            return {}
        numbers = {str(key): number for key, number in codes.classes.items()}
        codes.seen.update(labels)
        report.class_names = codes.names
        why = "polygons, with labels that were named"
    elif kind == "instances" or (kind == "auto" and len(labels) == 1):
        why = f"each polygon is a cell: all are labelled {', '.join(labels)}"
    elif kind == "binary":
        numbers, why = dict.fromkeys(labels, 1), "polygons are cells, in one piece where they touch"
    else:
        numbers = {label: number for number, label in enumerate(labels, 1)}
        report.class_names = ["background", *labels]
        why = f"polygons with {len(labels)} labels, classes in alphabetical order"
    meant = "instances" if numbers is None else ("binary" if kind == "binary" else "classes")
    if len(polygons) == len(files):
        report.guess = MaskGuess(meant, why, given=kind != "auto" or codes.words)
    return {name: partial(_drawn, mask, numbers) for name, mask in polygons.items()}


def _drawn(mask: Polygons, numbers: dict[str, int] | None) -> list[np.ndarray]:
    return [mask.draw(numbers, ignore=-1)]


def numbers_of(
    file: Opened, page: np.ndarray, kind: str, codes: ClassCodes, doubts: list[str]
) -> Page:
    """The numbers of one page of a mask, those of classes where codes were given."""
    path, drawn = file.mask.path, isinstance(file.mask, Polygons)
    if drawn:
        return np.maximum(page, 0), page >= 0
    lossy = isinstance(file.mask, MaskFile) and file.mask.lossy
    if lossy and (kind in ("classes", "instances") or len(codes.classes) > 2 or codes.ignored):
        raise ValueError(
            f"{path.name} is a JPEG, which smears numbers: kind {kind!r}, classes and ignore need PNG "
            "or TIFF masks"
        )
    if isinstance(file.mask, MaskFile) and file.mask.doubt and kind == "auto" and not codes.classes:
        doubts.append(f"{path.name}: {file.mask.doubt}")
    if codes.colors and codes.classes:
        page = packed(page)
    elif page.ndim == 3 and lossy and kind != "instances":
        page = page.max(axis=2)
    if lossy:
        page, doubt = smeared(page)
        if doubt and kind == "auto":
            doubts.append(f"{path.name}: {doubt}")
    counted = _counted(page, codes)
    if page.ndim == 3 and codes.ignored:
        page = np.where(counted[..., None], page, 0)
        page = page[..., 0] if (page == page[..., :1]).all() else page
    if page.ndim == 3 and kind == "instances":
        page = packed(page)  # a color for each cell
    if codes.classes and not codes.words:
        if page.ndim == 3:
            check_numbers(path, page)  # says that it is in color
        return codes.labels(path, page, counted), counted
    return check_numbers(path, np.where(counted, page, 0) if page.ndim == 2 else page), counted


def _counted(page: np.ndarray, codes: ClassCodes) -> np.ndarray:
    """Where pixels (H, W) of a mask are none that are ignored."""
    if not codes.ignored:
        return np.ones(page.shape[:2], bool)
    values, keys = page, np.array(codes.ignored)
    if page.ndim == 3 or (codes.colors and not codes.classes):
        values, keys = packed(page), keys if codes.colors else packed(keys[None])[0]
    codes.seen.update(np.array(codes.ignored)[np.isin(keys, values)].tolist())
    return ~np.isin(values, keys)


def guess_of(
    numbers: Sequence[np.ndarray], kind: str, codes: ClassCodes, doubts: Sequence[str]
) -> MaskGuess:
    """What the user says that the masks of all files mean, else what their numbers say."""
    if codes.classes and kind != "binary":
        named = ", ".join(f"{number} {name}" for number, name in enumerate(codes.names))
        one = len(codes.names) == 2 and kind == "auto"
        return MaskGuess("binary" if one else "classes", f"named: {named}", given=True)
    if kind != "auto":
        all_cells = "; all named but background is cell" if len(codes.names) > 2 else ""
        return MaskGuess(kind, f"as was said{all_cells}", given=True)
    guess = guess_kind(numbers)
    if doubts:
        more = f" (and {len(doubts) - 1} more files)" if len(doubts) > 1 else ""
        return MaskGuess(guess.kind, guess.reason, f"{doubts[0]}{more}")
    return guess


def give_labels(report: FolderReport, pages: Sequence[Page], codes: ClassCodes) -> None:
    """Fill in the labels and instances of a report."""
    numbers, kind = [n for n, _ in pages], report.guess.kind
    if codes.names and (kind == "classes" or len(codes.names) == 2):  # else all but 0 is one
        report.class_names = codes.names
    if kind == "classes":
        largest = max(int(n.max()) for n in numbers)
        if largest >= 255:
            report.problems.append(
                f"the masks hold the class {largest}, which would make {largest + 1} classes: number "
                f"classes 0 ... K-1, or name what they stand for with --classes (in Python "
                'classes=...); masks of 0 and 255 are kind="binary", of cells kind="instances"'
            )
            return
        labels = numbers
    else:
        if kind == "smoothed":
            numbers = cut(numbers)
        if kind == "instances":
            cells = [consecutive(n) for n in numbers]
        else:
            cells = [ndimage.label(n)[0].astype(np.int64) for n in numbers]
        report.instances = cells
        labels = [(separate(c) > 0).astype(np.int64) for c in cells]
    report.labels = [
        np.where(counted, label, IGNORE) for label, (_, counted) in zip(labels, pages, strict=True)
    ]
    report.ignores = any(not counted.all() for _, counted in pages) or bool(codes.ignored)
