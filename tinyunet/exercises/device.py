"""A stand-in for CuPy, for exercises: `Device`, and `cupy_is` to put it in CuPy's place.

Its arrays are NumPy's behind a wall. It refuses to mix them with the host's, and notes every transfer,
launch and wait in order. It needs no GPU, and runs in a browser, too.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

VIEWS = ("reshape", "transpose", "swapaxes", "squeeze", "view")  # nothing is computed


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that only the functions of its `Device` can reach."""

    def __init__(self, memory: np.ndarray, device: Device) -> None:
        self._memory, self._device = memory, device

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> None:
        self._device.refuse(
            "NumPy was handed a device array: use xp's function of that name; and an array for "
            "device numbers is made by xp.zeros or xp.empty, not np's"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return self._device.launch(getattr(ufunc, method), *inputs, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._memory, name)
        if not callable(value):
            return self._device.wrap(value)
        return functools.partial(self._device.launch, value)

    def __len__(self) -> int:
        return len(self._memory)

    def __getitem__(self, index: Any) -> Any:
        index = self._device.unwrap(index)
        if getattr(index, "dtype", "") == "bool":
            self._device.events.append(("wait", "an index with a boolean mask"))
        return self._device.wrap(self._memory[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._device.launch(self._memory.__setitem__, index, value)

    def _reads(how: str, read: Callable) -> Callable:
        """A method that fetches numbers: the host waits until the device is done."""

        def method(self, *options):
            self._device.events.append(("wait", how))
            return read(self._memory, *options)

        return method

    get, item = _reads(".get()", np.copy), _reads(".item()", np.ndarray.item)
    tolist = _reads(".tolist()", np.ndarray.tolist)
    __float__, __int__ = _reads("float(...)", float), _reads("int(...)", int)
    __bool__ = _reads("a condition", bool)
    __str__, __format__ = _reads("printing", str), _reads("printing", format)

    def __repr__(self) -> str:
        return f"a device array of shape {self.shape}"


class Device(ModuleType):
    """The stand-in's module: NumPy's functions, for its own arrays.

    `events` holds what happened, in order: ``("moved", array)``, ``("launch", function)``,
    ``("wait", how)``. `refused` says why the last call was refused.
    """

    def __init__(self) -> None:
        super().__init__("cupy")
        self.events: list[tuple[str, Any]] = []
        self.refused = ""
        self.ndarray = self.generic = DeviceArray

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value  # float32, pi
        return functools.partial(self.launch, value)

    def asarray(self, x: Any, dtype: Any = None) -> DeviceArray:
        """Move an array to the device; one that is there already is returned as it is."""
        if isinstance(x, DeviceArray):
            return x if dtype is None else x.astype(dtype)
        self.events.append(("moved", x))
        return DeviceArray(np.array(x, dtype), self)

    def get_array_module(self, x: Any) -> ModuleType:
        """The module of an array."""
        return self if isinstance(x, DeviceArray) else np

    def launch(self, function: Callable, *inputs: Any, **options: Any) -> Any:
        """Run a function of NumPy behind the wall."""
        inputs, options = self.unwrap(inputs), self.unwrap(options)
        if getattr(function, "__name__", "") not in VIEWS:
            self.events.append(("launch", function))
        return self.wrap(function(*inputs, **options))

    def noted(self, kind: str) -> list:
        """All events of a kind."""
        return [what for event, what in self.events if event == kind]

    def refuse(self, why: str) -> None:
        """Raise TypeError and remember why."""
        self.refused = why
        raise TypeError("a device array and NumPy do not go together")

    def wrap(self, value: Any) -> Any:
        """Put an array behind the wall."""
        if isinstance(value, np.ndarray | np.generic):
            return DeviceArray(np.asarray(value), self)
        return value

    def unwrap(self, value: Any) -> Any:
        """Fetch arrays from behind the wall; refuse those that are not from there."""
        if isinstance(value, DeviceArray):
            return value._memory
        if isinstance(value, np.ndarray):
            self.refuse(
                "a host array met a device array: move it first, or make it with xp (a new array "
                "of np.zeros or np.ones lives in host memory)"
            )
        if isinstance(value, tuple | list):
            return type(value)(map(self.unwrap, value))
        if isinstance(value, dict):
            return {key: self.unwrap(item) for key, item in value.items()}
        return value


@contextmanager
def cupy_is(module: ModuleType | None) -> Iterator[None]:
    """Let ``cupy`` mean `module`, or (None) be missing, while the context lasts."""
    missing = object()
    before = sys.modules.get("cupy", missing)
    sys.modules["cupy"] = module
    try:
        yield
    finally:
        if before is missing:
            del sys.modules["cupy"]
        else:
            sys.modules["cupy"] = before
