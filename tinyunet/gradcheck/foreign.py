"""Functions and objects that were not written for tinyunet, as subjects of a check."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinyunet.arrays import Array
from tinyunet.gradcheck.arguments import WROTE, Given, unchanged
from tinyunet.gradcheck.conventions import (
    UPSTREAM,
    Context,
    Signature,
    filled,
    leaves,
    output,
    sort_gradients,
)
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.subject import Subject

LAYOUTS = {
    "NHWC": ("batch", "height", "width", "channels"),
    "NCHW": ("batch", "channels", "height", "width"),
}


class ForeignSubject(Subject):
    """What functions and objects have in common: inputs of any kind, which are handed over as copies.

    Attributes
    ----------
    shared
        For each gradient that shares its memory with another one, the other's name.
    remarks
        What was seen on the way, each once.
    """

    contract = False
    who = "backward"

    def __init__(
        self, title: str, inputs: tuple, names: list[str], wrt: Iterable | None, layout: str | None
    ) -> None:
        if layout is not None and layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)} or None, got {layout!r}")
        self.title, self.layout = title, layout
        self.inputs = dict(zip(names, inputs, strict=True))
        self.wanted = _chosen(self.inputs, wrt)
        self.tensors = {
            name: array
            for key in self.wanted
            for name, array in leaves(self.inputs[key], key).items()
        }
        self.input_tensors = list(self.tensors)
        self.groups = {}
        self.given = Given({})
        self.shared: dict[str, str] = {}
        self.remarks: list[str] = []
        self.handed: list[Any] = []

    def note(self, remark: str) -> None:
        """Remember a remark, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)

    def hand_over(self) -> list[Any]:
        """Fresh copies of all inputs, as a function gets them."""
        self.handed = [filled(value, name, self.tensors) for name, value in self.inputs.items()]
        return self.handed

    def changed(self) -> list[Row]:
        """A failed row for each input whose copy was written into since `hand_over`."""
        rows = []
        for (name, value), copied in zip(self.inputs.items(), self.handed, strict=True):
            before = leaves(filled(value, name, self.tensors), name)
            if not before and hasattr(value, "dtype"):
                before, after = {name: value}, {name: copied}
            else:
                after = leaves(copied, name)
            for leaf, array in before.items():
                if leaf not in after or not unchanged(array, after[leaf]):
                    hint = WROTE.format(who="forward or backward")
                    rows.append(Row(leaf, tuple(np.shape(array)), verdict="FAILED", hint=hint))
        return rows

    def keep(self, found: dict[str, Any], dy: Any) -> dict[str, Array | None]:
        """Copies of gradients, after a look at whose memory they are."""
        arrays = {name: g for name, g in found.items() if isinstance(g, np.ndarray)}
        for (a, first), (b, second) in itertools.combinations(arrays.items(), 2):
            if np.shares_memory(first, second):
                self.shared |= {a: b, b: a}
                self.note(
                    f"the gradients of {a} and {b} share their memory: who writes into one changes the "
                    "other"
                )
        for name, gradient in found.items():
            dtype = getattr(gradient, "dtype", None)
            if dtype is not None and dtype.kind == "f" and dtype.itemsize < 8:
                self.note(f"{name}: its gradient came back in {dtype}, from float64 inputs")
        return {
            name: None if g is None else (np.asarray(g, np.float64) if _is_host(g) else g) * 1.0
            for name, g in found.items()
        }

    def axes(self, name: str) -> list[str]:
        """The axes of a 4-D array have names only if the layout was given."""
        array = self.tensors[name]
        if self.layout and array.ndim == 4 and name == self.input_tensors[0]:
            return list(LAYOUTS[self.layout])
        return [f"axis {i}" for i in range(array.ndim)]

    def sums_over_the_batch(self, name: str) -> bool:
        """Supposed of everything but the first input: it is asked only where a gradient is wrong."""
        return name != self.input_tensors[0] if self.input_tensors else True


def _is_host(value: Any) -> bool:
    return not hasattr(value, "get")  # a CuPy array has one


def _chosen(inputs: dict[str, Any], wrt: Iterable | None) -> list[str]:
    """The names of the inputs that are differentiated."""
    possible = [name for name, value in inputs.items() if leaves(value, name)]
    if wrt is None:
        return possible
    names = list(inputs)
    chosen = [wrt] if isinstance(wrt, str | int) else list(wrt)
    chosen = [
        names[i] if isinstance(i, int) and -len(names) <= i < len(names) else i for i in chosen
    ]
    for name in chosen:
        if name not in possible:
            raise ValueError(
                f"wrt names {name!r}, but the inputs that can be differentiated are {possible}"
            )
    return [name for name in names if name in chosen]


