"""What was not written for tinyunet, as the subject of a check: inputs and gradients of any kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.gradcheck.arguments import WROTE, Snapshot, unchanged
from tinyunet.gradcheck.foreign.values import filled, is_array, leaves, on_gpu
from tinyunet.gradcheck.report import Row
from tinyunet.gradcheck.subject import Subject

LAYOUTS = {
    "NHWC": ("batch", "height", "width", "channels"),
    "NCHW": ("batch", "channels", "height", "width"),
}


class ForeignSubject(Subject):
    """Inputs of any kind, which are handed over as copies, and gradients of any kind.

    Attributes
    ----------
    shared
        For each gradient that shares its memory with another one, the other's name.
    unproved
        A row for each array that should have been checked and could not be.
    remarks
        What was seen on the way, each once.
    doubts
        What may be the reason, if something is wrong.
    """

    contract = False
    who = "backward"

    def __init__(
        self, title: str, inputs: dict[str, Any], wrt: Iterable | None, layout: str | None
    ) -> None:
        if layout is not None and layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)} or None, got {layout!r}")
        self.title, self.layout, self.inputs = title, layout, inputs
        self.wanted, self.explicit = _chosen(inputs, wrt), wrt is not None
        self.arrays = _all_leaves(inputs, inputs)
        self.tensors = _all_leaves(inputs, self.wanted, self.arrays)
        self.input_tensors = list(self.tensors)
        self.groups: dict[str, list[str]] = {"all inputs": self.input_tensors}
        self.snapshot = Snapshot({})
        self.shared: dict[str, str] = {}
        self.unproved: list[Row] = []
        self.remarks: list[str] = []
        self.doubts: list[str] = []
        self.handed: dict[str, Any] = {}

    def note(self, remark: str) -> None:
        """Remember a remark, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)

    def hand_over(self) -> dict[str, Any]:
        """Fresh copies of all inputs, as a function gets them."""
        self.handed = {n: filled(value, n, self.arrays) for n, value in self.inputs.items()}
        return self.handed

    def changed(self, who: str) -> list[Row]:
        """A failed row for each input whose copy was written into since `hand_over`."""
        rows = []
        for name, value in self.inputs.items():
            if isinstance(value, Mapping) and name not in self.wanted:
                continue  # settings, in which some keep running means
            before = {key: self.arrays[key] for key in leaves(value, name)}
            after = leaves(self.handed[name], name)
            if not before and is_array(value):
                before, after = {name: value}, {name: self.handed[name]}
            for key, array in before.items():
                if key not in after or not unchanged(array, after[key]):
                    hint = WROTE.format(who=who)
                    rows.append(Row(key, tuple(np.shape(array)), verdict="FAILED", hint=hint))
        return rows

    def leave_out(self, name: str) -> None:
        """Differentiate an input no longer: it looks like a target or a setting."""
        self.wanted.remove(name)
        for key in leaves(self.inputs[name], name):
            del self.tensors[key]
            self.input_tensors.remove(key)
        self.note(f"{name} was left out, for backward gives no gradient for it (wrt asks for one)")

    def keep(self, found: dict[str, Any]) -> dict[str, Array | None]:
        """Copies of gradients, after a look at whose memory they are."""
        arrays = {name: g for name, g in found.items() if isinstance(g, np.ndarray)}
        for (a, first), (b, second) in itertools.combinations(arrays.items(), 2):
            if _share_memory(first, second):
                self.shared |= {a: b, b: a}
                self.note(
                    f"the gradients of {a} and {b} share their memory: who writes into one changes the "
                    "other"
                )
        for name, gradient in found.items():
            if gradient is not None and gradient.dtype.itemsize < 8:
                self.note(
                    f"{name}: its gradient came back in {gradient.dtype}, from float64 inputs"
                )
        return {
            name: g if g is None else (g if on_gpu(g) else np.asarray(g, np.float64)) * 1.0
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


def _all_leaves(inputs: dict, names: Iterable[str], known: dict | None = None) -> dict[str, Array]:
    """The leaves of some inputs; as they are known already, if they are."""
    found = {key: array for n in names for key, array in leaves(inputs[n], n).items()}
    return found if known is None else {key: known[key] for key in found}


def _chosen(inputs: dict[str, Any], wrt: Iterable | None) -> list[str]:
    """The names of the inputs that are differentiated."""
    possible, names = [n for n, value in inputs.items() if leaves(value, n)], list(inputs)
    if wrt is None:
        for name, value in inputs.items():
            if is_array(value) and value.dtype.kind in "cO":
                raise TypeError(f"{name} has dtype {value.dtype}: give an array of floats instead")
        return possible
    chosen = list(wrt) if isinstance(wrt, Iterable) and not isinstance(wrt, str) else [wrt]
    chosen = [
        names[i] if isinstance(i, int) and -len(names) <= i < len(names) else i for i in chosen
    ]
    for name in chosen:
        if name not in possible:
            raise ValueError(
                f"wrt names {name!r}, but the inputs that can be differentiated are {possible}"
            )
    return [name for name in names if name in chosen]


def _share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays overlap; asking exactly is limited, for it can take for ever."""
    try:
        return np.shares_memory(a, b, max_work=100_000)  # type: ignore[arg-type]  # numpy's stubs: -1 or 0  # type: ignore[arg-type]  # numpy's stubs: -1 or 0
    except np.exceptions.TooHardError:
        return False
