"""Finished runs on disk: one JSON file each, written whole or not at all.

OUT/runs/NAME-SEED.json     settings, steps, scores
OUT/figures/                pictures of these runs
OUT/unfinished/NAME-SEED/   where an interrupted run goes on
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinyunet
from tinyunet import plots
from tinyunet.engine.machine import cpu_model, diagnose_blas
from tinyunet.engine.threads import num_threads
from tinyunet.engine.whole_files import write_text
from tinyunet.reproduce.words import Outcome, Record, Run

# Raise it whenever the same run would give other numbers, or would name them otherwise: a folder must
# not mix the two.
RESULTS = 7


def machine() -> dict[str, Any]:
    """What, besides settings and seed, the last digits and the seconds depend on."""
    blas = [f"{b['name']} {b['version']} {b['kernel']}".strip() for b in diagnose_blas()]
    return {
        "cpu": cpu_model(),
        "threads": num_threads(),
        "blas": ", ".join(blas),
        "tinyunet": tinyunet.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def identity(run: Run, length: dict[str, Any], quick: bool) -> dict[str, Any]:
    """What must agree for a run to be the same run."""
    return {
        "name": run.name,
        "seed": run.seed,
        "quick": quick,
        "threads": num_threads(),
        "version of results": RESULTS,
        "settings": {**run.settings, "length": length},
    }


def write(folder: Path, record: Record, outcome: Outcome) -> None:
    """Keep a finished run: its pictures first, so that a record is never without them."""
    stem = stem_of(record)
    pictures = []
    for number, (caption, figure) in enumerate(outcome.figures.items(), start=1):
        path = folder / "figures" / f"{stem}-{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        plots.save(figure, path)
        pictures.append({"file": path.name, "caption": caption})
    record = {
        **record,
        "rows": outcome.rows,
        "steps": outcome.steps,
        "facts": outcome.facts,
        "figures": pictures,
        "machine": machine(),
        "loss": outcome.loss,
    }
    write_whole(folder / "runs" / f"{stem}.json", json.dumps(record, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file, or leave the old one as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def read_all(folder: Path) -> list[Record]:
    """Read all finished runs of a folder.

    Raises
    ------
    ValueError
        If a file is damaged.
    """
    return [_read(path) for path in sorted((folder / "runs").glob("*.json"))]


def begun(folder: Path) -> list[dict[str, Any]]:
    """Read what the unfinished runs of a folder are."""
    return [_read(path) for path in sorted((folder / "unfinished").glob("*/run.json"))]


def _read(path: Path) -> Record:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for key in ("name", "seed", "quick", "threads", "settings"):
            record[key]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no complete record: delete it, and run again") from error
    return record


def stem_of(record: Record) -> str:
    """The name of a record's files."""
    return record["name"] if record["seed"] is None else f"{record['name']}-{record['seed']}"


def check_same(
    folder: Path, found: Sequence[Record], wanted: Sequence[dict[str, Any]], quick: bool
) -> None:
    """Refuse a folder with runs of other settings: a table must not mix them.

    Raises
    ------
    ValueError
        It lists what differs.
    """
    planned = {stem_of(identity): identity for identity in wanted}
    problems: dict[str, None] = {}  # in order, each once
    for record in found:
        ours = planned.get(stem_of(record), {"quick": quick, "threads": num_threads()})
        # Through JSON, where a tuple becomes a list.
        ours = json.loads(json.dumps(ours))
        if record.get("version of results") != RESULTS:
            problems[f"{stem_of(record)}: another version of tinyunet made it"] = None
            continue
        for name, here, asked in _differences({k: record[k] for k in ours}, ours):
            problems[f"{stem_of(record)}: {name} is {here} there, {asked} asked for"] = None
    if problems:
        shown = list(problems)[:6]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        raise ValueError(
            f"{folder} holds runs of other settings: choose another folder with --out\n  "
            + "\n  ".join(shown)
        )


def _differences(there: Any, asked: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """Where two nested dicts differ: (name, value there, value asked for)."""
    if not (isinstance(there, dict) and isinstance(asked, dict)):
        return [] if there == asked else [(name, there, asked)]
    return [
        difference
        for key in {**there, **asked}
        for difference in _differences(there.get(key), asked.get(key), key)
    ]
