"""Lesson 15: a whole structure moved."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.exercises.device import Device, DeviceArray
from tinyunet.exercises.lesson_15.device_calls import call
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Stop, Trial

NO_SUCH_KIND = (
    "what comes in may be an array, a dict, a list, a tuple or something else, at every depth: ask "
    "with isinstance which it is"
)


@exercise(
    lesson=15,
    hints=(
        "A structure is made of structures: what do you do with a dict whose values are dicts? Let "
        "the function call itself.",
        "Four cases: a dict, a list, a tuple (each: a new one of the same kind, with every item "
        "moved), an array (put it). Everything else stays what it is.",
        "{key: move_all(value, put) for key, value in things.items()} for a dict; "
        "type(things)(move_all(item, put) for item in things) for a list or a tuple.",
    ),
)
def move_all(trial: Trial) -> None:
    """All arrays of a structure, each moved once."""
    rng = trial.rng(18)
    a, b, c = rng.random((2, 3)), rng.integers(9, size=3), rng.random((1, 2), np.float32)
    for things in (a, {"w": a, "b": b}, [a, b], (a, None), {"layers": [{"w": a}, (b, [c])], "lr": 0.1,
                   "name": "unet", "none": None, "empty": {}, "flag": True}):  # fmt: skip
        device = Device()
        seen = repr(things)
        try:
            got = call(trial, device, things=things, put=device.asarray)
        except Stop:
            trial.findings()[-1].cause = trial.findings()[-1].cause or NO_SUCH_KIND
            raise
        trial.setting = f"called with things = {_outline(things)} and put = cupy.asarray"
        trial.require(got is not None, "your function", "returned None", "a missing return")
        trial.require(
            repr(things) == seen, "things", "your function wrote into it",
            "make a new dict or list: the caller may still need the old one",
        )  # fmt: skip
        _compare_trees(trial, "things", got, things)
        moved, arrays = len(device.noted("moved")), _outline(things).count("array")
        trial.require(
            moved == arrays, "transfers", f"{moved}, should be {arrays}: one for each array",
            "an array is moved more than once, or in pieces" if moved > arrays else "",
        )  # fmt: skip


def _outline(things: Any) -> str:
    """A structure in words, without its numbers."""
    if isinstance(things, dict):
        return "{" + ", ".join(f"{k!r}: {_outline(v)}" for k, v in things.items()) + "}"
    if isinstance(things, list | tuple):
        return f"{type(things).__name__}({', '.join(map(_outline, things))})"
    return "array" if isinstance(things, np.ndarray) else repr(things)


def _compare_trees(trial: Trial, where: str, got: Any, right: Any) -> None:
    if isinstance(right, np.ndarray):
        trial.require(
            isinstance(got, DeviceArray), where, f"is of type {type(got).__name__}, not on the device",
            "some kind of container is not looked into" if isinstance(got, np.ndarray) else "",
        )  # fmt: skip
        return trial.compare(got._memory, {where: right})
    container = isinstance(right, dict | list | tuple)
    trial.require(
        type(got) is type(right), where,
        f"is of type {type(got).__name__}, should be {type(right).__name__}",
        "a container should stay what it is, a tuple a tuple, a list a list: look into it, and put "
        "its arrays into a new one" if container else
        "a number, a text or None is no array: leave it as it is",
    )  # fmt: skip
    if not container:
        return trial.require(got == right, where, f"is {got!r}, should be {right!r}")
    keys = list(right) if isinstance(right, dict) else range(len(right))
    same = set(got) == set(keys) if isinstance(right, dict) else len(got) == len(right)
    trial.require(same, where, f"has {len(got)} items, should have the same {len(right)} as before")
    for key in keys:
        _compare_trees(trial, f"{where}[{key!r}]", got[key], right[key])
    return None
