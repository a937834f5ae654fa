"""Which module an array belongs to (NumPy or CuPy), and the way between host and GPU.

There is no global device: every function asks the array it was given, ``xp = array_module(x)``, and
the same source then runs on either. CuPy is imported only where a GPU is asked for.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

# A NumPy array, or a CuPy array, of which the type checker knows nothing but that it will do as well:
# tests hold what is written here against a strict double of CuPy.
Array: TypeAlias = np.ndarray
# What a layer's `backward` returns: the gradient of its input, or None where that was not asked for. To
# the type checker it is an array or anything, for who calls it knows which of the two will come.
MaybeArray: TypeAlias = Array | Any

DTYPES = ("float32", "float64")
INSTALL = 'pip install "tinyunet[cuda12]" (or "tinyunet[cuda13]"; `nvidia-smi` shows which)'


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
        If CuPy, a driver or a usable GPU is missing; the message says which, and what to install.
    """
    if array_module(x) is not np:
        return x
    return _cupy().asarray(x)


def to_device(x: Array, device: str) -> Array:
    """Return `x` on `device`, which is ``"cpu"`` or ``"gpu"``."""
    check_device(device)
    return to_cpu(x) if device == "cpu" else to_gpu(x)


def check_device(device: str) -> None:
    """Raise unless `device` is ``"cpu"``, or ``"gpu"`` where there is a GPU: see `to_gpu`."""
    if device not in ("cpu", "gpu"):
        raise ValueError(f'device must be "cpu" or "gpu", got {device!r}')
    if device == "gpu":
        _cupy()


def gpu_available() -> bool:
    """Whether CuPy is installed and finds a usable GPU. (That CuPy imports is not enough.)"""
    try:
        _cupy()
    except RuntimeError:
        return False
    return True


def _cupy() -> ModuleType:
    """Import CuPy, or raise RuntimeError with what is missing and how to get it."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        raise RuntimeError(f"a GPU needs CuPy, which is not installed: {INSTALL}") from error
    except ImportError as error:
        raise RuntimeError(
            f"CuPy is installed, but its import fails ({error}): install it anew, {INSTALL}"
        ) from error
    try:
        usable = cupy.cuda.is_available()
    except RuntimeError:  # so CuPy 13 says that the driver is missing or too old
        usable = False
    if not usable:
        raise RuntimeError(_why_no_gpu(cupy.cuda.runtime))
    try:
        cupy.cuda.nvrtc.getVersion()  # compiles CuPy's kernels; the driver does not bring it along
    except (RuntimeError, ImportError) as error:
        raise RuntimeError(
            f"CuPy finds a GPU but not CUDA's libraries, which come with the extra: {INSTALL}"
        ) from error
    return cupy


def _why_no_gpu(runtime: Any) -> str:
    """Say why CuPy finds no usable GPU. Versions: 12040 is CUDA 12.4, and 0 no driver at all."""
    driver, needed = runtime.driverGetVersion(), runtime.runtimeGetVersion() // 1000
    if driver == 0:
        return (
            "CuPy is installed but finds no NVIDIA driver: install your card's, until `nvidia-smi` "
            "lists it (in a container, start it with its GPUs: docker run --gpus all)"
        )
    if driver // 1000 < needed:
        exchange = f'; or pip uninstall cupy-cuda{needed}x, and pip install "tinyunet[cuda12]"'
        return (
            f"the NVIDIA driver is too old: it runs CUDA {driver // 1000}.{driver % 1000 // 10}, and "
            f"this CuPy needs CUDA {needed}. Update it{exchange if driver >= 12000 else ''}"
        )
    try:
        found = f"{runtime.getDeviceCount()} devices"
    except RuntimeError as error:
        found = str(error)
    return (
        f"CuPy and an NVIDIA driver are installed, but no GPU can be used ({found}): does `nvidia-smi` "
        "list one, and does CUDA_VISIBLE_DEVICES, where it is set, name it?"
    )


def sliding_windows(x: Array, spans: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """Return every window of `spans` along `axes` of an array, as new axes at the end.

    A view, like NumPy's `sliding_window_view`. That one checks its arguments for 30 us, as long as a
    small block of work takes, and CuPy's waits for the GPU.
    """
    shape = [*x.shape, *spans]
    for span, axis in zip(spans, axes, strict=True):
        shape[axis] -= span - 1
    strides = (*x.strides, *[x.strides[axis] for axis in axes])
    xp = array_module(x)
    if xp is np and x.flags.c_contiguous:  # `as_strided` takes 6 us
        return np.ndarray(shape, x.dtype, x, strides=strides)
    return xp.lib.stride_tricks.as_strided(x, shape, strides)


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


def occurrences(
    numbers: np.ndarray, weights: np.ndarray | None = None, minlength: int = 0
) -> np.ndarray:
    """How often 0, 1, 2, ... occur in an integer array of any shape, or the sums of their weights.

    As `numpy.bincount`, which refuses int64 where addresses have 32 bits, in a browser, and counts
    there in int32, whose squares overflow at a side of 216 pixels.
    """
    places = np.ravel(numbers).astype(np.intp, casting="same_kind", copy=False)
    if weights is not None:
        return np.bincount(places, np.ravel(weights), minlength)
    return np.bincount(places, minlength=minlength).astype(np.int64, copy=False)
