"""How people write a forward and a backward pass: what goes in, what comes out, in which order.

Nothing here computes: it reads signatures and sorts what a foreign function returned.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyunet.arrays import Array

# Names that people give the upstream gradient, and the context of a Function.
UPSTREAM = re.compile(
    r"^(d|g|dy|dz|dl\w*|do|dout\w*|d_out\w*|dvalues|delta\w*|gy\w*|g_?out\w*|grad\w*|\w*_grad|upstream\w*|"
    r"\w*_bar|error\w*)$",
    re.IGNORECASE,
)
CONTEXT = ("ctx", "context")


class Signature:
    """How many positional arguments a function takes, and what they are called.

    Attributes
    ----------
    names
        Of the positional parameters, without a context's.
    required
        How many of them have no default.
    any
        Whether it takes any number, or cannot be asked.
    context
        Whether its first argument is a context that forward fills for backward.
    """

    def __init__(self, function: Callable) -> None:
        self.names: list[str] = []
        self.required, self.any, self.context = 0, False, False
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in functions
            self.any = True
            return
        for parameter in parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                self.any = True
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                self.names.append(parameter.name)
                self.required += parameter.default is parameter.empty
        if self.names and self.names[0] in CONTEXT:
            self.context = True
            del self.names[0]
            self.required -= 1

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many positional arguments."""
        return self.any or self.required <= count <= len(self.names)


class Context:
    """Stands for the `ctx` of a Function: forward saves in it what backward needs."""

    def __init__(self, count: int) -> None:
        self.saved: tuple = ()
        self.needs_input_grad = (True,) * count

    def save_for_backward(self, *values: Any) -> None:
        """Keep values for backward."""
        self.saved = values

    def __getattr__(self, name: str) -> Any:
        if name in ("saved_tensors", "saved_values", "saved_variables"):
            return self.saved
        raise AttributeError(f"forward saved nothing called {name!r} in its context")


def output(returned: Any) -> tuple[Any, tuple]:
    """Split what forward returned into the output and what it returned beside it, such as a cache."""
    if isinstance(returned, tuple | list) and not _is_numbers(returned):
        if not returned:
            raise TypeError(
                "forward returned an empty tuple: it should return an array or a number"
            )
        return number(returned[0], "forward"), tuple(returned[1:])
    return number(returned, "forward"), ()


def number(value: Any, who: str) -> Any:
    """Return an array, or a number as a NumPy scalar; the arrays of PyTorch are converted.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if value is None:
        raise TypeError(f"{who} returned None: is a return missing?")
    if isinstance(value, dict | set | str):
        raise TypeError(
            f"{who} returned a {type(value).__name__}: it should return one array or a number, or a "
            "tuple (out, cache)"
        )
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{who} returned a {type(value).__name__}, which is no array of numbers: it should return "
            "one array or a number, or a tuple (out, cache)"
        )
    return array.astype(np.float64)[()]


def _is_numbers(value: Sequence) -> bool:
    """Whether a list or tuple is just numbers in rows, as an array is."""
    return (
        len(value) > 0
        and all(
            isinstance(item, int | float | np.number)
            or (isinstance(item, list) and _is_numbers(item))
            for item in value
        )
        and not isinstance(value, tuple)
    )


# ---------------------------------------------------------------------- inputs


def leaves(value: Any, name: str) -> dict[str, Any]:
    """The float arrays and floats in an input, by name: itself, or the parts of a dict or a list."""
    if isinstance(value, bool | np.bool_):
        return {}
    if isinstance(value, float | np.floating):
        return {name: np.array(value, np.float64)}
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return {name: value.astype("float64")} if value.dtype.kind == "f" else {}
    if isinstance(value, Mapping):
        parts = [leaves(part, f"{name}.{key}") for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [leaves(part, f"{name}.{i}") for i, part in enumerate(value)]
    else:
        parts = []
    return {key: array for part in parts for key, array in part.items()}


def filled(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """The input again, with copies of the arrays in the places of its leaves."""
    if name in arrays:
        array = arrays[name]
        return float(array) if isinstance(value, float) else array.copy()
    if isinstance(value, Mapping):
        return {key: filled(part, f"{name}.{key}", arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [filled(part, f"{name}.{i}", arrays) for i, part in enumerate(value)]
        return parts if isinstance(value, list) else tuple(parts)
    return value.copy() if hasattr(value, "copy") and hasattr(value, "dtype") else value


# ---------------------------------------------------------------------- gradients


def sort_gradients(returned: Any, inputs: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    """Give gradients the names of the tensors that they belong to.

    Parameters
    ----------
    returned
        One gradient; or a tuple or list of them, in the order of all inputs (then None, or anything, may
        stand for one that is not differentiated) or of the differentiated ones; or a dict by name, in
        which "dx", "grad_x" and "x_grad" mean x as well.
    inputs
        The inputs by name, in order.
    wanted
        The names of the inputs that are differentiated. For a dict or a list among the inputs, the
        gradient has the same structure.

    Raises
    ------
    ValueError
        If there are more gradients than inputs.
    """
    if isinstance(returned, Mapping):
        found = {name: gradient_named(returned, name) for name in wanted}
        if len(wanted) == 1 and found[wanted[0]] is None and isinstance(inputs[wanted[0]], Mapping):
            found = {wanted[0]: returned}
    elif isinstance(returned, tuple | list):
        found = _by_order(returned, list(inputs), wanted, inputs)
    else:
        found = {wanted[0]: returned} if wanted else {}
    flat: dict[str, Any] = {}
    for name in wanted:
        flat.update(_flat(found.get(name), inputs[name], name))
    return flat


def _by_order(returned: Sequence, names: list[str], wanted: list[str], inputs: dict) -> dict:
    """Match gradients in a tuple or list with inputs."""
    if len(wanted) == 1:
        value = inputs[wanted[0]]
        alone = isinstance(returned, list) and np.shape(value) and _is_numbers(returned)
        if alone or (isinstance(value, list | tuple) and len(value) == len(returned)):
            return {wanted[0]: returned}
    if len(returned) == len(names):
        return dict(zip(names, returned, strict=True))
    if len(returned) > len(wanted):
        raise ValueError(f"backward returned {len(returned)} gradients for {len(wanted)} inputs")
    return dict(zip(wanted, returned, strict=False))


def gradient_named(gradients: Mapping, name: str) -> Any:
    """The entry of a dict that is called like a tensor, or like its gradient."""
    for key in names_of_gradient(name):
        if key in gradients:
            return gradients[key]
    return None


def names_of_gradient(name: str) -> list[str]:
    """What people call the gradient of a tensor `name`."""
    return [
        name,
        f"d{name}",
        f"d_{name}",
        f"grad_{name}",
        f"{name}_grad",
        f"g{name}",
        f"{name}.grad",
    ]


def _flat(gradient: Any, value: Any, name: str) -> dict[str, Any]:
    """The gradient of one input, leaf by leaf, as float arrays."""
    if isinstance(value, Mapping) and not hasattr(value, "dtype"):
        found = gradient if isinstance(gradient, Mapping) else {}
        parts = [_flat(gradient_named(found, str(k)), v, f"{name}.{k}") for k, v in value.items()]
    elif isinstance(value, list | tuple):
        found = gradient if isinstance(gradient, list | tuple) else [None] * len(value)
        parts = [
            _flat(g, v, f"{name}.{i}") for i, (g, v) in enumerate(zip(found, value, strict=False))
        ]
    elif not leaves(value, name):
        return {}
    else:
        return {name: None if gradient is None else number(gradient, "backward")}
    return {key: g for part in parts for key, g in part.items()}
