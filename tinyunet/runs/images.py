"""The images of a run: found again from any folder, and dealt out as they were when it began."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinyunet.data import Dataset, scan_folder
from tinyunet.data.check.look import check_report
from tinyunet.data.check.words import in_short
from tinyunet.data.listing import leaving_out
from tinyunet.data.sets.folder import dataset_of, find_folders
from tinyunet.runs.build import load_data
from tinyunet.runs.limits import say
from tinyunet.runs.record import PARTS, Record, files_in, first_few, is_folder, root_of
from tinyunet.runs.settings import Settings

Tell = Callable[[str], None]
OF_SPLIT = ("images", "size", "split_seed")
OF_MASKS = ("masks", "classes", "ignore")
Parts = tuple[Dataset, Dataset, Dataset]


def first_parts(settings: Settings, tell: Tell = say) -> tuple[Parts, Record]:
    """Load the images of a new run, deal them out by its seed, and take down what they are.

    `tell` gets sentences about a folder of the user's: what is in it, and what is worth a look.
    """
    root = root_of(settings.data, settings.data_root)
    files = files_in(root) if root and is_folder(settings.data) else []
    parts = _checked(settings, tell).split(seed=settings.split_seed)
    return parts, Record.of(root, files, parts)


def _checked(settings: Settings, tell: Tell) -> Dataset:
    """Load the images of a new run; of a folder, say what is in it."""
    folder = Path(settings.data)
    if not is_folder(settings.data) or not folder.is_dir():
        return load_data(settings)
    report = scan_folder(
        *find_folders(folder), settings.masks, classes=settings.classes, ignore=settings.ignore,
        stretch=settings.stretch,
    )  # fmt: skip
    for line in in_short(check_report(folder, report, settings.split_seed)):
        tell(line)
    try:
        return dataset_of(report)
    except ValueError:
        tell(f"to see more of it: tinyunet data check {shlex.quote(settings.data)}")
        raise


def same_parts(settings: Settings, record: Record | None, tell: Tell) -> Parts:
    """Load the images of a run that has begun, dealt out as they were then.

    Parameters
    ----------
    settings
        The run's; `data` may have been moved.
    record
        What it began with; None if it is older than records.
    tell
        Gets a sentence if there is more in the folder now.

    Raises
    ------
    FileNotFoundError
        If the folder is where it was no more.
    ValueError
        If images are missing, or are not as they were.
    """
    if record is None:
        if is_folder(settings.data):
            tell(
                "note: this run began with a tinyunet that took no names of its images down: if files "
                f"were added to {settings.data} or removed since, some that it was trained on may now "
                "be test images"
            )
        return _as_before(settings).split(seed=settings.split_seed)
    data = load_known(settings, record, tell, complete=True)
    train, validation, test = (record.part(data, part) for part in PARTS)
    return train, validation, test


def load_known(settings: Settings, record: Record, tell: Tell, *, complete: bool) -> Dataset:
    """Load a run's images as if nothing had come into their folder since.

    Raises
    ------
    FileNotFoundError
        If there is no such folder; or if files of it are gone, and it is to be `complete`.
    """
    settings = found_again(settings, record)
    if not is_folder(settings.data):
        return load_data(settings)
    folder = Path(settings.data)
    added, removed = record.added(folder), record.removed(folder)
    if removed and complete:
        raise FileNotFoundError(
            f"{_files(removed)} of the run not in {folder} any more: {first_few(removed)}. Put back "
            "what is missing, or begin a new run with what there is"
        )
    if added:
        tell(
            f"{_files(added)} in {folder} that came after the run began, left out here: "
            f"{first_few(added)}"
        )
    with leaving_out([folder / name for name in added]):
        return load_data(settings)


def moved(record: Record, settings: Settings, was: Settings) -> Record:
    """The record, with the place where the images are now if the user says another than the run had."""
    same_root = is_folder(settings.data) or settings.data_root == was.data_root
    if settings.data == was.data and same_root:
        return record
    place = root_of(settings.data, settings.data_root)
    return replace(record, folder=None if place is None else str(place))


def found_again(settings: Settings, record: Record | None) -> Settings:
    """The settings with whole paths, as they were when the run began; else as they are from here.

    Raises
    ------
    FileNotFoundError
        If the run's folder of images is in neither place.
    """
    if record is None or record.folder is None:
        return settings
    if not is_folder(settings.data):
        there = Path(record.folder).is_dir()
        return replace(settings, data_root=record.folder) if there else settings
    for place in (record.folder, settings.data):
        if Path(place).is_dir():
            return replace(settings, data=str(place))
    raise FileNotFoundError(
        f"the images of the run were in {record.folder}, where no folder is any more: say where they "
        "are now, with --data FOLDER"
    )


def scored_images(
    settings: Settings, own: Settings | None, record: Record | None, part: str, tell: Tell
) -> Dataset:
    """Load what a model is to be scored on; of its own run's images a part as it was dealt out.

    Parameters
    ----------
    settings
        Where the images are, and how they would be dealt out anew.
    own, record
        The settings of the model's run, and what it began with; None where they aren't known.
    part
        "train", "validation", "test" or "all".
    tell
        Gets a sentence where images are scored that the model was trained on.
    """
    if record is None:
        data = load_data(settings) if own is None else _as_before(settings)
        return _dealt(data, settings, part)
    assert own is not None  # whose record it is
    if settings.data == own.data:
        record = moved(record, settings, own)
    masks = all(getattr(settings, name) == getattr(own, name) for name in OF_MASKS)
    same_split = all(getattr(settings, name) == getattr(own, name) for name in OF_SPLIT)
    own_data = settings.data == own.data or _is_folder_of(settings, record)
    if own_data:
        settings = replace(settings, data=own.data)
        if same_split and part != "all":
            return record.part(
                load_known(settings, record, tell, complete=False), part, masks=masks
            )
        settings = found_again(settings, record)
    data = load_data(settings)
    if same_split and part != "all" and record.is_of(data):  # they were moved, or copied
        return record.part(data, part, masks=masks)
    chosen = _dealt(data, settings, part)
    # Whoever asks for all images of the run, or for those to train on, knows it.
    asked = part == "train" or (part == "all" and own_data)
    seen = [] if asked else record.seen(chosen)
    if seen:
        kind = "" if part == "all" else f"{part} "
        tell(
            f"note: of these {len(chosen)} {kind}images the model's run had {len(seen)} to train on "
            f"or to choose its best moment by: {first_few(seen)}"
        )
    return chosen


def _is_folder_of(settings: Settings, record: Record) -> bool:
    """Whether the folder of images is the run's by another name."""
    return is_folder(settings.data) and str(Path(settings.data).absolute()) == record.folder


def _dealt(data: Dataset, settings: Settings, part: str) -> Dataset:
    if part == "all":
        return data
    return data.split(seed=settings.split_seed)[PARTS.index(part)]


def _as_before(settings: Settings) -> Dataset:
    """Load images as runs without a record did, to be dealt out with copies in whatever part."""
    data = load_data(settings)
    if is_folder(settings.data):
        data.groups = [re.sub(r"\[\d+\]$", "", name) for name in data.names]  # of pages the file
    return data


def _files(names: list[str]) -> str:
    return f"{len(names)} file{'s' * (len(names) > 1)} {'is' if len(names) == 1 else 'are'}"
