"""A run's folder: a new one, and the settings and the model in one that is there.

A run's folder holds

    settings.json     everything that was chosen, to resume or repeat it, and which images there were
    best.npz          the model that scored best on the validation images, and its thresholds
    last.npz          where training stands, to resume it
    history.json      losses and validation scores
    film.npz          frames of the training, with --film
    results.json      scores of the test images, beside the references
    predictions.png, curves.png, weights.png
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from tinyunet.data.files.class_codes import parse
from tinyunet.engine.rules import short
from tinyunet.engine.whole_files import write_text
from tinyunet.learning import checkpoint
from tinyunet.learning.checkpoint_header import check_thresholds
from tinyunet.networks.network import Network, check_labels
from tinyunet.networks.registry import UnknownNetwork
from tinyunet.runs.network import class_name
from tinyunet.runs.record import Record
from tinyunet.runs.settings import BETAS, Settings
from tinyunet.segmentation.evaluation import num_classes

OF_PYTORCH = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
RECORD = "run"  # where in settings.json it stands


def new_folder(parent: Path, name: str) -> Path:
    """Make the first of name-1, name-2, ... that does not exist: no run gets another's."""
    parent.mkdir(parents=True, exist_ok=True)
    for n in itertools.count(1):
        path = parent / f"{name}-{n}"
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError("numbers do not end")


def refuse_begun(out: Path) -> None:
    """Raise FileExistsError if a run has begun in a folder, though it may not have kept a step."""
    if (out / "settings.json").exists():
        raise FileExistsError(
            f"{out} already holds a run, which was stopped before its first step was kept: --resume "
            "begins it again with its own settings, or choose another folder"
        )


def read_settings(out: Path) -> Settings:
    """Read the settings of the run in a folder."""
    return _read(out)[0]


def read_record(out: Path) -> Record | None:
    """Read what the run in a folder began with; None if it is older than records."""
    return _read(out)[1]


def write_settings(out: Path, settings: Settings, record: Record | None) -> None:
    """Write down what a run is, and what it began with."""
    begun = {} if record is None else {RECORD: record.to_dict()}
    write_text(out / "settings.json", json.dumps(asdict(settings) | begun, indent=1) + "\n")


def _read(out: Path) -> tuple[Settings, Record | None]:
    path = out / "settings.json"
    if not path.is_file():
        there = (
            f"there is no settings.json in {out}" if out.is_dir() else f"there is no folder {out}"
        )
        raise FileNotFoundError(
            f"{out} holds no run to resume: {there}. If one was stopped in its first second, begin it "
            "again"
        )
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
        if chosen.get("command") == "paint":
            raise ValueError(f"go on with tinyunet paint --resume {out}")
        record = chosen.pop(RECORD, None)
        record = None if record is None else Record.restored(record)
        unknown = set(chosen) - {f.name for f in fields(Settings)}
        if unknown:
            raise ValueError(
                f"it has {', '.join(sorted(unknown))}, which this version does not know"
            )
        return Settings(**{"betas": BETAS, **chosen}), record  # older runs name no betas
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} holds no settings that tinyunet wrote: {error}") from error


def settings_beside(checkpoint_file: Path) -> Settings | None:
    """The settings of the run in whose folder a model lies; None if it lies elsewhere."""
    folder = checkpoint_file.parent
    return read_settings(folder) if (folder / "settings.json").is_file() else None


def record_beside(checkpoint_file: Path) -> Record | None:
    """What the run in whose folder a model lies began with; None where that is not known."""
    folder = checkpoint_file.parent
    return read_record(folder) if (folder / "settings.json").is_file() else None


def read_model(path: Path) -> checkpoint.Checkpoint:
    """Read a model; of a class that is not defined, the error says which option defines it.

    Raises
    ------
    FileNotFoundError, ValueError
        See `tinyunet.load`.
    """
    try:
        return checkpoint.load(path, everything=True)
    except ValueError as error:
        unknown: BaseException | None = error
        while unknown is not None and not isinstance(unknown, UnknownNetwork):
            unknown = unknown.__cause__
        if unknown is None and path.suffix.lower() in OF_PYTORCH:
            hint = "Of weights of PyTorch's, tinyunet import makes a model"
            raise ValueError(f"{error}. {hint}") from error
        if unknown is None:
            raise
        name = unknown.name if unknown.name.isidentifier() else "CLASS"
        raise ValueError(
            f"{path} is a model of a network {short(unknown.name)}, which is none of tinyunet's: if it "
            f"is yours, add --network {_own_file(path, name)}"
        ) from error


def _own_file(path: Path, name: str) -> str:
    """Where a model's class is, as the settings of its run say, for a hint; the file is not run."""
    try:
        beside = settings_beside(path)
    except (ValueError, OSError):
        beside = None
    known = beside is not None and ":" in beside.network and class_name(beside.network) == name
    return beside.network if known else f"FILE.py:{name}"


def was_stretched(saved: checkpoint.Checkpoint, path: Path) -> bool:
    """Whether a model knows images stretched; while it is trained, only the run's settings say so."""
    if "stretched" in saved.state:
        return bool(saved.state["stretched"])
    try:
        beside = settings_beside(path)
    except (ValueError, OSError):
        return False
    return beside is not None and bool(beside.stretch)


def load_model(
    path: Path,
    average: str | None,
    threshold: float | None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> tuple[Network, float]:
    """Read a model; and the threshold that `train` chose for it (else 0.5), unless one is given.

    `tell` gets a sentence where a threshold is taken that was not chosen for these predictions.

    Raises
    ------
    ValueError
        If a threshold is no probability, or is given to a model of three classes or more.
    """
    saved = read_model(path)
    try:
        check_labels(saved.model)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    saved.model.class_names = _class_names(saved, path)
    saved.model.stretched = was_stretched(saved, path)  # how its images were read
    if threshold is not None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"--threshold is a probability, from 0 to 1, got {threshold}")
        classes = num_classes(saved.model)
        if classes != 2:
            raise ValueError(
                f"--threshold {threshold} is for cells, but {path} knows {classes} classes"
            )
        return saved.model, threshold
    own = saved.state.get("thresholds", {})
    try:
        check_thresholds(saved.state)
    except ValueError as error:
        raise ValueError(f"{path} holds no thresholds of tinyunet's: {error}") from error
    chosen = own.get(average or "none", own.get("none", 0.5))
    if num_classes(saved.model) == 2 and (average or "none") not in own:
        tell(_why_this_threshold(path, average or "none", chosen, bool(own)))
    return saved.model, chosen


def _why_this_threshold(path: Path, average: str, threshold: float, known: bool) -> str:
    """What to say of a threshold that was not chosen for a model, or not for such predictions."""
    if known:
        of = "without averaging" if average == "none" else f"averaged over {average}"
        return (
            f"note: no threshold was chosen for predictions {of}, so that for others is taken, "
            f"{threshold:g}: --threshold says another"
        )
    return (
        f"note: {path} has no threshold, which train chooses at its end, so {threshold:g} is taken: "
        "--threshold says another"
    )


def _class_names(saved: checkpoint.Checkpoint, path: Path) -> list[str] | None:
    """What a model's classes are called, as far as it or its run's settings say."""
    names = saved.state.get("class_names")
    if names is None:
        with contextlib.suppress(ValueError, OSError):
            beside = settings_beside(path)
            codes = None if beside is None else parse(beside.classes, beside.ignore)
            names = codes and codes.names
    right = type(names) is list and all(type(name) is str for name in names)
    return names if right and len(names) == num_classes(saved.model) else None
