"""Check a layer that is an object of another library, of a course, or of your own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.arrays import Array
from tinyunet.gradcheck.checker import check_gradients, check_options
from tinyunet.gradcheck.conventions import (
    Signature,
    gradient_named,
    names_of_gradient,
    number,
)
from tinyunet.gradcheck.foreign import FunctionSubject, copied, name_of
from tinyunet.gradcheck.function import examined
from tinyunet.gradcheck.report import GradientReport
from tinyunet.layer import Layer
from tinyunet.loss import Loss

# Where objects keep their parameters, and their gradients: dicts or lists.
STORES = (
    ("params", "grads"),
    ("parameters", "gradients"),
    ("params", "gradients"),
    ("parameters", "grads"),
    ("weights", "gradients"),
    ("params", "dparams"),
)
# What clears gradients that add up from pass to pass.
CLEARING = (
    "zero_grad",
    "zero_grads",
    "zero_gradients",
    "cleargrads",
    "flush_gradients",
    "reset_grads",
)


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
    torch = sys.modules.get("torch")
    if torch is not None and issubclass(cls, torch.autograd.Function):
        return TorchFunction(cls, inputs, wrt, layout)
    forward, backward = getattr(cls, "forward", None), getattr(cls, "backward", None)
    if forward is None or backward is None or not Signature(forward).context:
        raise TypeError(
            f"{cls.__name__} is a class: give an object, check_object({cls.__name__}(...), x). (A class "
            "itself can be checked if it has static forward(ctx, ...) and backward(ctx, dy).)"
        )
    subject = FunctionSubject(forward, backward, inputs, wrt, layout)
    subject.title = cls.__name__
    return subject


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
        self.layer = copied(layer)
        forward = getattr(self.layer, "forward", self.layer)
        backward = getattr(self.layer, "backward", None)
        if not callable(forward) or not callable(backward):
            raise TypeError(
                f"{type(layer).__name__} needs the methods forward (or __call__) and backward: give "
                "check_function the two functions, whatever they are called"
            )
        super().__init__(forward, backward, inputs, wrt, layout)
        self.title = type(layer).__name__
        self._clear = next(
            (getattr(self.layer, n) for n in CLEARING if callable(getattr(self.layer, n, None))),
            None,
        )
        if self._clear is not None:
            self.note(f"{name_of(self._clear)} is called before each forward")
        before = set(_attributes(self.layer))
        self._try()  # parameters may be made by the first forward, and gradients by the first backward
        self.places = _given_places(self.layer, parameters)
        if self.places is None:
            self.places = _found_places(self.layer, before)
        for name, (parameter, gradient) in self.places.items():
            array = _cast(self.layer, parameter)
            if gradient is not None and isinstance(_at(self.layer, gradient), np.ndarray):
                _cast(self.layer, gradient)
            self.tensors[self._free(name)] = array
        kept = [name for name in self.tensors if name not in self.input_tensors]
        self.groups = {"all inputs": self.input_tensors, "all parameters": kept}
        self._kept = dict(zip(kept, self.places.values(), strict=True))
        self.note(f"parameters that were checked: {', '.join(kept) or 'none'}")
        self.given = type(self.given)({name: self.tensors[name] for name in kept})

    def _free(self, name: str) -> str:
        return f"parameter {name}" if name in self.tensors else name

    def _try(self) -> None:
        """Run both passes once."""
        y = self.value()
        dy = self.upstream(y, np.random.default_rng(0))
        arguments, _ = self._arguments(dy)
        self.backward(*arguments)

    def value(self) -> Any:
        """Run forward."""
        if self._clear is not None:
            self._clear()
        return super().value()

    def gradients(self, dy: Any, report: GradientReport) -> dict[str, Array | None]:
        """Run backward and collect the gradients that it left behind."""
        arguments, _ = self._arguments(dy)
        returned = self.backward(*arguments)
        report.rows += self.changed()
        found = self._sorted(returned, report) if returned is not None else {}
        missing = {name: None for name in self.input_tensors if name not in found}
        left = {}
        for name, (_, gradient) in self._kept.items():
            value = None if gradient is None else _at(self.layer, gradient)
            left[name] = None if value is None else number(value, "backward")
        return self.keep({**found, **missing, **left}, dy)


# ---------------------------------------------------------------------- where parameters are

Place = tuple[str, ...]  # attributes and keys on the way from the object


def _given_places(layer: Any, parameters: Any) -> dict[str, tuple[Place, Place | None]] | None:
    """Where the user says that parameters and gradients are."""
    if parameters is None:
        return None
    if not isinstance(parameters, Mapping):
        names = [parameters] if isinstance(parameters, str) else list(parameters)
        parameters = {}
        for name in names:
            found = [
                n
                for n in names_of_gradient(name)[1:]
                if _at(layer, tuple(n.split("."))) is not None
            ]
            if not found:
                raise ValueError(
                    f"no gradient of {name!r} was found in {type(layer).__name__} (looked for "
                    f"{', '.join(names_of_gradient(name)[1:])}): say where it is, "
                    f"parameters={{{name!r}: ...}}"
                )
            parameters[name] = found[0]
    places = {}
    for parameter, gradient in parameters.items():
        for path in (parameter, gradient):
            if _at(layer, tuple(path.split("."))) is None:
                raise ValueError(
                    f"{type(layer).__name__} has no {path!r} after a forward and a backward pass; it has "
                    f"{', '.join(_attributes(layer)) or 'no attributes'}"
                )
        places[parameter] = (tuple(parameter.split(".")), tuple(gradient.split(".")))
    return places


def _found_places(layer: Any, before: set[str]) -> dict[str, tuple[Place, Place | None]]:
    """Look for parameters where people keep them."""
    for params, grads in STORES:
        store, gradients = getattr(layer, params, None), getattr(layer, grads, None)
        if isinstance(store, Mapping) and isinstance(gradients, Mapping):
            found = {}
            for key in store:
                if not _is_float_array(store[key]):
                    continue
                names = [n for n in names_of_gradient(str(key)) if n in gradients]
                found[str(key)] = ((params, key), (grads, names[0]) if names else None)
            if found:
                return found
        if isinstance(store, list) and isinstance(gradients, list) and len(store) == len(gradients):
            if store and all(_is_float_array(p) for p in store):
                return {f"{params}.{i}": ((params, i), (grads, i)) for i in range(len(store))}
    found = {}
    for name, value in _attributes(layer).items():
        if _is_float_array(value) and not _is_gradient_of_another(layer, name):
            names = [n for n in names_of_gradient(name)[1:] if getattr(layer, n, None) is not None]
            if (
                names
                and np.shape(getattr(layer, names[0]))
                and name in before | _late(layer, names[0])
            ):
                found[name] = ((name,), (names[0],))
    return found


def _late(layer: Any, gradient: str) -> set[str]:
    """The names of parameters that the first forward made: those with a gradient of their own."""
    return {name for name in _attributes(layer) if gradient in names_of_gradient(name)[1:]}


def _is_gradient_of_another(layer: Any, name: str) -> bool:
    return any(
        name in names_of_gradient(other)[1:] for other in _attributes(layer) if other != name
    )


def _attributes(layer: Any) -> dict[str, Any]:
    return dict(vars(layer)) if hasattr(layer, "__dict__") else {}


def _is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 0


def _at(layer: Any, place: Place) -> Any:
    """What is at a place, or None."""
    value = layer
    for key in place:
        if isinstance(value, Mapping):
            value = value.get(key, gradient_named(value, key) if isinstance(key, str) else None)
        elif isinstance(value, list | tuple):
            i = int(key) if str(key).isdigit() else -1
            value = value[i] if 0 <= i < len(value) else None
        else:
            value = getattr(value, str(key), None)
        if value is None:
            return None
    return value


def _cast(layer: Any, place: Place) -> Array:
    """Put a float64 copy of an array in its place, and return it."""
    array = np.array(_at(layer, place), np.float64)
    owner = _at(layer, place[:-1]) if len(place) > 1 else layer
    key = place[-1]
    if isinstance(owner, Mapping):
        owner[key] = array
    elif isinstance(owner, list):
        owner[int(key)] = array
    else:
        setattr(owner, str(key), array)
    return array


# ---------------------------------------------------------------------- PyTorch


class TorchFunction(FunctionSubject):
    """A `torch.autograd.Function`, called as PyTorch calls it, with NumPy arrays around it."""

    def __init__(self, cls: type, inputs: tuple, wrt: Iterable | None, layout: str | None) -> None:
        self._torch = sys.modules["torch"]
        self._apply = cls.apply
        self._tensors: list[Any] = []
        self._result: Any = None
        super().__init__(self._forward, self._backward, inputs, wrt, layout)
        self.title = cls.__name__

    def _forward(self, *inputs: Any) -> Any:
        torch = self._torch
        self._tensors = [
            torch.from_numpy(np.asarray(value)) if isinstance(value, np.ndarray) else value
            for value in inputs
        ]
        for name, value in zip(self.inputs, self._tensors, strict=True):
            if name in self.wanted and hasattr(value, "requires_grad_"):
                value.requires_grad_()
        self._result = self._apply(*self._tensors)
        return self._result.detach().numpy()

    def _backward(self, dy: Any) -> list[Any]:
        torch = self._torch
        wanted = [
            value
            for name, value in zip(self.inputs, self._tensors, strict=True)
            if name in self.wanted
        ]
        upstream = torch.as_tensor(np.array(dy), dtype=self._result.dtype)
        return list(torch.autograd.grad(self._result, wanted, upstream, allow_unused=True))
