"""A run's folder: a new one, and the settings and the model in one that is there.

A run's folder holds

    settings.json     everything that was chosen, to resume or repeat it
    best.npz          the model that scored best on the validation images, and its thresholds
    last.npz          where training stands, to resume it
    history.json      losses and validation scores
    results.json      scores of the test images, beside the references
    predictions.png, curves.png, weights.png
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from tinyunet.engine.rules import short
from tinyunet.learning import checkpoint
from tinyunet.learning.checkpoint_header import check_thresholds
from tinyunet.networks.network import Network
from tinyunet.networks.registry import UnknownNetwork
from tinyunet.runs.network import class_name
from tinyunet.runs.settings import BETAS, Settings
from tinyunet.segmentation.evaluation import num_classes


def new_folder(parent: Path, name: str) -> Path:
    """Return the first of name-1, name-2, ... that does not exist: no run overwrites another."""
    numbers = iter(range(1, 1_000_000))
    return next(path for n in numbers if not (path := parent / f"{name}-{n}").exists())


def read_settings(out: Path) -> Settings:
    """Read the settings of the run in a folder."""
    path = out / "settings.json"
    if not path.is_file():
        raise FileNotFoundError(f"{out} holds no run to resume: there is no settings.json in it")
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
        unknown = set(chosen) - {f.name for f in fields(Settings)}
        if unknown:
            raise ValueError(
                f"it has {', '.join(sorted(unknown))}, which this version does not know"
            )
        return Settings(**{"betas": BETAS, **chosen})  # older runs name none
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} holds no settings that tinyunet wrote: {error}") from error


def settings_beside(checkpoint_file: Path) -> Settings | None:
    """The settings of the run in whose folder a model lies; None if it lies elsewhere."""
    folder = checkpoint_file.parent
    return read_settings(folder) if (folder / "settings.json").is_file() else None


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


def load_model(path: Path, average: str | None, threshold: float | None) -> tuple[Network, float]:
    """Read a model; and the threshold that `train` chose for it (else 0.5), unless one is given.

    Raises
    ------
    ValueError
        If a threshold is no probability, or is given to a model of three classes or more.
    """
    saved = read_model(path)
    saved.model.stretched = bool(saved.state.get("stretched"))  # how its images were read
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
    return saved.model, own.get(average or "none", own.get("none", 0.5))
