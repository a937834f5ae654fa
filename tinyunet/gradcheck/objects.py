"""Check a layer that is an object of another library, of a course, or of your own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.arrays import Array
from tinyunet.gradcheck.arguments import Given
from tinyunet.gradcheck.checker import check_gradients, check_options
from tinyunet.gradcheck.conventions import names_of_gradient
from tinyunet.gradcheck.foreign import FunctionSubject
from tinyunet.gradcheck.function import examined
from tinyunet.gradcheck.parameters import (
    at,
    attributes,
    find_places,
    given_places,
    parts,
    put,
    walk,
    widen,
)
from tinyunet.gradcheck.report import GradientReport
from tinyunet.gradcheck.signature import Signature, name_of
from tinyunet.gradcheck.torch_function import TorchFunction, is_torch_function
from tinyunet.gradcheck.values import array_from, is_array
from tinyunet.layer import Layer
from tinyunet.loss import Loss

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


def check_object(
    layer: Any,
    *inputs: Any,
    parameters: Mapping[str, str] | Iterable[str] | None = None,
    samples: int = 50,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-6,
    wrt: Iterable | None = None,
    layout: str | None = None,
) -> GradientReport:
    """Compare the gradients that an object's ``backward`` computes with finite differences.

    Parameters
    ----------
    layer
        An object with ``forward(*inputs)`` (or ``__call__``) and ``backward(dy)``, which is copied; or a
        class with static ``forward(ctx, ...)`` and ``backward(ctx, dy)``, as a `Function` of PyTorch or
        minitorch. For a loss, ``backward`` may do without dy.
    *inputs
        What forward takes, as for `check_function`.
    parameters
        Where the learned arrays are, and where backward leaves their gradients:
        ``{"W": "dW", "b": "db"}``, names of attributes, or of entries (``"params.W"``). By default they
        are looked for: ``params`` and ``grads`` (or ``parameters`` and ``gradients``), which are dicts or
        lists, or pairs of attributes such as ``W`` and ``dW``. An empty dict means none.
    samples, rng, tolerance, wrt, layout
        As for `check_function`.

    Returns
    -------
    GradientReport
        With a row for each input and each parameter. Its notes say which arrays were taken for parameters.

    Examples
    --------
    >>> import numpy as np
    >>> class Affine:
    ...     def __init__(self, W):
    ...         self.W = W
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x @ self.W
    ...     def backward(self, dout):
    ...         self.dW = self.x.T @ dout
    ...         return dout @ self.W.T
    >>> rng = np.random.default_rng(1)
    >>> report = check_object(Affine(rng.random((3, 2))), rng.random((4, 3)))
    >>> [row.name for row in report.rows], report.passed
    (['x', 'W', 'all inputs', 'all parameters'], True)
    """
    check_options(samples, tolerance)
    if isinstance(layer, Layer | Loss):
        return check_gradients(layer, *inputs, samples=samples, rng=rng, tolerance=tolerance)
    if isinstance(layer, type):
        subject: FunctionSubject = _class_subject(layer, inputs, wrt, layout)
    else:
        subject = ObjectSubject(layer, inputs, parameters, wrt, layout)
    return examined(subject, samples, rng, tolerance)


def _class_subject(cls: type, inputs: tuple, wrt: Iterable | None, layout: str | None) -> Any:
    """A Function: its static forward and backward, or PyTorch's way of calling them."""
    if is_torch_function(cls):
        return TorchFunction(cls, inputs, wrt, layout)
    for names in METHODS:
        forward, backward = (getattr(cls, name, None) for name in names)
        static = all(
            isinstance(inspect.getattr_static(cls, name, None), staticmethod | classmethod)
            for name in names
        )
        if static or (callable(forward) and callable(backward) and Signature(forward).context):
            subject = FunctionSubject(forward, backward, inputs, wrt, layout)
            subject.title = cls.__name__
            return subject
    raise TypeError(
        f"{cls.__name__} is a class: give an object, check_object({cls.__name__}(...), x). (A class "
        "itself can be checked if it has static forward(ctx, ...) and backward(ctx, dy).)"
    )


