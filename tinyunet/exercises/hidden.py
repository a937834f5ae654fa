"""The hidden test of an exercise, which grades a submission.

A graded notebook runs in one process with what its student wrote, where every name can be bound to
something else, and every module changed. So a graded cell uses no name of the notebook but the
answer's. It runs this file anew (`runpy.run_module`), which imports the checks anew, and hands them
two wrong answers before the student's: where one of these passes, something is not as it was, NumPy
perhaps, and no verdict can be trusted. Against a student who writes code for this very file nothing in
the same process helps; ``lessons/TEACHING.md`` says so.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def verdict(name: str, answer: Any, *, seed: int) -> bool:
    """Return True if an answer is right.

    Parameters
    ----------
    name
        What the exercise is called.
    answer
        The student's function.
    seed
        Chooses the numbers; any above 0, which are the lesson's.

    Raises
    ------
    WrongAnswer
        If it is wrong; the message says what the check found out.
    NotSolved
        If it is still the empty one.
    RuntimeError
        If a wrong answer passes.
    """
    used = _take_modules()  # the notebook's own tinyunet
    try:
        checks = importlib.import_module("tinyunet.exercises.registry").check
        exercise = checks.exercises()[name]
        for wrong in (_nothing, _spoiled(answer)):
            if exercise(wrong, seed=seed).passed is not False:
                raise RuntimeError(
                    f"the check of {name} accepts a wrong answer: something that it uses, in NumPy or "
                    "in Python, was replaced in this notebook. Restart, and leave it as it is"
                )
        return exercise(answer, strict=True, seed=seed).passed
    finally:
        _take_modules()
        sys.modules.update(used)


def _take_modules() -> dict[str, Any]:
    """Take all of tinyunet out of the imported modules: the next import reads its files again."""
    names = [name for name in sys.modules if name.split(".")[0] == "tinyunet"]
    return {name: sys.modules.pop(name) for name in names}


def _nothing(*arguments: Any, **options: Any) -> None:
    """Return nothing: an answer that is wrong in every exercise."""


def _spoiled(answer: Any) -> Callable:
    """Return a function that gives other numbers than the answer."""

    def wrong(*arguments: Any, **options: Any) -> Any:
        return _other(answer(*arguments, **options))

    return wrong


def _other(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_other(item) for item in value]
    if isinstance(value, dict):
        return {key: _other(item) for key, item in value.items()}
    if isinstance(value, int | float | np.number | np.ndarray):
        return 2 * value + 3
    return None
