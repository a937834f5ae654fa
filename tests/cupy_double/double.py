"""The double itself: see the package's docstring."""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys
import types

import numpy as np

API = json.loads(pathlib.Path(__file__).with_name("api.json").read_text())

counts = {"to_gpu": 0, "to_cpu": 0, "waits": 0}

# Functions of the real CuPy that take host arrays.
FROM_HOST = {"asarray", "array", "asanyarray", "ascontiguousarray", "asnumpy", "get_array_module"}


def reset_counts() -> None:
    """Set all counts to 0."""
    counts.update(dict.fromkeys(counts, 0))


def wrap(value):
    """Give a NumPy result as the double gives it: arrays and NumPy scalars become device arrays."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray._of(np.asarray(value))
    if isinstance(value, tuple | list):
        return type(value)(wrap(item) for item in value)
    return value


def unwrap(value, where: str):
    """Give NumPy the data of device arrays, and refuse host arrays."""
    if isinstance(value, ndarray):
        return value._data
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}: a host array was given to {where}")
    if isinstance(value, tuple | list):
        return type(value)(unwrap(item, where) for item in value)
    return value


class ndarray:
    """An array that pretends to be on a GPU."""

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float):
        self._data = np.empty(shape, dtype)

    @classmethod
    def _of(cls, data: np.ndarray) -> ndarray:
        array = object.__new__(cls)
        array._data = data
        return array

    # ------------------------------------------------------------------ what is refused

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
            "construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """Serve numpy.exp(device array) as CuPy does, through CuPy's function of the name."""
        name = {"absolute": "abs"}.get(ufunc.__name__, ufunc.__name__)
        if f"cupy.{name}" not in API["names"] or method != "__call__":
            return NotImplemented
        if "out" in kwargs:
            kwargs["out"] = kwargs["out"][0]
        return getattr(cupy, name)(*inputs, **kwargs)

    def __array_function__(self, func, types_, args, kwargs):
        if f"cupy.{func.__name__}" not in API["names"]:
            return NotImplemented
        return getattr(cupy, func.__name__)(*args, **kwargs)

    # ------------------------------------------------------------------ what makes the host wait

    def get(self):
        """Copy to the host."""
        counts["to_cpu"] += 1
        counts["waits"] += 1
        return self._data.copy()

    def _wait(self) -> np.ndarray:
        counts["waits"] += 1
        return self._data

    def item(self, *args):
        return self._wait().item(*args)

    def tolist(self):
        return self._wait().tolist()

    def __bool__(self):
        return bool(self._wait())

    def __float__(self):
        return float(self._wait())

    def __int__(self):
        return int(self._wait())

    __index__ = __int__

    # ------------------------------------------------------------------ indexing

    def __getitem__(self, index):
        return wrap(self._data[unwrap(index, "an index")])

    def __setitem__(self, index, value):
        index = unwrap(index, "an index")
        value = unwrap(value, "an assignment")
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts):
            numbers = np.arange(self._data.size).reshape(self._data.shape)[index]
            if np.unique(numbers).size != numbers.size:
                raise ValueError("duplicate indices: the result is undefined on a GPU")
        self._data[index] = value

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"double.{self._data!r}"

    def __format__(self, spec):
        return format(self.item() if spec else repr(self), spec)

    def __deepcopy__(self, memo):
        return ndarray._of(self._data.copy())

    # ------------------------------------------------------------------ everything else

    def __getattr__(self, name):
        if name.startswith("_") or name not in API["ndarray"]:
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        value = getattr(self._data, name)
        if not callable(value):
            return wrap(value)
        return _checked(name, value, parameters=None)


def _operator(name: str, inplace: bool = False):
    def operate(self, *others):
        for other in others:
            if isinstance(other, np.ndarray | list | tuple):
                raise TypeError(f"Unsupported type {type(other)}")
            if not isinstance(other, ndarray | int | float | complex | np.generic):
                return NotImplemented
        result = getattr(self._data, name)(*(unwrap(other, name) for other in others))
        if result is NotImplemented:
            return NotImplemented
        return self if inplace else wrap(result)

    return operate


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
]:
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
    setattr(ndarray, f"__r{_name}__", _operator(f"__r{_name}__"))
    setattr(ndarray, f"__i{_name}__", _operator(f"__i{_name}__", inplace=True))
