"""A user's own images and masks: two folders of files with matching names."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from tinyunet.data.dataset import Dataset
from tinyunet.data.files.class_codes import Classes, Ignored
from tinyunet.data.files.content import FORMATS
from tinyunet.data.files.gray import in_words_of_depth
from tinyunet.data.files.meaning import IGNORE
from tinyunet.data.files.report import FolderReport
from tinyunet.data.files.scan import scan_folder

IMAGES = ("images", "image", "imgs", "img", "raw", "inputs", "pictures", "imagestr")
MASKS = (
    "masks", "mask", "labels", "label", "annotations", "annotation", "gt", "ground_truth",
    "groundtruth", "segmentations", "segmentation", "seg", "targets", "labelstr", "truth",
)  # fmt: skip


def load_folder(
    images: str | Path,
    masks: str | Path,
    kind: str = "auto",
    *,
    classes: Classes | None = None,
    ignore: Ignored | None = None,
    stretch: bool | None = None,
) -> Dataset:
    """Load a folder of images and a folder of their masks.

    An image and its mask have the same name up to the extension, whatever its case and Unicode form;
    the mask's may end in a word that says what it is, such as `_mask`, `_label`, `_seg`, `_gt` or
    `_cp_masks` (`cell7.tif` and `cell7_mask.png`). PNG, TIFF, JPEG, BMP, WEBP, GIF and JPEG 2000, of
    any sizes, are read by `read_image`, stacks page by page; masks also from LabelMe's JSON, in a
    folder of their own or beside the images. `tinyunet.data.scan_folder` tells what was found.

    Where some image has more than 8 bits, all are stretched as those are, and the data set says so
    (`stretched`). Gray images that were saved in colour count as gray unless others are in colour.

    Parameters
    ----------
    images, masks
        The two folders.
    kind
        "auto", "binary", "classes" or "instances": what the numbers in the masks mean:

        - "binary": 0 is background, all else is cell. Instances are the connected components.
        - "classes": class numbers 0 ... K-1. There are no instances.
        - "instances": 0 is background, every other number (or color) is one cell. Touching cells are
          parted in the labels (see `separate`).
        - "auto" looks at the numbers of all masks together: at most one beside 0 means "binary";
          else at most 15 means "classes" (but "instances" where they count pieces from the top); else
          "instances". Masks of mostly white cells (255, or 65535 in 16 bits) whose edges were smoothed
          are cut at half of white and then taken for "binary"; when you say "binary", every gray pixel
          is cell.
    classes
        What numbers or colors in masks stand for: "0=background,128=nucleus,255=cell", or a dict
        {0: "background", (255, 0, 0): "cell"}. Classes are numbered in this order, background first;
        two of them give "binary" masks unless `kind` is "classes". Of LabelMe's polygons, labels:
        "nucleus=1,cell=2".
    ignore
        A number or color whose pixels count nowhere, or several: 255, "255,255,255", [254, 255]. They
        have the label 255 in the data set, its `ignore_label`.
    stretch
        Whether to stretch images of 8 bits as well: for a model, as it was trained. None: if some have
        more.

    Returns
    -------
    Dataset
        Sorted by name. A page of a stack is called "name[0]"; all pages of one file go to the same part
        in `Dataset.split`, and so do copies of an image, turned ones, too.

    Raises
    ------
    FileNotFoundError
        If a folder does not exist.
    ValueError
        For everything that is wrong with the files, all of it in one message; and if "auto" leaves a
        doubt: numbers taken for cells look like smoothed edges, like classes or codes of them, like 255
        for "ignore"; gray areas were taken for smoothed edges; masks look inverted. It says what to
        write.

    Warns
    -----
    UserWarning
        If `classes` or `ignore` name what no mask holds. If what may be images was passed over: folders
        in the folder, formats that are not read. If `stretch` is False, and images have more than 8
        bits: these are stretched always.
    """
    report = scan_folder(images, masks, kind, classes=classes, ignore=ignore, stretch=stretch)
    wanted = [file for file in report.passed_over if file.is_image]
    if wanted and not report.problems:
        shown = "; ".join(f"{file.path.name}: {file.reason}" for file in wanted[:5])
        more = f" and {len(wanted) - 5} more" if len(wanted) > 5 else ""
        warnings.warn(f"passed over in {images} and {masks}: {shown}{more}", stacklevel=2)
    for sentence in report.unseen:
        warnings.warn(sentence, stacklevel=2)
    if report.deep and stretch is False:
        warnings.warn(in_words_of_depth(report.deep), stacklevel=2)
    return dataset_of(report)


def dataset_of(report: FolderReport, in_doubt: str = "stop") -> Dataset:
    """Make the data set of a report; `in_doubt` about its masks "stop" or "go on".

    Raises
    ------
    ValueError
        If there are problems, and if there is a doubt.
    """
    if report.problems:
        raise ValueError(report.wrong())
    if report.guess.doubt and in_doubt == "stop":
        raise ValueError(f"masks in {report.masks}: {report.guess.doubt}")
    return Dataset(
        report.pictures,
        report.labels,
        report.instances,
        report.names,
        ignore_label=IGNORE if report.ignores else None,
        class_names=report.class_names,
        groups=report.together,
        stretched=report.stretched,
    )


def find_folders(
    folder: str | Path, seconds: Sequence[str] = MASKS, what: str = "masks"
) -> tuple[Path, Path]:
    """Give the folders of images and masks inside of one, by the names that people give them.

    In the place of masks, `seconds` and `what` may say what else the second folder is called.

    Without a folder of masks, LabelMe's JSON beside the images is taken.

    Raises
    ------
    FileNotFoundError
        If there is none, or several could be meant: the message lists what is there.
    """
    folder = Path(folder)
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    found = []
    for names in (IMAGES, seconds):
        exact = [path for path in inside if path.is_dir() and path.name == names[0]]
        found.append(exact or [p for p in inside if p.is_dir() and p.name.casefold() in names])
    images, masks = found
    if what == "masks" and len(images) == 1 and not masks and any(images[0].glob("*.json")):
        masks = images
    if len(images) == len(masks) == 1:
        return images[0], masks[0]
    there = ", ".join(path.name + "/" * path.is_dir() for path in inside[:10]) or "nothing"
    hint = ""
    if any(path.suffix.lower() in FORMATS for path in inside):
        hint = f"; move the images into images/ and the {what} into {what}/"
    raise FileNotFoundError(
        f"{folder} should hold the folders images and {what}, but there is {there}{hint}: one folder "
        f"each of {', '.join(IMAGES[:4])}, ... and of {', '.join(seconds[:4])}, ... is understood"
    )
