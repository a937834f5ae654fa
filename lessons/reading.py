"""Read a lesson's source quickly, for what needs no notebook: its title and times, and its cells."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)
ABOUT = re.compile(r"^# +(lesson|title|time): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A cell of a source: whether it is a text, its header's options, and what stands in it."""

    is_text: bool
    options: str
    text: str


def sources() -> list[Path]:
    """All lessons' sources, in order."""
    return sorted((Path(__file__).parent / "source").glob("[0-9][0-9]_*.py"))


@functools.cache
def cells(source: Path) -> tuple[Cell, ...]:
    """Return the cells of a source; of a text without the comment signs."""
    found, parts = [], CELL.split(source.read_text(encoding="utf-8"))
    for header, text in zip(parts[1::2], parts[2::2], strict=True):
        is_text = "[markdown]" in header
        if is_text:
            text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
        found.append(Cell(is_text, header, text.strip()))
    return tuple(found)


def about(source: Path) -> dict[str, str]:
    """Return a lesson's number, title and running time, as its header says them."""
    header = CELL.split(source.read_text(encoding="utf-8"), maxsplit=1)[0]
    return {name: value.strip("'\"") for name, value in ABOUT.findall(header)}
