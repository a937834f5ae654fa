"""What lies in a folder of images, but for what a caller wants left out."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from pathlib import Path

_LEFT_OUT: ContextVar[Collection[Path]] = ContextVar("left_out", default=())


def listed(folder: Path) -> list[Path]:
    """The files and folders in a folder, sorted, without those that are left out."""
    left_out = _LEFT_OUT.get()
    return [path for path in sorted(folder.iterdir()) if path not in left_out]


@contextlib.contextmanager
def leaving_out(paths: Collection[Path]) -> Iterator[None]:
    """Let folders be read as if these were not there, while this lasts.

    What one file holds may change how others are read: what their masks mean, say. So a run goes on
    without seeing what has come into its folder since.
    """
    token = _LEFT_OUT.set(frozenset(paths))
    try:
        yield
    finally:
        _LEFT_OUT.reset(token)