def input_names(signature: Signature, inputs: tuple) -> list[str]:
    """What the inputs are called: as forward calls them, else x, or x0, x1, ..."""
    count = len(inputs)
    if not signature.any and count <= len(signature.names):
        return signature.names[:count]
    return ["x"] if count == 1 else [f"x{i}" for i in range(count)]


class FunctionSubject(ForeignSubject):
    """A pair of functions."""

    def __init__(
        self,
        forward: Callable,
        backward: Callable | None,
        inputs: tuple,
        wrt: Iterable | None = None,
        layout: str | None = None,
    ) -> None:
        self.forward, self.backward = forward, backward
        self._forward_takes = Signature(forward)
        self._backward_takes = Signature(backward) if backward is not None else None
        by = "what it returns beside its value" if backward is None else name_of(backward)
        names = input_names(self._forward_takes, inputs)
        super().__init__(f"{name_of(forward)} by {by}", inputs, names, wrt, layout)
        self.groups = {"all inputs": list(self.tensors)}
        self._context: Context | None = None
        self._beside: tuple = ()
        self._is_number = False

    def value(self) -> Any:
        """Run forward on copies of the inputs."""
        arguments = self.hand_over()
        if self._forward_takes.context:
            self._context = Context(len(arguments))
            arguments = [self._context, *arguments]
        y, self._beside = output(self.forward(*arguments))
        self._is_number = np.ndim(y) == 0
        return y

    def upstream(self, y: Any, rng: np.random.Generator) -> Any:
        """Random, but 1 where backward takes none."""
        self._is_number = np.ndim(y) == 0
        if self.backward is None or not self._arguments(None)[1]:
            return np.float64(1.0)
        return super().upstream(y, rng)

    def gradients(self, dy: Any, report: GradientReport) -> dict[str, Array | None]:
        """Run backward."""
        if self.backward is None:
            returned = self._beside_the_value()
        else:
            arguments, _ = self._arguments(dy)
            returned = self.backward(*arguments)
        report.rows += self.changed()
        return self.keep(self._sorted(returned, report), dy)

    def _sorted(self, returned: Any, report: GradientReport) -> dict[str, Any]:
        try:
            return sort_gradients(returned, self.inputs, self.wanted)
        except ValueError as error:
            report.rows.append(Row("inputs", (), verdict="FAILED", hint=str(error)))
            return {}

    def _beside_the_value(self) -> Any:
        """The gradients that a loss returned with its value."""
        if not self._is_number or not self._beside:
            raise TypeError(
                "without a backward function, forward should return (value, gradient) with a number for "
                "a value"
            )
        return self._beside[0] if len(self._beside) == 1 else self._beside

    def _arguments(self, dy: Any) -> tuple[list[Any], bool]:
        """What backward is called with, and whether the upstream gradient is among it."""
        takes, count = self._backward_takes, len(self.handed)
        context = [self._context or Context(count)] if takes.context else []
        starts_with_dy = bool(takes.names) and bool(UPSTREAM.match(takes.names[0]))
        if self._is_number and not context and not takes.any:
            if takes.required == 0:
                return [], False
            if takes.required == count and not starts_with_dy:
                return list(self.handed), False
        ways = [
            [*self._beside] if self._beside else None,
            list(self.handed),
            [],  # what it needs it finds in its context, its object or its closure
        ]
        if takes.context:
            ways = [[], *ways]
        elif len(self._beside) > 1:
            ways.insert(1, [self._beside])
        for way in ways:
            if way is not None and takes.takes(1 + len(way)):
                return [*context, dy, *way], True
        raise TypeError(
            f"{name_of(self.backward)} takes {takes.required} arguments, but backward is called with "
            f"(dy, {', '.join(self.inputs)}), or with (dy, cache) where forward returns the tuple "
            "(out, cache), or with dy alone"
        )


def name_of(function: Any) -> str:
    """What a report calls a function."""
    return getattr(function, "__name__", None) or type(function).__name__


def copied(layer: Any) -> Any:
    """A copy of an object, so that checking does not change it."""
    try:
        return copy.deepcopy(layer)
    except Exception as error:
        raise TypeError(
            f"{type(layer).__name__} cannot be copied ({error}): give check_function its forward and "
            "backward"
        ) from error
