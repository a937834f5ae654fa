"""A toy that stands in for CuPy, for lesson 15 and its exercises: `Device`, and `toy_gpu` to use it.

Its arrays are NumPy's behind a wall. It refuses to mix them with the host's, and notes every transfer,
launch and wait in order. It needs no GPU, and runs in a browser, too. It says nothing about speed.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

NO_WORK = ("empty", "reshape", "transpose", "swapaxes", "squeeze", "view", "as_strided")
OPERATORS = np.lib.mixins.NDArrayOperatorsMixin.__add__.__globals__[
    "__name__"
]  # where + is defined
HANDED = (
    "NumPy was handed a device array: use xp's function of that name; and an array for device numbers "
    "is made by xp.zeros or xp.empty, not np's"
)


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that only the functions of its `Device` can reach."""

    __module__ = "cupy"  # as CuPy's own class says

    def __init__(self, memory: np.ndarray, device: Device) -> None:
        self._memory, self._device = memory, device

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> None:
        self._device.refuse(HANDED)

    def __array_function__(self, function: Callable, *arguments: Any) -> None:
        self._device.refuse(HANDED)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") != OPERATORS:
            self._device.events.append(("numpy", f"np.{ufunc.__name__}"))  # not + or *
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

    Attributes
    ----------
    events
        What happened, in order: ``("moved", bytes)``, ``("launch", function)``, ``("wait", how)``, and
        ``("numpy", function)`` where a function of NumPy handed its call over.
    refused
        Why the last call was refused.
    """

    def __init__(self) -> None:
        super().__init__("cupy")
        self.events: list[tuple[str, Any]] = []
        self.refused = ""
        self.ndarray = self.generic = DeviceArray
        # What tinyunet asks of CuPy beside NumPy's functions; a GPU fuses many launches into one
        version = SimpleNamespace(getVersion=lambda: 1)
        self.cuda = SimpleNamespace(is_available=lambda: True, nvrtc=version)
        self.fuse = lambda kernel_name: lambda function: function
        strided = functools.partial(self.launch, np.lib.stride_tricks.as_strided)
        self.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=strided))

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
        memory = np.array(x, dtype)
        self.events.append(("moved", memory.nbytes))
        return DeviceArray(memory, self)

    def get_array_module(self, x: Any) -> ModuleType:
        """The module of an array."""
        return self if isinstance(x, DeviceArray) else np

    def launch(self, function: Callable, *inputs: Any, **options: Any) -> Any:
        """Run a function of NumPy behind the wall."""
        inputs, options = self.unwrap(inputs), self.unwrap(options)
        name = getattr(function, "__name__", "")
        if name not in NO_WORK:
            self.events.append(("launch", name))
        return self.wrap(function(*inputs, **options))

    def noted(self, kind: str) -> list:
        """All events of a kind."""
        return [what for event, what in self.events if event == kind]

    def counts(self) -> dict[str, int]:
        """How often arrays were moved, and how many bytes to the device; launches; waits."""
        moved, waits = self.noted("moved"), self.noted("wait")
        back = waits.count(".get()")
        numbers = len(moved), sum(moved), back, len(self.noted("launch")), len(waits)
        return dict(
            zip(("to device", "bytes", "to host", "launches", "waits"), numbers, strict=True)
        )

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
def cupy_is(module: ModuleType | None, *, imported: bool = True) -> Iterator[None]:
    """Let ``cupy`` mean `module`, or (None) be missing, while the context lasts.

    Parameters
    ----------
    module
        What stands in `sys.modules`; None forbids an import.
    imported
        If False, nothing stands there, as where nobody has imported CuPy yet.
    """
    missing = object()
    before = sys.modules.pop("cupy", missing)
    if imported:
        sys.modules["cupy"] = module
    try:
        yield
    finally:
        sys.modules.pop("cupy", None)
        if before is not missing:
            sys.modules["cupy"] = before


@contextmanager
def toy_gpu() -> Iterator[Device]:
    """Let ``cupy`` mean a new toy while the context lasts, and yield it.

    Examples
    --------
    >>> with toy_gpu() as toy:
    ...     total = (toy.asarray(np.ones(3)) + 1).sum()
    >>> toy.counts()
    {'to device': 1, 'bytes': 24, 'to host': 0, 'launches': 2, 'waits': 0}
    """
    with cupy_is(toy := Device()):
        yield toy