class ObjectSubject(FunctionSubject):
    """An object whose forward keeps what its backward needs, and whose backward leaves gradients in it."""

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
        self._run_backward(self.upstream(y, np.random.default_rng(0)))
        if parameters is not None:
            return given_places(self.layer, parameters)
        before = _ids(self.layer)
        self.value()
        return find_places(self.layer, before & _ids(self.layer))

    def _take(self, places: dict) -> None:
        """Make the parameters tensors of this check."""
        for name, (parameter, gradient) in places.items():
            array = at(self.layer, parameter)
            if not is_array(array) or array.dtype != np.float64 or not array.flags.writeable:
                array = np.array(array, np.float64)
                put(self.layer, parameter, array)
            name = f"parameter {name}" if name in self.tensors else name
            self.tensors[name] = array
            self._kept[name] = [gradient]

    def value(self) -> Any:
        """Run forward."""
        for clear in self._clear:
            clear()
        y = super().value()
        self._lend(y)
        return y

    def returned(self, value: Any) -> Any:
        """What forward returned, or left in the object."""
        names = [n for n in OUTPUTS if is_array(getattr(self.layer, n, None))]
        return getattr(self.layer, names[0]) if value is None and names else value

    def _lend(self, y: Any) -> None:
        """Set what `__call__` sets in functions like DeZero's, before it calls forward."""
        if "__call__" not in dir(type(self.layer)):
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
        returned = self._run_backward(dy)
        if returned is None:
            returned = self._left()
        found = self._sorted(returned, report) if self.wanted else {}
        report.rows += self.changed()
        for name, gradients in self._kept.items():
            value = None if gradients[0] is None else at(self.layer, gradients[0])
            found[name] = None if value is None else array_from(value, "backward")
        return self.keep(found)

    def _left(self) -> dict[str, Any] | None:
        """The gradients of inputs that a backward that returns nothing left in attributes."""
        held = attributes(self.layer)
        found = {}
        for i, name in enumerate(self.wanted):
            names = [*names_of_gradient(name)[1:], *(INPUT_GRADIENTS if i == 0 else ())]
            found |= {name: held[n] for n in reversed(names) if held.get(n) is not None}
        return found or None

    def _forgotten(self) -> None:
        """Leave out parameters without a gradient on which the output does not depend."""
        for name in [name for name, gradients in self._kept.items() if gradients[0] is None]:
            array, y = self.tensors[name], self.value() * 1.0
            start = array.copy()
            array += 0.125
            moved = self.value() * 1.0
            array[...] = start
            if moved.shape == y.shape and bool((moved == y).all()):
                del self._kept[name], self.tensors[name]


class Variable(np.ndarray):
    """An array that has its numbers in `data`, as the variables of DeZero."""

    def __new__(cls, array: Any) -> Variable:
        """Look at an array as a variable."""
        return np.asarray(array).view(cls)

    @property
    def data(self) -> np.ndarray:
        """The array."""
        return self.view(np.ndarray)


def _methods(layer: Any) -> tuple[Callable, Callable]:
    """An object's forward and backward, whatever they are called."""
    for names in METHODS:
        forward, backward = (getattr(layer, name, None) for name in names)
        if callable(forward) and callable(backward):
            return forward, backward
    raise TypeError(
        f"{type(layer).__name__} needs the methods forward (or __call__) and backward: give "
        "check_function the two functions, whatever they are called"
    )


def _ids(layer: Any) -> set[int]:
    """The ids of everything in an object."""
    return {id(value) for _, owner in walk(layer) for value in parts(owner).values()}


def copied(layer: Any) -> Any:
    """A copy of an object, so that checking does not change it."""
    try:
        return copy.deepcopy(layer)
    except Exception as error:
        raise TypeError(
            f"{type(layer).__name__} cannot be copied ({error}): give check_function its forward and "
            "backward"
        ) from error
