"""A user's own images and masks: two folders of files with matching names."""

import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from tinyunet.data.dataset import Dataset
from tinyunet.data.listing import listed
from tinyunet.data.mask_kinds import doubt, guess_kind, white
from tinyunet.data.sets.image_files import JPEG, SUFFIXES, read_image, read_mask
from tinyunet.data.weightmap import separate
from tinyunet.metrics.regions import consecutive

KINDS = ("auto", "binary", "classes", "instances")
MASK_SUFFIX = re.compile(r"[_-](masks?|labels?|seg)$", re.IGNORECASE)


def load_folder(images: str | Path, masks: str | Path, kind: str = "auto") -> Dataset:
    """Load a folder of images and a folder of their masks.

    An image and its mask have the same name up to the extension; the mask's may end in `_mask`,
    `_masks`, `_label`, `_labels` or `_seg` (`cell7.tif` and `cell7_mask.png`). PNG, TIFF, JPEG and
    BMP, of any sizes, are read by `read_image`; other files are passed over.

    Parameters
    ----------
    images, masks
        The two folders.
    kind
        "auto", "binary", "classes" or "instances": what the numbers in the masks mean:

        - "binary": 0 is background, all else is cell. Instances are the connected components.
        - "classes": class numbers 0 ... K-1. There are no instances.
        - "instances": 0 is background, every other number is one cell. Touching cells are parted
          in the labels (see `separate`).
        - "auto" looks at the numbers of all masks together: at most one beside 0 means "binary";
          else at most 15 means "classes"; else "instances". Say "instances" yourself if no
          mask has more than 15 cells. Masks of mostly white cells (255, or 65535 in 16 bits)
          whose edges were smoothed are cut at half of white and then taken for "binary"; when you
          say "binary", every gray pixel is cell.

    Returns
    -------
    Dataset
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        If a folder does not exist.
    ValueError
        For everything that is wrong with the files, all of it in one message.

    Warns
    -----
    UserWarning
        If "auto" leaves a doubt: numbers taken for cells look like smoothed edges, like classes, or
        like 255 for "ignore", or gray areas were taken for smoothed edges.
    """
    if kind not in KINDS:
        raise ValueError(f"kind should be one of {', '.join(KINDS)}, got {kind!r}")
    images, masks = Path(images), Path(masks)
    problems: list[str] = []
    pairs = _pairs(images, masks, problems)

    names, pictures, numbers = [], [], []
    for name, (image_path, mask_path) in sorted(pairs.items()):
        picture = _try(read_image, image_path, problems)
        number = _try(read_mask, mask_path, problems)
        if picture is None or number is None:
            continue
        if picture.shape[:2] != number.shape:
            problems.append(
                f"{image_path.name} is {_size(picture)}, but its mask {mask_path.name} is "
                f"{_size(number)}"
            )
        names.append(name)
        pictures.append(picture)
        numbers.append(number)
    problems += _mixed_channels(names, pictures)
    if kind in ("classes", "instances"):
        problems += [
            f"{path.name} is a JPEG, which smears numbers: kind {kind!r} needs PNG or TIFF masks"
            for _, path in pairs.values()
            if path.suffix.lower() in JPEG
        ]
    if problems:
        raise ValueError(_report(images, masks, problems))

    if kind == "auto":
        kind = guess_kind(numbers)
        if problem := doubt(kind, numbers):
            warnings.warn(f"masks in {masks}: {problem} (--masks in commands)", stacklevel=2)
    if kind == "smoothed":
        numbers, kind = [number > white(number) / 2 for number in numbers], "binary"
    if kind == "classes":
        _check_classes(numbers)
        return Dataset(pictures, numbers, names=names)
    if kind == "binary":
        instances = [ndimage.label(number)[0] for number in numbers]
    else:
        instances = [consecutive(number) for number in numbers]
    return Dataset(pictures, [separate(cells) > 0 for cells in instances], instances, names)


def _pairs(images: Path, masks: Path, problems: list[str]) -> dict[str, tuple[Path, Path]]:
    """Name -> (image, mask) for all that match; what does not match goes to `problems`."""
    for folder in (images, masks):
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder")
    if images.resolve() == masks.resolve():
        raise ValueError(f"{images}: images and masks need two different folders")
    image_paths = _by_name(images, lambda stem: stem, problems)
    mask_paths = _by_name(
        masks, lambda stem: stem if stem in image_paths else MASK_SUFFIX.sub("", stem), problems
    )
    for path in _missing(image_paths, mask_paths):
        problems.append(f"{path.name} has no mask")
    for path in _missing(mask_paths, image_paths):
        problems.append(f"mask {path.name} has no image")
    return {
        name: (image_paths[name], mask_paths[name]) for name in image_paths if name in mask_paths
    }


def _by_name(folder: Path, name_of: Callable[[str], str], problems: list[str]) -> dict[str, Path]:
    """Name -> path for the image files of a folder."""
    paths: dict[str, Path] = {}
    for path in listed(folder):
        # Names that start with a dot belong to the system, "._cell.png" of macOS among them.
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        name = name_of(path.stem)
        if name in paths:
            problems.append(f"{path.name} and {paths[name].name} both belong to {name!r}")
        paths[name] = path
    if not paths:
        problems.append(f"{folder} has no files that end in {', '.join(SUFFIXES)}")
    return paths


def _missing(paths: dict[str, Path], others: dict[str, Path]) -> list[Path]:
    return [path for name, path in paths.items() if name not in others]


def _try(read: Callable, path: Path, problems: list[str]) -> np.ndarray | None:
    """Read a file; None if that fails, with the reason in `problems`."""
    try:
        return read(path)
    except (OSError, ValueError) as error:
        problems.append(str(error))
        return None


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"


def _mixed_channels(names: list[str], pictures: list[np.ndarray]) -> list[str]:
    """One problem for each image whose channel count is not the usual one."""
    counts = Counter(picture.shape[2] for picture in pictures)
    usual = max(counts, key=counts.get, default=None)
    return [
        f"image {name!r} has {picture.shape[2]} channel(s), but most have {usual}; convert it"
        for name, picture in zip(names, pictures, strict=True)
        if picture.shape[2] != usual
    ]


def _report(images: Path, masks: Path, problems: list[str]) -> str:
    shown = problems[:20]
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more")
    return "\n- ".join([f"{len(problems)} problem(s) with {images} and {masks}:", *shown])


def _check_classes(numbers: list[np.ndarray]) -> None:
    largest = max(int(number.max()) for number in numbers)
    if largest >= 255:
        raise ValueError(
            f"the masks hold the class {largest}, which would make {largest + 1} classes: number "
            'classes 0 ... K-1; masks of 0 and 255 are kind="binary", of cells kind="instances"'
        )
