"""What lies out of a reader's sight: the ranges of measured values, and the reasons of a quiz.

Both stand in the folder of their lesson, in ``lesson_NN/ranges.py`` (``RANGES``, ``SMALL``) and
``lesson_NN/quiz.py`` (``QUIZ``), and are found by their words over all lessons.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

PACKAGE = "tinyunet.exercises"


def by_lesson(file: str, table: str) -> dict[int, dict[str, Any]]:
    """Return a table of each lesson that has it, by the lesson's number."""
    found = {}
    for folder in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__):
        name = f"{PACKAGE}.{folder.name}.{file}"
        if folder.name.startswith("lesson_") and importlib.util.find_spec(name):
            lesson = int(folder.name.removeprefix("lesson_"))
            found[lesson] = getattr(importlib.import_module(name), table, {})
    return found


def look_up(file: str, table: str, words: str) -> Any:
    """Return what a table of any lesson has under these words, or None."""
    tables = by_lesson(file, table).values()
    return next((entries[words] for entries in tables if words in entries), None)