for _name in ["neg", "pos", "abs", "invert", "eq", "ne", "lt", "le", "gt", "ge"]:
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


def _checked(name: str, function, parameters: set[str] | None):
    """Wrap a NumPy function so that it takes and gives device arrays and knows CuPy's keywords."""

    def call(*args, **kwargs):
        for keyword in kwargs:
            if parameters is not None and keyword not in parameters:
                raise TypeError(f"{name}() got an unexpected keyword argument {keyword!r}")
        out = kwargs.get("out")
        arguments = [unwrap(value, name) for value in args]
        options = {key: unwrap(value, name) for key, value in kwargs.items()}
        result = wrap(function(*arguments, **options))
        return result if out is None else out

    return call


class _Ufunc:
    """A universal function; unlike CuPy's other functions it refuses lists."""

    parameters = frozenset(("out", "where", "casting", "dtype", "order", "subok"))

    def __init__(self, function):
        self.function, self.name = function, function.__name__

    def __call__(self, *args, **kwargs):
        for value in args:
            if isinstance(value, np.ndarray | list | tuple):
                raise TypeError(f"Unsupported type {type(value)}")
        return _checked(self.name, self.function, self.parameters)(*args, **kwargs)


class _Module(types.ModuleType):
    """A module that offers what the real one of the name offers, computed by NumPy's."""

    def __init__(self, name: str, space: str, source, **own):
        super().__init__(name)
        self._space, self._source = space, source
        self.__dict__.update(own)

    def __getattr__(self, name):
        kind = API["names"].get(f"{self._space}.{name}")
        if kind is None:
            version = API["version"]
            raise AttributeError(f"module {self.__name__!r} {version} has no attribute {name!r}")
        thing = getattr(self._source, name)
        if kind == "ufunc":
            return _Ufunc(thing)
        if kind == "=":
            return thing
        parameters = None if kind == "*" else set(kind.split())
        return _checked(f"{self.__name__}.{name}", thing, parameters)


def asarray(x, dtype=None, order=None):
    """Copy a host array to the device; a device array stays."""
    if isinstance(x, ndarray):
        return x if dtype is None else ndarray._of(np.asarray(x._data, dtype, order))
    counts["to_gpu"] += 1
    return ndarray._of(np.array(x, dtype=dtype, order=order))


def asnumpy(x):
    """Copy a device array to the host."""
    return x.get() if isinstance(x, ndarray) else np.asarray(x)


class Generator:
    """The real one draws less than NumPy's."""

    def __init__(self, seed=None):
        self._generator = np.random.default_rng(seed)

    def __getattr__(self, name):
        if name not in API["Generator"]:
            raise AttributeError(f"cupy.random.Generator has no attribute {name!r}")
        return _checked(name, getattr(self._generator, name), parameters=None)


def _make() -> types.ModuleType:
    lib = types.ModuleType("cupy.lib")
    lib.stride_tricks = _Module("cupy.lib.stride_tricks", "stride_tricks", np.lib.stride_tricks)
    cuda = types.ModuleType("cupy.cuda")
    cuda.is_available = lambda: True
    return _Module(
        "cupy",
        "cupy",
        np,
        ndarray=ndarray,
        asarray=asarray,
        array=asarray,
        asnumpy=asnumpy,
        get_array_module=lambda *xs: cupy if any(isinstance(x, ndarray) for x in xs) else np,
        lib=lib,
        cuda=cuda,
        linalg=_Module("cupy.linalg", "linalg", np.linalg),
        random=_Module("cupy.random", "random", np.random, default_rng=Generator),
        __version__=API["version"] + "+double",
    )


cupy = _make()


@contextlib.contextmanager
def installed():
    """Let ``import cupy`` give the double while the context lasts."""
    names = ("cupy", "cupy.lib", "cupy.lib.stride_tricks", "cupy.cuda", "cupy.random")
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(
        zip(names, (cupy, cupy.lib, cupy.lib.stride_tricks, cupy.cuda, cupy.random), strict=True)
    )
    reset_counts()
    try:
        yield cupy
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
