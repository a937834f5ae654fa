"""A pair of functions, forward and backward, as the subject of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, array_module
from tinyunet.gradcheck.foreign.calling import OUTPUT, Call
from tinyunet.gradcheck.foreign.conventions import (
    count_problem,
    may_lack_gradient,
    output,
    sort_gradients,
)
from tinyunet.gradcheck.foreign.foreign_subject import ForeignSubject
from tinyunet.gradcheck.foreign.signature import Context, Signature, name_of
from tinyunet.gradcheck.foreign.values import is_array, is_floats, kind_of, leaves
from tinyunet.gradcheck.report import GradientReport, Row


class FunctionSubject(ForeignSubject):
    """A pair of functions.

    Attributes
    ----------
    by_count
        Whether backward gets the inputs in their order, if its arguments have other names.
    """

    by_count = True

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
                alone = "; None, if forward returns (loss, gradient)" if who == "backward" else ""
                raise TypeError(f"{who} should be a function, got {type(function).__name__}{alone}")
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
        xp = array_module(self._outputs[0])
        return xp.concatenate([xp.ravel(y) for y in self._outputs])

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
        if self._pullback() is None and (self.backward is None or not self._arguments(y)[1]):
            return np.float64(1.0)
        return super().upstream(y, rng)

    def gradients(self, dy: Any, report: GradientReport) -> dict[str, Array | None]:
        """Run backward."""
        before = self.changed("forward")
        found = self._sorted(self._run_backward(dy), report)
        self._report_writes(before, report)
        return self.keep(found)

    def _report_writes(self, before: list[Row], report: GradientReport) -> None:
        """Add rows for inputs that were written into, by forward, or else by backward."""
        names = [row.name for row in before if row.name in self.tensors]
        after = [row for row in self.changed("backward") if row.name not in names]
        report.rows += [row for row in before if row.name in names] + after

    def _run_backward(self, dy: Any) -> Any:
        pullback = self._pullback()
        if pullback is not None:
            return pullback(*self._split(dy))
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
        if isinstance(returned, tuple | list) and len(returned) == len(self.inputs):
            self._note_integers(returned)
        lacking = [key for key, gradient in found.items() if gradient is None]
        if problem and isinstance(returned, tuple | list):
            report.rows.append(Row("inputs", (), verdict="FAILED", hint=problem))
        elif problem and self.wanted:
            self.note(problem)
        elif 0 < len(lacking) < len(found) and not self.explicit:
            others = [name for name in self.wanted if name not in lacking]
            self.note(f"if {lacking[0]} needs no gradient, leave it out: wrt={others}")
        return found

    def _note_integers(self, returned: Any) -> None:
        """Say that a gradient was not checked, where an array of integers was given a gradient."""
        for (name, value), gradient in zip(self.inputs.items(), returned, strict=True):
            if is_array(value) and value.dtype.kind in "iu" and is_floats(gradient):
                self.note(f"{name} holds integers, so its gradient was not checked: give floats")

    def _may_lack(self, name: str) -> bool:
        if self.explicit:
            return False
        return may_lack_gradient(name, self.inputs[name], self._is_number())

    def _pullback(self) -> Callable | None:
        """The backward that forward returned beside its value, if it did."""
        last = self._beside[-1] if self._beside else None
        return last if self.backward is None and callable(last) else None

    def _beside_the_value(self) -> Any:
        """The gradients that a loss returned with its value."""
        if not self._is_number() or not self._beside:
            raise TypeError(
                "without a backward function, forward should return (value, gradient) with a number "
                f"for a value; it returned {kind_of(self._outputs[0])} and {len(self._beside)} "
                "values beside it"
            )
        return self._beside[0] if len(self._beside) == 1 else self._beside

    def _arguments(self, dy: Any) -> tuple[list[Any], bool]:
        """What backward is called with, and whether the upstream gradient is among it."""
        takes = self._backward_takes
        assert takes is not None  # whoever asks has a backward
        y = self._outputs[0] if len(self._outputs) == 1 else self._outputs
        call = Call(
            takes,
            self._split(dy),
            self.handed,
            y,
            self._beside,
            self._is_number(),
            self._forward_takes.defaults,
            self.by_count,
        )
        arguments, with_dy = call.arguments()
        self._doubt(takes, arguments)
        if takes.context:
            arguments = [self._context or Context(len(self.handed)), *arguments]
        return arguments, with_dy

    def _doubt(self, takes: Signature, arguments: list) -> None:
        """An argument with a name of its own got the input: it may have meant the output."""
        names = [n for n in takes.names if n not in (*self.inputs, *OUTPUT)]
        inputs = list(self.handed.values())
        if len(names) == len(arguments) == 2 and len(inputs) == 1 and arguments[1] is inputs[0]:
            self.doubts = [
                f"{names[1]} of {name_of(self.backward)} was given the input "
                f"{next(iter(self.inputs))}: if it should be the output, call it out"
            ]

    def _split(self, dy: Any) -> list[Any]:
        """The upstream gradient of each output, as tensors of PyTorch if the inputs are."""
        parts = [dy]
        if len(self._outputs) > 1:
            ends = [int(end) for end in np.cumsum([y.size for y in self._outputs])]
            starts = [0, *ends[:-1]]
            parts = [
                dy[start:end].reshape(y.shape)
                for start, end, y in zip(starts, ends, self._outputs, strict=True)
            ]
        if self._tensors:
            from torch import from_numpy  # there is PyTorch, if there are tensors

            parts = [from_numpy(np.asarray(part)) for part in parts]
        return parts


def _names(takes: Signature, inputs: tuple) -> list[str]:
    """What the inputs are called: as forward calls them, else x, or x0, x1, ..."""
    count = len(inputs)
    if not takes.takes(count):
        given = f"{count} input{'s' * (count != 1)}"
        what = "give as many as it takes"
        if takes.names[:1] == ["self"]:
            what = "give the method of an object, as in layer.forward, or use check_object"
        raise TypeError(f"forward is {takes}, but {given} given: {what}")
    if takes.any or count > len(takes.names):
        return ["x"] if count == 1 else [f"x{i}" for i in range(count)]
    return takes.names[:count]
