"""Lesson 15: whose array is it?"""

from __future__ import annotations

import builtins
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from tinyunet.exercises.device import Device, cupy_is
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Stop, Trial

NO_CUPY = "there may be no CuPy: nothing to import, and nothing in sys.modules"
WITHOUT = re.compile("import of cupy|NoneType|'cupy'")
PLACES = {
    "where there is a CuPy": cupy_is,
    "where CuPy cannot be imported": lambda device: cupy_is(None),
    "where nobody has imported CuPy": lambda device: cupy_is(None, imported=False),
}


@contextmanager
def _imports() -> Iterator[list[str]]:
    """Note the imports of cupy while the context lasts."""
    imported, usual = [], builtins.__import__

    def noting(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == "cupy":
            imported.append(name)
        return usual(name, *arguments, **options)

    builtins.__import__ = noting
    try:
        yield imported
    finally:
        builtins.__import__ = usual


@exercise(
    lesson=15,
    hints=(
        "An array is an instance of its module's class: isinstance(x, np.ndarray). For a device "
        "array, ask the same of cupy.ndarray. But where does `cupy` come from, without an import?",
        'sys.modules is a dict of everything imported so far. sys.modules.get("cupy") is the '
        "module, or None where nobody has imported it. Then x cannot be one of its arrays.",
        "Three cases, in this order: x is a np.ndarray: np. There is a cupy, and x is a "
        "cupy.ndarray: that cupy. Anything else: raise TypeError, and name type(x) in it.",
    ),
)
def array_module(trial: Trial) -> None:
    """Whose array is it: the module of an array."""
    device, x = Device(), trial.rng(14).random(3)
    for where, array, right in (
        ("where CuPy cannot be imported", x, np), ("where nobody has imported CuPy", x, np),
        ("where there is a CuPy", x, np), ("where there is a CuPy", device.asarray(x), device),
    ):  # fmt: skip
        try:
            with PLACES[where](device), _imports() as imported:
                got = trial.call(x=array)
        except Stop:
            if WITHOUT.search(trial.findings()[-1].text):
                trial.findings()[-1].cause = NO_CUPY
            raise
        trial.setting = f"called with a {'host' if right is np else 'device'} array, {where}"
        trial.require(
            not imported, "your function", "imports cupy",
            "without a GPU that fails, and where it works it takes its time: ask sys.modules, which "
            "has it if anybody uses it",
        )  # fmt: skip
        trial.require(got is not None, "your function", "returned None", "a missing return")
        trial.require(
            isinstance(got, ModuleType), "your function", f"returned {type(got).__name__}",
            "return the module itself, such as np, not its name",
        )  # fmt: skip
        trial.require(
            got is right, "the module", f"is {got.__name__}, should be {right.__name__}",
            "the same answer for every array" if right is device else
            "that there is a CuPy does not mean that this array is on the device",
        )  # fmt: skip
    for where, other in itertools.product(PLACES, ([1.0, 2.0], {"x": 1.0})):
        trial.setting = f"called with x = {other}, {where}"
        try:
            with PLACES[where](device):
                trial.answer(other)
        except TypeError:
            continue
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            trial.fail(
                "your function", f"raised {text}, should raise TypeError",
                NO_CUPY if WITHOUT.search(text) else "",
            )  # fmt: skip
        trial.fail(
            "your function", "raised no TypeError", "what is no array belongs to no module: a "
            "clear error here is better than a strange one later",
        )  # fmt: skip
