"""Which module an array belongs to (NumPy or CuPy), and the way between host and GPU.

There is no global device: every function asks the array it was given, ``xp = array_module(x)``, and
the same source then runs on either. CuPy is imported only by `to_gpu` and `gpu_available`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # a numpy.ndarray or a cupy.ndarray

DTYPES = ("float32", "float64")


def array_module(x: Array) -> ModuleType:
    """Return the module that `x` belongs to: `numpy`, or `cupy` for a GPU array.

    Raises
    ------
    TypeError
        If `x` is neither, for example a list or a PyTorch tensor.
    """
    if isinstance(x, np.ndarray | np.generic):
        return np
    cupy = sys.modules.get("cupy")  # whoever holds a GPU array has imported CuPy already
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    raise TypeError(
        f"expected a NumPy or CuPy array, got {type(x).__name__}: convert it with numpy.asarray"
    )


def device_name(x: Array) -> str:
    """Return ``"cpu"`` for a NumPy array and ``"gpu"`` for a CuPy array."""
    return "cpu" if array_module(x) is np else "gpu"


def to_cpu(x: Array) -> np.ndarray:
    """Return `x` in host memory; a NumPy array is returned as it is."""
    return x if array_module(x) is np else x.get()


def to_gpu(x: Array) -> Array:
    """Return `x` in GPU memory; a CuPy array is returned as it is.

    Raises
    ------
    RuntimeError
        If CuPy is missing or finds no usable GPU.
    """
    if array_module(x) is not np:
        return x
    return _cupy().asarray(x)


def to_device(x: Array, device: str) -> Array:
    """Return `x` on `device`, which is ``"cpu"`` or ``"gpu"``."""
    if device not in ("cpu", "gpu"):
        raise ValueError(f'device must be "cpu" or "gpu", got {device!r}')
    return to_cpu(x) if device == "cpu" else to_gpu(x)


def gpu_available() -> bool:
    """Whether CuPy is installed and finds a usable GPU. (That CuPy imports is not enough.)"""
    try:
        _cupy()
    except RuntimeError:
        return False
    return True


def _cupy() -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            "a GPU needs CuPy, which is not installed: "
            'pip install "tinyunet[cuda12]" (or "tinyunet[cuda13]"; `nvidia-smi` shows which)'
        ) from error
    if not cupy.cuda.is_available():
        raise RuntimeError(
            "CuPy is installed but finds no usable GPU: is there an NVIDIA card, does `nvidia-smi` "
            "list it, and is its driver new enough for this CuPy?"
        )
    return cupy


def checked_dtype(dtype: Any) -> np.dtype:
    """Return `dtype` as a NumPy dtype if it is float32 or float64, else raise ValueError."""
    dtype = np.dtype(dtype)
    if dtype.name not in DTYPES:
        raise ValueError(f"dtype must be float32 or float64, got {dtype.name}")
    return dtype


def pair(value: int | tuple[int, int], what: str, smallest: int) -> tuple[int, int]:
    """Return an int or a (height, width) pair as a pair of ints of at least `smallest`."""
    values = (value, value) if isinstance(value, int | np.integer) else value
    try:
        height, width = values
    except (TypeError, ValueError):
        raise ValueError(
            f"{what} must be an int or a (height, width) pair, got {value!r}"
        ) from None
    for side in (height, width):
        if not isinstance(side, int | np.integer) or isinstance(side, bool) or side < smallest:
            raise ValueError(f"{what} must be at least {smallest} and whole, got {value!r}")
    return int(height), int(width)
