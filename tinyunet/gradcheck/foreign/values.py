"""Arrays in what foreign code takes and returns: taken out of lists, dicts, tensors and variables."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array


def is_array(value: Any) -> bool:
    """Whether it is an array or a NumPy scalar, of NumPy or CuPy."""
    return isinstance(value, np.ndarray | np.generic) or on_gpu(value)


def on_gpu(value: Any) -> bool:
    """Whether it is an array of CuPy."""
    return hasattr(value, "get") and hasattr(value, "dtype") and hasattr(value, "astype")


def is_floats(value: Any) -> bool:
    """Whether it is an array of floats that has any."""
    return is_array(value) and value.dtype.kind == "f" and value.size > 0


def kind_of(value: Any) -> str:
    """What to call a value in a message."""
    if is_array(value) and value.ndim:
        return f"an array of {value.dtype}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def bare(value: Any) -> Any:
    """A tensor of PyTorch, or a variable that has its numbers in `data`, without what is around."""
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    if hasattr(value, "toarray"):  # a sparse matrix
        return value.toarray()
    if isinstance(value, list):
        return [bare(part) for part in value]
    inner = None if is_array(value) else getattr(value, "data", None)
    return inner if isinstance(inner, int | float | np.ndarray | np.generic) else value


def array_from(value: Any, who: str) -> Any:
    """Return an array of floats, or a number as a NumPy scalar.

    Raises
    ------
    TypeError
        If it is neither.
    """
    kind, value = kind_of(value), bare(value)
    if value is None:
        raise TypeError(f"{who} returned None: is a return missing?")
    remedy = "it should return an array or a number"
    if who == "forward":
        remedy += ", or a tuple (out, cache)"
    if on_gpu(value):
        return value
    try:
        array = np.asarray(value)
    except Exception:
        array = np.asarray(None)
    if array.dtype.kind == "c":
        raise TypeError(
            f"{who} returned complex numbers: check real and imaginary part as two arrays"
        )
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{who} returned {kind}, which is no array of numbers: {remedy}")
    return (array if array.dtype.kind == "f" else array.astype(np.float64))[()]


def is_rows(value: Any) -> bool:
    """Whether a list is just numbers, or rows of numbers, as an array is."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(is_scalar(item) or is_rows(item) for item in value)
    )


def is_scalar(value: Any) -> bool:
    """Whether it is a number and no array."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def leaves(value: Any, name: str) -> dict[str, Any]:
    """The floats in an input as float64 arrays, by name: itself, or the parts of a dict or a list."""
    if hasattr(value, "detach"):
        value = bare(value)
    if isinstance(value, float | np.floating) or _is_list_of_floats(value):
        return {name: np.array(value, np.float64)}
    if on_gpu(value):
        return {name: value.astype("float64")} if value.dtype.kind == "f" else {}
    if isinstance(value, np.ndarray):
        return {name: np.array(value, np.float64)} if value.dtype.kind == "f" else {}
    if isinstance(value, Mapping):
        parts = [leaves(part, f"{name}.{key}") for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [leaves(part, f"{name}.{i}") for i, part in enumerate(value)]
    else:
        parts = []
    return {key: array for part in parts for key, array in part.items()}


def _is_list_of_floats(value: Any) -> bool:
    if not is_rows(value):
        return False
    try:
        return np.asarray(value).dtype.kind == "f"
    except ValueError:  # rows of different lengths
        return False


def filled(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """The input again, of the kind that it was, with copies of the arrays as its leaves."""
    if name in arrays:
        return _like(value, arrays[name])
    if isinstance(value, Mapping):
        parts = {key: filled(part, f"{name}.{key}", arrays) for key, part in value.items()}
        return _updated(value, parts)
    if isinstance(value, list | tuple):
        items = [filled(part, f"{name}.{i}", arrays) for i, part in enumerate(value)]
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, np.random.Generator | np.random.RandomState | random.Random):
        return copy.deepcopy(value)  # each forward draws the same numbers
    return value.copy() if is_array(value) else value


def _like(value: Any, array: Array) -> Any:
    """A copy of an array, as the kind of thing that value is."""
    if isinstance(value, float):
        return float(array)
    if isinstance(value, list):
        return array.tolist()
    if hasattr(value, "detach"):
        return sys.modules["torch"].from_numpy(array.copy())
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        return array.copy().view(type(value))
    return array.copy()


def _updated(mapping: Mapping, parts: dict) -> Mapping:
    """A mapping of the same kind, with other values."""
    try:
        new: Any = copy.copy(mapping)
        new.update(parts)
        return new
    except (AttributeError, TypeError):  # it cannot be written to
        return parts
