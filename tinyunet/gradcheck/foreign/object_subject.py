"""An object with a forward and a backward pass, as the subject of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.gradcheck.arguments import Snapshot
from tinyunet.gradcheck.foreign.conventions import gradient_key, gradient_named
from tinyunet.gradcheck.foreign.function_subject import FunctionSubject
from tinyunet.gradcheck.foreign.object_passes import (
    CLEARING,
    INPUT_GRADIENTS,
    OUTPUTS,
    Variable,
    copied,
    methods_of,
    values_in,
)
from tinyunet.gradcheck.foreign.parameters import (
    Places,
    at,
    attributes,
    find_places,
    given_places,
    put,
    returned_places,
    widen,
    without_gradient,
)
from tinyunet.gradcheck.foreign.signature import name_of
from tinyunet.gradcheck.foreign.values import array_from, is_array
from tinyunet.gradcheck.places import scale_of
from tinyunet.gradcheck.report import GradientReport, Row


class ObjectSubject(FunctionSubject):
    """An object: its forward keeps what its backward needs, which leaves gradients in it."""

    by_count = False  # what else backward asks for is, say, a learning rate

    def __init__(
        self,
        layer: Any,
        inputs: tuple,
        parameters: Mapping[str, str] | Iterable[str] | None,
        wrt: Iterable | None,
        layout: str | None,
    ) -> None:
        self._bind(layer)
        super().__init__(self.forward, self.backward, inputs, wrt, layout)
        self.title = type(layer).__name__
        places = self._find_parameters(parameters)
        self._bind(layer)  # a fresh copy: the other one has gradients, which may add up
        self.value()  # parameters may be made by the first forward
        widen(self.layer)
        self._kept: dict[str, list] = {}
        self._add_parameters(places)
        self._drop_unused()
        kept = list(self._kept)
        self.groups["all parameters"] = kept
        self.note(f"parameters that were checked: {', '.join(kept) or 'none'}")
        self.snapshot = Snapshot({name: self.tensors[name] for name in kept})

    def _bind(self, layer: Any) -> None:
        """Work on a copy of an object, in float64."""
        self.layer = copied(layer)
        widen(self.layer)
        self.forward, self.backward = methods_of(self.layer)
        self._lent: set[str] = set()
        self._clear: list[Callable] = [
            getattr(self.layer, name)
            for name in CLEARING
            if callable(getattr(self.layer, name, None))
        ]

    def _find_parameters(self, parameters: Mapping[str, str] | Iterable[str] | None) -> Places:
        """Run both passes, for parameters and gradients may be made by them, and find the places."""
        for clear in self._clear:
            self.note(f"{name_of(clear)} is called before each forward")
        y = self.value()
        returned = self._run_backward(self.upstream(y, np.random.default_rng(0)))
        if parameters is not None:
            return given_places(self.layer, parameters)
        before = values_in(self.layer)
        self.value()
        lasting = set(before) & set(values_in(self.layer))
        places = find_places(self.layer, lasting)
        places = places or returned_places(self.layer, lasting, returned, len(self.inputs))
        rows = [self._unproved(name) for name in without_gradient(self.layer, places)]
        self.unproved += [row for row in rows if row is not None]
        return places

    def _unproved(self, name: str) -> Row | None:
        """A row for an array without a gradient, if it has a say in the output."""
        array = getattr(self.layer, name)
        if not self._matters(array):
            return None
        hint = (
            f"no gradient of {name} was found, so it was not checked: say where it is, parameters="
            f"{{{name!r}: ...}} or --parameters {name}=..., or that nothing is learned, parameters={{}}"
        )
        return Row(name, array.shape, verdict="not measurable", hint=hint)

    def _matters(self, array: Array) -> bool:
        """Whether the output is another one when an array of the object changes."""
        y, start = self.value() * 1.0, array.copy()
        array += scale_of(array) * np.linspace(1, 2, array.size).reshape(array.shape)
        try:
            return not np.array_equal(y, self.value())
        except Exception:  # it does not like another value
            return True
        finally:
            array[...] = start

    def _add_parameters(self, places: Places) -> None:
        """Make the parameters tensors of this check."""
        for name, (parameter, gradients) in places.items():
            array = at(self.layer, parameter)
            if not is_array(array) or array.dtype != np.float64 or not array.flags.writeable:
                array = np.array(array, np.float64)
                put(self.layer, parameter, array)
            name = f"parameter {name}" if name in self.tensors else name
            self.tensors[name] = array
            self._kept[name] = gradients

    def value(self) -> Any:
        """Run forward."""
        for clear in self._clear:
            clear()
        y = super().value()
        self._set_variables(y)
        return y

    def returned(self, value: Any) -> Any:
        """What forward returned, or left in the object."""
        kept = [n for n in OUTPUTS if n not in self._lent]
        names = [n for n in kept if is_array(getattr(self.layer, n, None))]
        return getattr(self.layer, names[0]) if value is None and names else value

    def _set_variables(self, y: Any) -> None:
        """Set what `__call__` sets in functions like DeZero's, before it calls forward."""
        calls = callable(self.layer) and name_of(self.forward) != "__call__"
        if not calls or not self.handed or not hasattr(self.layer, "__dict__"):
            return
        variables = [Variable(value) for value in self.handed.values()]
        out = Variable(y)
        lent = {"inputs": variables, "input": variables[0], "outputs": [lambda: out], "output": out}
        for name, value in lent.items():
            if name in self._lent or not hasattr(self.layer, name):
                self._lent.add(name)
                setattr(self.layer, name, value)

    def gradients(self, dy: Any, report: GradientReport) -> dict[str, Array | None]:
        """Run backward and collect the gradients that it left behind."""
        before = self.changed("forward")
        returned = self._run_backward(dy)
        if returned is None:
            returned = self._left_behind()
        count, extra = len(self.inputs), {}
        if isinstance(returned, tuple) and len(returned) == count + len(self._kept):
            returned, extra = returned[:count], dict(zip(self._kept, returned[count:], strict=True))
        elif isinstance(returned, Mapping) and not all(self._kept.values()):
            extra = {name: gradient_named(returned, name) for name in self._kept}
            for name in [n for n in self.wanted if gradient_named(returned, n) is None]:
                self.leave_out(name)
        found = self._sorted(returned, report) if self.wanted else {}
        self._report_writes(before, report)
        for name, places in self._kept.items():
            found[name] = self._gradient_of(places) if places else extra.get(name)
        return self.keep(found)

    def _gradient_of(self, places: list) -> Any:
        """The gradient of a parameter, from where backward left it: a sum, if that is in several."""
        values = [at(self.layer, place) for place in places]
        if any(value is None for value in values):
            return None
        arrays = [array_from(value, "backward") for value in values]
        return arrays[0] if len(arrays) == 1 else sum(arrays)

    def _left_behind(self) -> dict[str, Any] | None:
        """The gradients of inputs that a backward that returns nothing left in attributes."""
        held = {n: value for n, value in attributes(self.layer).items() if value is not None}
        found: dict[str, Any] = {}
        for i, name in enumerate(self.wanted):
            others = [n for n in INPUT_GRADIENTS if n in held and i == 0]
            gradient = gradient_key(held, name) or next(iter(others), None)
            found |= {name: held[gradient]} if gradient else {}
        return found or None

    def _drop_unused(self) -> None:
        """Leave out parameters without a gradient on which the output does not depend."""
        for name in [name for name, gradients in self._kept.items() if not gradients]:
            if not self._matters(self.tensors[name]):
                del self._kept[name], self.tensors[name]
