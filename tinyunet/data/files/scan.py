"""Look through a folder of images and one of masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyunet.data.check.pages import facts_of_image, sums_of
from tinyunet.data.files import class_codes, gray
from tinyunet.data.files.content import FORMATS, why_passed_over
from tinyunet.data.files.labelme import Polygons, read_polygons
from tinyunet.data.files.mask_files import MaskFile, read_mask_file
from tinyunet.data.files.meaning import KINDS, give_meaning
from tinyunet.data.files.names import match
from tinyunet.data.files.raw import Raw, pages_as_channels, read_raw
from tinyunet.data.files.report import FileFacts, FolderReport, Pair, PassedOver
from tinyunet.data.groups import joined
from tinyunet.data.listing import listed
from tinyunet.data.sets.image_files import check_finite

POLYGONS = ".json"


@dataclass
class Opened:
    """An image file and its mask file, read but not yet made into anything."""

    name: str
    image: Raw
    mask: MaskFile | Polygons

    @property
    def page_names(self) -> list[str]:
        """What the pages are called."""
        count = len(self.image.pages)
        return [self.name] if count == 1 else [f"{self.name}[{i}]" for i in range(count)]


def scan_folder(
    images: str | Path,
    masks: str | Path,
    kind: str = "auto",
    *,
    classes: class_codes.Classes | None = None,
    ignore: class_codes.Ignored | None = None,
    stretch: bool | None = None,
) -> FolderReport:
    """Read a folder of images and one of masks, and say all that was found, wrong or right.

    Nothing that is wrong with a file stops it: `FolderReport.problems` and `FolderReport.guess` say
    what `load_folder`, which takes the same arguments, would stop at.

    Raises
    ------
    ValueError
        If `kind`, `classes` or `ignore` cannot be understood, or both folders are one that holds no
        polygons.
    FileNotFoundError
        If a folder does not exist.
    """
    report, codes = begun(images, masks, kind, classes, ignore)
    files = []
    for name, paths in sorted(find_pairs(report).items()):
        found = open_pair(name, *paths, report, codes)
        if found is not None:
            files.append(found)
    pictures(report, [file.image for file in files], [file.name for file in files], stretch)
    report.names = [name for file in files for name in file.page_names]
    report.groups = [file.name for file in files for _ in file.page_names]
    seen = [facts_of_image(page) for file in files for page in file.image.colors()]
    report.together = joined(report.groups, *sums_of(seen))
    give_meaning(report, files, kind, codes)
    return report


def begun(
    images: str | Path,
    masks: str | Path,
    kind: str,
    classes: class_codes.Classes | None,
    ignore: class_codes.Ignored | None,
) -> tuple[FolderReport, class_codes.ClassCodes | None]:
    """An empty report, and what the user says of masks; raises ValueError as `scan_folder` does."""
    if kind not in KINDS:
        raise ValueError(f"kind should be one of {', '.join(KINDS)}, got {kind!r}")
    codes = class_codes.parse(classes, ignore)
    if classes is not None and kind == "instances":
        raise ValueError('classes name numbers, which are no cells: leave out kind="instances"')
    return FolderReport(Path(images), Path(masks)), codes


def find_pairs(report: FolderReport) -> dict[str, tuple[Path, Path]]:
    """Name -> (image, mask) for all that match; what does not match goes to the problems."""
    for folder in (report.images, report.masks):
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder{_instead(folder)}")
    one = report.images.resolve() == report.masks.resolve()
    polygons = [path for path in _files(report.masks) if path.suffix.lower() == POLYGONS]
    if one and not polygons:
        raise ValueError(f"{report.images}: images and masks need two different folders")
    image_paths = listed_images(report, report.images, leave=POLYGONS if one else None)
    mask_paths = polygons if one else listed_images(report, report.masks, polygons)
    pairs, problems = match(image_paths, mask_paths)
    report.problems += problems
    return pairs


def listed_images(
    report: FolderReport, folder: Path, polygons: list[Path] | None = None, leave: str | None = None
) -> list[Path]:
    """The image files of a folder, and the polygons in it; the others are passed over."""
    paths = []
    for path in _files(folder):
        suffix = path.suffix.lower()
        if path.is_file() and (suffix in FORMATS or (polygons and path in polygons)):
            paths.append(path)
        elif suffix != leave:
            reason, is_image = why_passed_over(path)
            reason += ": move them up" * (is_image and path.is_dir())
            report.passed_over.append(PassedOver(path, reason, is_image))
    if not paths:
        kinds = {path.suffix or path.name + "/" * path.is_dir() for path in _files(folder)}
        seen = ", ".join(sorted(kinds)[:8])
        report.problems.append(
            f"{folder} has no files that end in {', '.join(FORMATS)}"
            + (f"; what is there is {seen}" if seen else "; it is empty")
        )
    return paths


def _files(folder: Path) -> list[Path]:
    # Names that start with a dot belong to the system, "._cell.png" of macOS among them.
    return [path for path in listed(folder) if not path.name.startswith(".")]


def _instead(folder: Path) -> str:
    """What is there in the place of a folder that is not."""
    if not folder.parent.is_dir():
        return ""
    there = sorted(path.name + "/" * path.is_dir() for path in _files(folder.parent))
    return f"; in {folder.parent} there is {', '.join(there[:10])}" if there else ""


def open_pair(
    name: str,
    image_path: Path,
    mask_path: Path,
    report: FolderReport,
    codes: class_codes.ClassCodes | None,
) -> Opened | None:
    """Read an image and its mask; None where that fails, and the reason goes to the problems."""
    image = mask = None
    try:
        image = read_raw(image_path)
        for page in image.pages:
            check_finite(page, image_path)
    except (OSError, ValueError) as error:
        image = None
        report.problems.append(str(error))
    try:
        mask = _open_mask(mask_path, codes)
    except (OSError, ValueError) as error:
        report.problems.append(str(error))
    if image is None or mask is None:
        return None
    if isinstance(mask, Polygons):
        mask.size = mask.size or image.pages[0].shape[:2]
        count, shape, notes = 1, mask.size, mask.notes
        facts = FileFacts(mask_path, "LabelMe", 1, *shape, 1, "polygons", notes=notes)
    else:
        count, shape = len(mask.pages), mask.pages[0].shape[:2]
        facts = _facts(mask_path, mask.raw, mask.notes)
    report.pairs.append(Pair(name, _facts(image_path, image, image.notes), facts))
    if not _same_size(image_path, image, mask_path, count, shape, report):
        return None
    return Opened(name, image, mask)


def _open_mask(path: Path, codes: class_codes.ClassCodes | None) -> MaskFile | Polygons:
    if path.suffix.lower() == POLYGONS:
        return read_polygons(path)
    return read_mask_file(path, by_color=codes is not None and codes.colors)


def _same_size(
    image_path: Path,
    image: Raw,
    mask_path: Path,
    mask_pages: int,
    mask_shape: tuple[int, ...],
    report: FolderReport,
) -> bool:
    """Whether image and mask fit; if not, the problems say so."""
    shape = image.pages[0].shape[:2]
    if len(image.pages) != mask_pages:
        report.problems.append(
            f"{image_path.name} has {len(image.pages)} page(s), but its mask {mask_path.name} has "
            f"{mask_pages}{pages_as_channels(len(image.pages), shape, mask_pages, mask_shape)}"
        )
        return False
    if shape == tuple(mask_shape):
        return True
    turned = ""
    if image.orientation != 1:
        turned = f" (turned upright, as its EXIF orientation {image.orientation} says)"
    if shape == tuple(mask_shape)[::-1]:
        turned += "; one of them lies on its side: turn it"
    report.problems.append(
        f"{image_path.name} is {shape[0]}x{shape[1]}, but its mask {mask_path.name} is "
        f"{mask_shape[0]}x{mask_shape[1]}{turned}"
    )
    return False


def _facts(path: Path, raw: Raw, notes: tuple[str, ...]) -> FileFacts:
    height, width, _ = raw.pages[0].shape
    shown = raw.colors()[0]
    return FileFacts(
        path, raw.format, len(raw.pages), height, width, shown.shape[2], shown.dtype.name,
        raw.gray_as_rgb, raw.orientation, notes,
    )  # fmt: skip


def pictures(report: FolderReport, raws: list[Raw], names: list[str], stretch: bool | None) -> None:
    """Scale the images by one rule, and give all of them the same number of channels."""
    report.deep = sum(len(raw.pages) for raw in raws if gray.is_deep(raw))
    report.stretched = bool(report.deep) if stretch is None else stretch
    channels = gray.common_channels(raws)
    if channels is None:
        report.problems += _mixed_channels(raws, names)
    for raw in raws:
        pages = gray.scaled(raw, report.stretched)
        report.pictures += [gray.in_channels(page, channels or page.shape[2]) for page in pages]


def _mixed_channels(raws: list[Raw], names: list[str]) -> list[str]:
    """One problem for each image whose channel count is not the usual one."""
    counts = [1 if gray.is_gray_file(raw) else raw.colors()[0].shape[2] for raw in raws]
    usual = max(sorted(set(counts)), key=counts.count)
    return [
        f"image {name!r} has {count} channel(s), but most have {usual}; convert it"
        for name, count in zip(names, counts, strict=True)
        if count != usual
    ]
