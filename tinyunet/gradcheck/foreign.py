"""Functions that were not written for tinyunet, as subjects of a check."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.arrays import Array
from tinyunet.gradcheck.arguments import WROTE, Given, unchanged
from tinyunet.gradcheck.conventions import (
    count_problem,
    may_lack_gradient,
    output,
    sort_gradients,
)
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.signature import Context, Signature, backward_arguments, name_of
from tinyunet.gradcheck.subject import Subject
from tinyunet.gradcheck.values import filled, is_array, leaves, on_gpu

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
    remarks
        What was seen on the way, each once.
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
        self.given = Given({})
        self.shared: dict[str, str] = {}
        self.remarks: list[str] = []
        self.handed: dict[str, Any] = {}

    def note(self, remark: str) -> None:
        """Remember a remark, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)

    def hand_over(self) -> dict[str, Any]:
        """Fresh copies of all inputs, as a function gets them."""
        self.handed = {n: filled(value, n, self.arrays) for n, value in self.inputs.items()}
        return self.handed

    def changed(self) -> list[Row]:
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
                    hint = WROTE.format(who="forward or backward")
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


class FunctionSubject(ForeignSubject):
    """A pair of functions."""

    def __init__(
        self,
        forward: Callable,
        backward: Callable | None,
        inputs: tuple,
        wrt: Iterable | None = None,
        layout: str | None = None,
        names: list[str] | None = None,
    ) -> None:
        for who, function in (("forward", forward), ("backward", backward)):
            if not callable(function) and not (who == "backward" and function is None):
                raise TypeError(f"{who} should be a function, got {type(function).__name__}")
        self.forward, self.backward = forward, backward
        self._forward_takes = Signature(forward)
        self._backward_takes = None if backward is None else Signature(backward)
        by = "what it returns beside its value" if backward is None else name_of(backward)
        named = dict(zip(names or _names(self._forward_takes, inputs), inputs, strict=True))
        super().__init__(f"{name_of(forward)} by {by}", named, wrt, layout)
        self._context: Context | None = None
        self._outputs: list = []
        self._beside: tuple = ()
        self._tensors = any(hasattr(value, "detach") for value in inputs)

    def value(self) -> Any:
        """Run forward on copies of the inputs."""
        arguments = list(self.hand_over().values())
        if self._forward_takes.context:
            self._context = Context(len(arguments))
            arguments = [self._context, *arguments]
        with np.errstate(all="ignore"):  # what is not finite is reported
            returned = self.forward(*arguments)
        self._outputs, self._beside = output(self.returned(returned), self._upstreams())
        if len(self._outputs) == 1:
            return self._outputs[0]
        return np.concatenate([np.ravel(y) for y in self._outputs])

    def returned(self, value: Any) -> Any:
        """What forward returned; an object may have kept it instead."""
        return value

    def _upstreams(self) -> int:
        """How many upstream gradients backward takes; 0 for as many as there are outputs."""
        takes = self._backward_takes
        if takes is not None and takes.any and takes.context:
            return 0
        return max(1, len(takes.upstreams(self.inputs))) if takes is not None else 1

    def _is_number(self) -> bool:
        return len(self._outputs) == 1 and np.size(self._outputs[0]) == 1

    def upstream(self, y: Any, rng: np.random.Generator) -> Any:
        """Random, but 1 where backward takes none."""
        if self.backward is None or not self._arguments(y)[1]:
            return np.float64(1.0)
        return super().upstream(y, rng)

    def gradients(self, dy: Any, report: GradientReport) -> dict[str, Array | None]:
        """Run backward."""
        returned = self._run_backward(dy)
        found = self._sorted(returned, report)
        report.rows += self.changed()
        return self.keep(found)

    def _run_backward(self, dy: Any) -> Any:
        if self.backward is None:
            return self._beside_the_value()
        arguments, _ = self._arguments(dy)
        with np.errstate(all="ignore"):
            return self.backward(*arguments)

    def _sorted(self, returned: Any, report: GradientReport) -> dict[str, Any]:
        """The gradients by tensor; targets and settings that have none are left out."""
        needed = [name for name in self.wanted if not self._may_lack(name)]
        found = sort_gradients(returned, self.inputs, self.wanted, needed)
        for name in self.wanted.copy() if needed else ():
            keys = list(leaves(self.inputs[name], name))
            if name not in needed and all(found.get(key) is None for key in keys):
                self.leave_out(name)
                for key in keys:
                    found.pop(key, None)
        problem = count_problem(returned, self.inputs, self.wanted)
        if problem and returned is not None:
            report.rows.append(Row("inputs", (), verdict="FAILED", hint=problem))
        elif problem and self.wanted:
            self.note(problem)
        elif any(gradient is None for gradient in found.values()):
            self.note(
                f"an input that needs no gradient is left out with wrt, as in wrt={needed[:1]}"
            )
        return found

    def _may_lack(self, name: str) -> bool:
        if self.explicit:
            return False
        return may_lack_gradient(name, self.inputs[name], self._is_number())

    def _beside_the_value(self) -> Any:
        """The gradients that a loss returned with its value."""
        if not self._is_number() or not self._beside:
            raise TypeError(
                "without a backward function, forward should return (value, gradient) with a number for "
                "a value"
            )
        return self._beside[0] if len(self._beside) == 1 else self._beside

    def _arguments(self, dy: Any) -> tuple[list[Any], bool]:
        """What backward is called with, and whether the upstream gradient is among it."""
        takes = self._backward_takes
        y = self._outputs[0] if len(self._outputs) == 1 else self._outputs
        arguments, with_dy = backward_arguments(
            takes, self._split(dy), self.handed, y, self._beside, self._is_number()
        )
        if takes.context:
            arguments = [self._context or Context(len(self.handed)), *arguments]
        return arguments, with_dy

    def _split(self, dy: Any) -> list[Any]:
        """The upstream gradient of each output, as tensors of PyTorch if the inputs are."""
        parts = [dy]
        if len(self._outputs) > 1:
            ends = np.cumsum([np.size(y) for y in self._outputs])[:-1]
            parts = [
                part.reshape(np.shape(y))
                for part, y in zip(np.split(dy, ends), self._outputs, strict=True)
            ]
        if self._tensors:
            from torch import from_numpy  # there is PyTorch, if there are tensors

            parts = [from_numpy(np.asarray(part)) for part in parts]
        return parts


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


def _names(takes: Signature, inputs: tuple) -> list[str]:
    """What the inputs are called: as forward calls them, else x, or x0, x1, ..."""
    count = len(inputs)
    if not takes.takes(count):
        raise TypeError(f"forward is {takes}, but {count} inputs were given")
    if takes.any or count > len(takes.names):
        return ["x"] if count == 1 else [f"x{i}" for i in range(count)]
    return takes.names[:count]


def _share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays overlap; asking exactly is limited, for it can take for ever."""
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return False
