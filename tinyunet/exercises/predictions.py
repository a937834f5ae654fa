"""Predictions: a reader writes one down, and the measuring cell says how far off it was.

    predict("mean IoU of FCN-32s", 0.4)         a number; in a student's notebook, ... in its place
    measured("mean IoU of FCN-32s", 0.31)       you predicted 0.4, measured 0.31: 0.09 too high

Neither says in which range the value has to lie: see `tinyunet.exercises.tables`.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from tinyunet.exercises.sketches import as_points, draw, farthest
from tinyunet.exercises.tables import look_up

WANTED = {
    "number": "a number, such as 0.4",
    "shape": "a shape: whole numbers in brackets, such as (64, 64, 3)",
    "curve": "a sketch of a curve: a list of points (x, y), such as [(0, 1.5), (100, 0.4)]",
}

_made: dict[str, Any] = {}  # by their words; `...` where a cell ran without a prediction


def predict(what: str, answer: Any, *, choices: Sequence[Any] | None = None) -> None:
    """Remember a prediction until `measured` is called with the same words.

    Parameters
    ----------
    what
        What will be measured, in words.
    answer
        A number, a shape (a tuple), one of the choices, or a sketch of a curve as a list of (x, y).
        As long as it is ``...``, a line says what to write in its place.
    choices
        What can be chosen from.
    """
    kind = _kind(what, answer, choices)
    _made[what] = ...
    wanted = f"one of {', '.join(map(repr, choices))}" if choices else WANTED[kind]
    if answer is ...:
        print(f"{what}: write your prediction in place of the dots ({wanted}), and run this cell.")
        return
    taken = _taken(kind, answer, choices)
    if taken is None:
        print(f"{what}: {answer!r} is no prediction of this kind. Write {wanted}.")
        return
    _made[what] = taken
    print(f"{what}: your prediction is {_words(kind, taken)}.")


def measured(what: str, value: Any) -> None:
    """Print a measured value, and how far a prediction of it was off.

    Parameters
    ----------
    what
        The words of the prediction, or others: then only the value is printed.
    value
        A number, a shape, a choice, or a curve as points (x, y).

    Raises
    ------
    AssertionError
        Where TINYUNET_LESSONS is set, and the value is outside of the range that its lesson gives.
    LookupError
        There as well, if no lesson gives one.
    """
    kind, prediction = _kind(what, value, None), _made.get(what)
    value = _taken(kind, value, None)
    if value is None:
        raise ValueError(f"{what}: should be measured as {WANTED.get(kind, 'one of the choices')}")
    if prediction is None:
        print(f"{what}: {_words(kind, value)}")
    elif prediction is ...:
        print(f"{what}: measured {_words(kind, value)}; no prediction was made.")
    elif kind == "curve":
        print(f"{what}: {farthest(prediction, value)}")
        draw(what, prediction, value)
    else:
        seen = f"you predicted {_words(kind, prediction)}, measured {_words(kind, value)}"
        print(f"{what}: {seen}: {_verdict(kind, prediction, value)}")
    _check(what, kind, value)


def _kind(what: str, value: Any, choices: Sequence[Any] | None) -> str:
    """Whether a number, a shape, a choice or a curve is asked for: its range knows, else the value."""
    expected = look_up("ranges", "RANGES", what)
    if choices is not None or isinstance(expected, str):
        return "choice"
    if expected is None:
        curve = isinstance(value, list | np.ndarray) and np.ndim(value) == 2
        kinds = {str: "choice", tuple: "shape"}
        return "curve" if curve else kinds.get(type(value), "number")
    if isinstance(expected, list):
        return "curve"
    if any(isinstance(each, str) for each in expected):
        return "choice"
    return "shape" if all(isinstance(each, tuple) for each in expected) else "number"


def _taken(kind: str, value: Any, choices: Sequence[Any] | None) -> Any:
    """A value as one of a kind; None where it is none."""
    if kind == "choice":
        if choices is None:
            return str(value)
        named = {str(choice).strip().lower(): str(choice) for choice in choices}
        return named.get(str(value).strip().lower())
    if kind == "shape":
        sides = isinstance(value, tuple | list) and value != [] and all(map(_is_whole, value))
        return tuple(map(int, value)) if sides else None
    if kind == "curve":
        return as_points(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return None
    return int(value) if _is_whole(value) else float(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _words(kind: str, value: Any) -> str:
    if kind == "curve":
        return f"a curve of {len(value)} points"
    return str(value) if kind != "number" or isinstance(value, int) else f"{value:.4g}"


def _verdict(kind: str, prediction: Any, value: Any) -> str:
    """How far off it was."""
    if prediction == value:
        return "right."
    if kind != "number":
        return "not what you expected."
    off = prediction - value
    if _rounds_to(value, prediction):
        return "right, to the digits that you gave."
    size = str(abs(off)) if isinstance(off, int) else f"{abs(off):.2g}"
    return f"{size} too {'high' if off > 0 else 'low'}."


def _rounds_to(value: float, prediction: float) -> bool:
    """Whether a measured number, given as exactly as the prediction, is the prediction."""
    if isinstance(value, int) or not math.isfinite(value) or not math.isfinite(prediction):
        return False
    digits = max(0, -Decimal(repr(prediction)).as_tuple().exponent)
    return round(value, digits) == prediction and abs(prediction - value) <= 0.1 * abs(value)


def _check(what: str, kind: str, value: Any) -> None:
    """Say that a value is outside of its range; raise it where lessons are built or tested."""
    size = os.environ.get("TINYUNET_LESSONS", "")
    expected = look_up("ranges", "RANGES", what)
    if expected is None:
        if size:
            raise LookupError(f"no lesson's RANGES have {what!r}")
        return
    if size == "small":
        expected = look_up("ranges", "SMALL", what)
    if not _inside(kind, value, expected):
        if size:
            raise AssertionError(f"{what}: {_words(kind, value)} is outside of {expected}")
        print("This is not what the lesson expects: your machine or your code may differ.")


def _inside(kind: str, value: Any, expected: Any) -> bool:
    """Whether a value is in its range; in none at all, whether it is finite."""
    if kind == "curve":
        xs, ys = np.array(value, float).T
        limits = [(np.interp(x, xs, ys), (low, high)) for x, low, high in expected or ()]
        return bool(np.isfinite(ys).all()) and all(_inside("", y, pair) for y, pair in limits)
    if kind in ("choice", "shape"):
        return expected is None or value in ((expected,) if isinstance(expected, str) else expected)
    low, high = expected or (None, None)
    return (
        math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
    )
