"""An object with a forward and a backward pass, as the subject of a check."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.gradcheck.arguments import Given
from tinyunet.gradcheck.conventions import gradient_key, gradient_named
from tinyunet.gradcheck.pair import FunctionSubject
from tinyunet.gradcheck.parameters import (
    at,
    attributes,
    find_places,
    given_places,
    parts,
    put,
    returned_places,
    walk,
    widen,
    without_gradient,
)
from tinyunet.gradcheck.places import scale_of
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.signature import name_of
from tinyunet.gradcheck.values import array_from, is_array

# What people call the two passes.
METHODS = (
    ("forward", "backward"),
    ("__call__", "backward"),
    ("forward_pass", "backward_pass"),
    ("fprop", "bprop"),
    ("forward_propagation", "backward_propagation"),
    ("loss", "grad"),
    ("loss", "gradient"),
)
# What clears gradients that add up from pass to pass, or a state that is kept from call to call.
CLEARING = (
    "zero_grad",
    "zero_grads",
    "zero_gradients",
    "cleargrads",
    "flush_gradients",
    "reset_grads",
    "reset_state",
)
# Where objects leave what their forward, or their backward, does not return.
OUTPUTS = ("output", "outputs", "out", "y", "result", "a", "activation")
INPUT_GRADIENTS = ("dinputs", "dinput", "dx", "dX", "d_input", "grad_input", "input_grad")


class ObjectSubject(FunctionSubject):
    """An object: its forward keeps what its backward needs, which leaves gradients in it."""

    by_count = False  # what else backward asks for is, say, a learning rate

    def __init__(
        self,
        layer: Any,
        inputs: tuple,
        parameters: Any,
        wrt: Iterable | None,
        layout: str | None,
    ) -> None:
        self._bind(layer)
        super().__init__(self.forward, self.backward, inputs, wrt, layout)
        self.title = type(layer).__name__
        places = self._look(parameters)
        self._bind(layer)  # a fresh copy: the other one has gradients, which may add up
        self.value()  # parameters may be made by the first forward
        widen(self.layer)
        self._kept: dict[str, list] = {}
        self._take(places)
        self._forgotten()
        kept = list(self._kept)
        self.groups["all parameters"] = kept
        self.note(f"parameters that were checked: {', '.join(kept) or 'none'}")
        self.given = Given({name: self.tensors[name] for name in kept})

    def _bind(self, layer: Any) -> None:
        """Work on a copy of an object, in float64."""
        self.layer = copied(layer)
        widen(self.layer)
        self.forward, self.backward = _methods(self.layer)
        self._lent: set[str] = set()
        self._clear: list[Callable] = [
            getattr(self.layer, name)
            for name in CLEARING
            if callable(getattr(self.layer, name, None))
        ]

    def _look(self, parameters: Any) -> dict:
        """Run both passes, for parameters and gradients may be made by them, and find the places."""
        for clear in self._clear:
            self.note(f"{name_of(clear)} is called before each forward")
        y = self.value()
        returned = self._run_backward(self.upstream(y, np.random.default_rng(0)))
        if parameters is not None:
            return given_places(self.layer, parameters)
        before = _values(self.layer)
        self.value()
        lasting = set(before) & set(_values(self.layer))
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

    def _take(self, places: dict) -> None:
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
        self._lend(y)
        return y

    def returned(self, value: Any) -> Any:
        """What forward returned, or left in the object."""
        kept = [n for n in OUTPUTS if n not in self._lent]
        names = [n for n in kept if is_array(getattr(self.layer, n, None))]
        return getattr(self.layer, names[0]) if value is None and names else value

    def _lend(self, y: Any) -> None:
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
            returned = self._left()
        count, extra = len(self.inputs), {}
        if isinstance(returned, tuple) and len(returned) == count + len(self._kept):
            returned, extra = returned[:count], dict(zip(self._kept, returned[count:], strict=True))
        elif isinstance(returned, Mapping) and not all(self._kept.values()):
            extra = {name: gradient_named(returned, name) for name in self._kept}
            for name in [n for n in self.wanted if gradient_named(returned, n) is None]:
                self.leave_out(name)
        found = self._sorted(returned, report) if self.wanted else {}
        self._accuse(before, report)
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

    def _left(self) -> dict[str, Any] | None:
        """The gradients of inputs that a backward that returns nothing left in attributes."""
        held = {n: value for n, value in attributes(self.layer).items() if value is not None}
        found: dict[str, Any] = {}
        for i, name in enumerate(self.wanted):
            others = [n for n in INPUT_GRADIENTS if n in held and i == 0]
            gradient = gradient_key(held, name) or next(iter(others), None)
            found |= {name: held[gradient]} if gradient else {}
        return found or None

    def _forgotten(self) -> None:
        """Leave out parameters without a gradient on which the output does not depend."""
        for name in [name for name, gradients in self._kept.items() if not gradients]:
            if not self._matters(self.tensors[name]):
                del self._kept[name], self.tensors[name]


class Variable(np.ndarray):
    """An array that has its numbers in `data`, as the variables of DeZero."""

    def __new__(cls, array: Any) -> Variable:
        """Look at an array as a variable."""
        return np.asarray(array).view(cls)

    @property
    def data(self) -> np.ndarray:  # type: ignore[override]  # NumPy's is a memoryview
        """The array."""
        return self.view(np.ndarray)


def _methods(layer: Any) -> tuple[Callable, Callable | None]:
    """An object's forward and backward, whatever they are called."""
    for names in METHODS:
        forward, backward = (getattr(layer, name, None) for name in names)
        if callable(forward) and callable(backward):
            return forward, backward
    if callable(getattr(layer, "loss", None)):
        return layer.loss, None  # it should return the gradients beside the loss
    raise TypeError(
        f"{type(layer).__name__} needs the methods forward (or __call__) and backward: give "
        "check_function the two functions, whatever they are called"
    )


def _values(layer: Any) -> dict[int, Any]:
    """Everything in an object by its id, which belongs to it as long as it is kept here."""
    return {id(value): value for _, owner in walk(layer) for value in parts(owner).values()}


def copied(layer: Any) -> Any:
    """A copy of an object, so that checking does not change it."""
    values = _values(layer).values()
    modules = {id(value): value for value in values if isinstance(value, types.ModuleType)}
    try:
        return copy.deepcopy(layer, modules)  # of which there is one each, as in self.xp = numpy
    except Exception as error:
        raise TypeError(
            f"{type(layer).__name__} cannot be copied ({error}): give check_function its forward and "
            "backward"
        ) from error
