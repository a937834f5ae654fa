"""The modules `cupy` and `cupyx` of the double, and the way to put them where Python finds them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from .double import API, Fused, ndarray, offer, reset_counts


class Module(ModuleType):
    """A module of CuPy: what is not given as `own` comes from `numpy_module`, by CuPy's rules."""

    def __init__(self, name: str, numpy_module: Any = None, **own: Any) -> None:
        super().__init__(name)
        vars(self).update(own, _numpy_module=numpy_module)

    def __getattr__(self, name: str) -> Any:
        return offer(self.__name__, name, self._numpy_module)


class Generator:
    """The double of `cupy.random.Generator`: fewer methods than NumPy's, and other numbers."""

    def __init__(self, seed: int | None = None) -> None:
        self._numpy_generator = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        method = offer("cupy.random.Generator", name, np.random.Generator)
        return functools.partial(method, self._numpy_generator)


def asnumpy(a: Any) -> np.ndarray:
    """Return a host array: a copy of what is on the device, else `a` as an array."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def get_array_module(*args: Any) -> ModuleType:
    """Return `cupy` if any argument is on the device, else `numpy`."""
    return cupy if any(isinstance(a, ndarray) for a in args) else np


def fuse(*args: Any, kernel_name: str | None = None) -> Callable:
    """Return a function that is run by the rules of fusion; works as ``@fuse`` and as ``@fuse()``."""
    return Fused(args[0]) if args else Fused


def scatter_add(a: ndarray, slices: Any, value: Any) -> None:
    """Add where an index may come more than once."""
    cupy.add.at(a, slices, value)


cupy = Module(
    "cupy",
    np,
    __version__=API["version"],
    asnumpy=asnumpy,
    cuda=Module(
        "cupy.cuda",
        is_available=lambda: True,
        nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)),
        runtime=SimpleNamespace(
            driverGetVersion=lambda: 13000,
            getDevice=lambda: 0,
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda device: {
                "name": b"double of a GPU",
                "totalGlobalMem": 8 * 10**9,
            },
            runtimeGetVersion=lambda: 12090,
        ),
    ),
    fft=Module("cupy.fft", np.fft),
    fuse=fuse,
    get_array_module=get_array_module,
    is_available=lambda: True,
    lib=Module("cupy.lib", stride_tricks=Module("cupy.lib.stride_tricks", np.lib.stride_tricks)),
    linalg=Module("cupy.linalg", np.linalg),
    ndarray=ndarray,
    random=Module("cupy.random", np.random, Generator=Generator, default_rng=Generator),
)
cupyx = Module("cupyx", scatter_add=scatter_add)
MODULES = [cupy, cupy.cuda, cupy.fft, cupy.lib, cupy.lib.stride_tricks, cupy.linalg, cupy.random]
MODULES += [cupyx]


@contextmanager
def installed() -> Iterator[Module]:
    """Let ``import cupy`` find the double, counting from 0; afterwards all is as it was before."""
    before = imported()
    for name in before:
        del sys.modules[name]
    sys.modules.update({module.__name__: module for module in MODULES})
    reset_counts()
    try:
        yield cupy
    finally:
        for name in imported():
            del sys.modules[name]
        sys.modules.update(before)


def imported() -> dict[str, ModuleType]:
    """The imported modules of CuPy, the real ones or those of the double."""
    return {n: module for n, module in sys.modules.items() if n.split(".")[0] in ("cupy", "cupyx")}
