"""What can be told of a run's folder without reading the run."""

from __future__ import annotations

import json
import warnings
from pathlib import Path


def refuse_file(out: Path) -> None:
    """Raise FileExistsError if a folder cannot be there because a file is."""
    for path in (out, *out.parents):
        if path.exists():
            if not path.is_dir():
                raise FileExistsError(
                    f"out is to be a folder, but {path} is a file: choose another"
                )
            return


def refuse_run(out: Path) -> None:
    """Raise FileExistsError if a folder holds a run that has taken a step, or its model."""
    if (out / "last.npz").exists():
        if has_steps(out):
            raise FileExistsError(
                f"{out} already holds a run: resume=True (--resume) continues it, or choose another "
                "folder"
            )
    elif (out / "best.npz").exists():  # all that somebody kept of a run
        raise FileExistsError(
            f"{out} already holds a model, best.npz: move it, or choose another folder"
        )


def has_steps(out: Path) -> bool:
    """Whether a run has taken a step, as far as its history tells."""
    try:
        return bool(json.loads((out / "history.json").read_text(encoding="utf-8"))["loss"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True


def stamp(path: Path) -> tuple[int, ...] | None:
    """What tells a file from another that takes its place."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def say_if_shared_otherwise(before: int, now: int) -> None:
    """Warn if a run goes on with another number of workers."""
    if before != now:
        warnings.warn(
            f"batches of this run were shared by {before} worker{'s' * (before != 1)}, and are by "
            f"{now} from here on: it goes on as it would have up to rounding, not to the last bit",
            stacklevel=5,
        )
