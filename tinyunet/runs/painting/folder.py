"""The folder of a run that paints: its settings, and what its model knows of pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tinyunet.engine.whole_files import write_text
from tinyunet.networks.network import Network
from tinyunet.runs.folder import read_model
from tinyunet.runs.painting.kinds import DRAWN, KINDS, Kind
from tinyunet.runs.painting.settings import PaintSettings
from tinyunet.runs.painting.source import Source, Sums

RECORD, COMMAND = "run", "command"  # where in settings.json they stand


def write_settings(out: Path, settings: PaintSettings, sums: Sums) -> None:
    """Write down what a run is, and which pictures it began with."""
    known = {COMMAND: "paint", **asdict(settings), RECORD: sums}
    write_text(out / "settings.json", json.dumps(known, indent=1) + "\n")


def read_settings(out: Path) -> PaintSettings:
    """Read the settings of the run in a folder."""
    return _read(out)[0]


def read_sums(out: Path) -> Sums:
    """Read which pictures the run in a folder began with."""
    return _read(out)[1]


def _read(out: Path) -> tuple[PaintSettings, Sums]:
    path = out / "settings.json"
    if not path.is_file():
        there = f"there is no settings.json in {out}" if out.is_dir() else f"no folder {out}"
        raise FileNotFoundError(f"{out} holds no run of paint to resume: {there}")
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
        if chosen.pop(COMMAND, None) != "paint":
            raise ValueError("it is a run of tinyunet train")
        sums = chosen.pop(RECORD)
        if type(sums) is not dict or (sums and sums.keys() != {"train", "held"}):
            raise ValueError("it does not say which pictures the run began with")
        unknown = set(chosen) - {f.name for f in fields(PaintSettings)}
        if unknown:
            raise ValueError(f"this version does not know {', '.join(sorted(unknown))}")
        return PaintSettings(**chosen), sums
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} holds no settings that tinyunet paint wrote: {error}") from error


# ---------------------------------------------------------------------- what a model knows


@dataclass
class Painter:
    """A model that paints, and how it knows pictures."""

    model: Network
    kind: Kind
    fit: tuple[int, int] | None
    stretched: bool


def meaning_of(settings: PaintSettings, source: Source) -> dict[str, Any]:
    """What is kept with a model, as plain data."""
    fit = None if settings.kind in DRAWN else [settings.crop, settings.side]
    if settings.kind == "line-art":  # lines are a pixel wide there, and shapes of one size
        fit = [settings.size, 2 * settings.size]
    return {"kind": settings.kind, "fit": fit, "stretched": source.stretched}


def load_painter(path: Path) -> Painter:
    """Read a model of `tinyunet paint`.

    Raises
    ------
    FileNotFoundError, ValueError
        As `tinyunet.load`, and for a model that does not paint, or was not trained by this command.
    """
    if path.is_dir():
        raise FileNotFoundError(
            f"{path} is a folder: give model.npz, or last.npz, of a run's folder"
        )
    saved = read_model(path)
    known = saved.state.get("painting")
    if type(known) is not dict or known.get("kind") not in KINDS:
        raise ValueError(
            f"{path} holds {saved.model}, which tinyunet paint has not trained: train one with "
            "tinyunet paint; tinyunet predict uses models of tinyunet train"
        )
    fit = known.get("fit")
    sides = type(fit) is list and len(fit) == 2 and all(type(n) is int and n > 0 for n in fit)
    if fit is not None and not sides:
        raise ValueError(f"{path} holds no sizes of pictures that tinyunet wrote: {fit}")
    stretched = bool(known.get("stretched", False))
    return Painter(saved.model, KINDS[known["kind"]], tuple(fit) if fit else None, stretched)
