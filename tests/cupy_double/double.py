"""A strict double of CuPy's arrays and functions: NumPy computes, CuPy's rules decide what is allowed.

A `ndarray` here is a NumPy array behind a wall. Whatever CuPy offers by the snapshot ``cupy_api.json``
is run by NumPy's function of the same name on what lies behind the wall, and the result goes back
behind it. Everything else is refused, and so is a host array where a device array belongs: what works
with the double has a good chance on a GPU, and what would fail or wait there is found on any laptop.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text(encoding="utf-8"))

UPLOADS = {"array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray"}
# The size of their result depends on values, or CuPy looks at values first: the host waits.
WAITS = {
    "argwhere", "average", "bincount", "compress", "delete", "extract", "flatnonzero", "gradient",
    "histogram", "histogram2d", "histogramdd", "interp", "mask_indices", "nanmax", "nanmin",
    "nonzero", "percentile", "place", "quantile", "ravel_multi_index", "real_if_close",
    "sliding_window_view", "trim_zeros", "unique", "unravel_index",
}  # fmt: skip
MOVES = {"sliding_window_view"}  # the window's shape goes to the GPU, and is read back
# NumPy returns a bool or an int, CuPy an array of no dimensions.
SCALARS_IN_NUMPY = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
# The names of parameters for which CuPy takes no list.
ARRAY_PARAMETERS = {"a", "array", "ary", "b", "condition", "x", "x1", "x2", "y"}
PARAMETERS = 4096  # bytes of a kernel's arguments, in CUDA before 12.1
# These hand out memory, or move it in ways that the double does not count.
NOT_DOUBLED = re.compile("data|device|flat|dumps?|load|save.*|tobytes|tofile")

# Arrays moved; times the host waited for the GPU; times CuPy copies an array first because it shares
# memory with the result without being it.
counts = {"to_gpu": 0, "to_cpu": 0, "waits": 0, "copies": 0}


def reset_counts() -> None:
    """Begin counting at 0 again."""
    counts.update(dict.fromkeys(counts, 0))


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):  # the operators call ufuncs: `__array_ufunc__`
    """The double of `cupy.ndarray`: a NumPy array that only this package can reach."""

    __slots__ = ("_memory",)

    def __init__(self, memory: np.ndarray) -> None:
        if not isinstance(memory, np.ndarray):
            raise NotImplementedError("the double has no cupy.ndarray(shape): use cupy.empty")
        self._memory = memory

    # What NumPy asks an array that is not its own.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> None:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or ufunc.__name__ not in API["cupy"]:
            return NotImplemented
        if "out" in keywords:
            (keywords["out"],) = keywords["out"]
        return offer("cupy", ufunc.__name__, np)(*inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        namespace = function.__module__.replace("numpy", "cupy", 1)
        if function.__name__ not in API.get(namespace, ()):
            return NotImplemented
        return offer(namespace, function.__name__, sys.modules[function.__module__])(
            *args, **keywords
        )

    # Attributes and methods.

    def __getattr__(self, name: str) -> Any:
        offered = offer("cupy.ndarray", name, np.ndarray)
        if isinstance(offered, Function):
            return functools.partial(offered, self)
        return wrap(getattr(self._memory, name))

    @property
    def flags(self) -> SimpleNamespace:
        flags = self._memory.flags
        names = ("c_contiguous", "f_contiguous", "owndata")
        return SimpleNamespace(**{name: getattr(flags, name) for name in names})

    def __imatmul__(self, other: Any) -> Any:
        return NotImplemented  # CuPy has no `@=` in place: Python then computes x = x @ y

    def __copy__(self) -> ndarray:
        return self.copy()

    def __len__(self) -> int:
        return len(self._memory)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> ndarray:
        return wrap(self._memory[checked_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        index = checked_index(index)
        refuse_duplicates(self._memory, index)
        if isinstance(value, ndarray):
            counts["copies"] += overlaps(value._memory, self._memory[index])
        self._memory[index] = operand(value)

    # What makes the host wait until the GPU is done.

    def get(self) -> np.ndarray:
        """Return a copy in host memory."""
        counts["to_cpu"] += 1
        return self._wait().copy()

    def _wait(self) -> np.ndarray:
        counts["waits"] += 1
        return self._memory

    def item(self) -> Any:
        return self._wait().item()

    def tolist(self) -> Any:
        return self._wait().tolist()

    def __bool__(self) -> bool:
        return bool(self._wait())

    def __int__(self) -> int:
        return int(self._wait())

    def __float__(self) -> float:
        return float(self._wait())

    def __format__(self, spec: str) -> str:
        return format(self._wait(), spec)

    def __repr__(self) -> str:
        return f"double of {self._memory!r}"  # uncounted: a debugger shows it unasked


class Function:
    """A function, ufunc or method of CuPy, computed by its twin in NumPy."""

    def __init__(self, name: str, twin: Any, parameters: str) -> None:
        self.__name__ = name.rpartition(".")[2]
        self._name, self._twin, self._signature = name, twin, signature(parameters)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Check the arguments by CuPy's rules, and let NumPy compute."""
        if any(isinstance(given, Traced) for given in (*args, *keywords.values())):
            return self._fuse(args, keywords)
        self._check(args, keywords)
        if self.__name__ in UPLOADS:
            args = (upload(args[0]), *args[1:])
        counts["waits"] += self.__name__ in WAITS
        counts["to_gpu"] += self.__name__ in MOVES
        if isinstance(self._twin, np.ufunc) and isinstance(out := keywords.get("out"), ndarray):
            counts["copies"] += sum(
                isinstance(given, ndarray)
                and given is not out
                and np.may_share_memory(given._memory, out._memory)
                for given in args
            )
        inputs, named_inputs = unwrap(args), {name: unwrap(v) for name, v in keywords.items()}
        with np.errstate(all="ignore"):  # a GPU gives inf and nan without a word
            result = self._twin(*inputs, **named_inputs)
        for given in (*args, *keywords.values()):
            if isinstance(given, ndarray) and given._memory is result:
                return given  # it was `out`, or was as wanted already
        return wrap(np.asarray(result) if self.__name__ in SCALARS_IN_NUMPY else result)

    def _fuse(self, args: tuple, keywords: dict[str, Any]) -> Any:
        """Compute as a step of a fused kernel, which makes no copies of its own."""
        if not isinstance(self._twin, np.ufunc) or keywords.keys() - {"out"}:
            raise TypeError(f"{self._name}() cannot be fused so: use ufuncs, and of keywords out=")
        out = keywords.get("out")
        copies = counts["copies"]
        plain = {} if out is None else {"out": out.written()}
        result = self(*(a.value if isinstance(a, Traced) else a for a in args), **plain)
        counts["copies"] = copies
        return Traced(result) if out is None else out

    def _check(self, args: tuple, keywords: dict[str, Any]) -> None:
        try:
            arguments = self._signature.bind(*args, **keywords).arguments
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None
        if isinstance(self._twin, np.ufunc):
            for value in args:
                operand(value)
        elif self.__name__ not in UPLOADS:
            for name in ARRAY_PARAMETERS & arguments.keys():
                if isinstance(arguments[name], list | tuple):
                    raise TypeError(f"{self._name}() got a list as {name}: use cupy.asarray")

    def at(self, a: ndarray, indices: Any, b: Any) -> None:
        """Do as `numpy.ufunc.at`: the one way to add at an index that comes more than once."""
        self._twin.at(a._memory, checked_index(indices), operand(b))


class Traced:
    """What a function sees of its arguments while CuPy fuses it: no shape, no parts, no truth.

    CuPy follows the function once with such stand-ins and makes one kernel of its steps. They know
    arithmetic, comparisons, assignment to the whole, and `copy`. What else a function does, CuPy tries
    in a second way, with kernels that are not one; here it is refused.
    """

    __hash__ = None

    def __init__(self, value: Any) -> None:
        self.value = value
        self.was_written = False

    def written(self) -> ndarray:
        if not isinstance(self.value, ndarray):
            raise TypeError("return arrays must be of ArrayType")
        self.was_written = True
        return self.value

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis and index != slice(None):
            raise ValueError("The fusion supports `[...]` or `[:]`.")
        offer("cupy", "positive", np)(value, out=self)

    def copy(self) -> Traced:
        return Traced(self.value.copy())

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def __bool__(self) -> bool:
        raise TypeError("Can't cast to bool")

    __int__ = __float__ = __index__ = __bool__


def _fused_operators() -> None:
    """Give `Traced` the operators that CuPy's stand-ins have."""
    arithmetic = {
        "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
        "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "and": "bitwise_and",
        "or": "bitwise_or", "xor": "bitwise_xor",
    }  # fmt: skip
    comparisons = {
        "lt": "less", "le": "less_equal", "eq": "equal",
        "ne": "not_equal", "gt": "greater", "ge": "greater_equal",
    }  # fmt: skip
    for operator, name in (arithmetic | comparisons).items():
        setattr(Traced, f"__{operator}__", lambda a, b, name=name: offer("cupy", name, np)(a, b))
    for operator, name in arithmetic.items():
        setattr(Traced, f"__r{operator}__", lambda a, b, name=name: offer("cupy", name, np)(b, a))
        setattr(
            Traced,
            f"__i{operator}__",
            lambda a, b, name=name: offer("cupy", name, np)(a, b, out=a),
        )
    Traced.__neg__ = lambda a: offer("cupy", "negative", np)(a)


_fused_operators()


class Fused:
    """The double of what `cupy.fuse` returns."""

    def __init__(self, function: Any) -> None:
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """Run the function with stand-ins, by CuPy's rules."""
        if not any(isinstance(given, ndarray) for given in args):
            return self._function(*args)  # as CuPy does
        for given in args:
            if not isinstance(given, ndarray | np.generic | int | float | complex | None):
                raise TypeError(f"Invalid argument type for a fused function: {type(given)}")
        traced = [None if given is None else Traced(given) for given in args]
        result = self._function(*traced)
        arrays = [one for one in traced if one is not None and isinstance(one.value, ndarray)]
        results = result if isinstance(result, tuple) else (result,)
        check_size([*traced, *results])
        shape = np.broadcast_shapes(*(one.value.shape for one in arrays))
        if any(one.was_written and one.value.shape != shape for one in arrays):
            raise ValueError(f"a fused function writes to an argument smaller than {shape}")
        for one, other in itertools.permutations(arrays, 2):
            if one.was_written and races(one.value._memory, other.value._memory):
                raise ValueError(
                    "a fused function writes to memory that another argument shares: which "
                    "comes first is chance"
                )
        if isinstance(result, tuple):
            return tuple(map(plain, result))
        return plain(result)


def check_size(values: list) -> None:
    """Refuse more arguments and results than a kernel takes: an index, too, is one of them."""
    arrays = [one.value for one in values if isinstance(getattr(one, "value", None), ndarray)]
    size = 8 + 16 * max(array.ndim for array in arrays)
    size += sum(16 + 16 * array.ndim for array in arrays) + 8 * (len(values) - len(arrays))
    if size > PARAMETERS:
        raise ValueError(f"a kernel takes {PARAMETERS} bytes of arguments, not {size}")


def plain(result: Any) -> Any:
    """What a fused function returns to those who called it."""
    return result.value if isinstance(result, Traced) else result


def races(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two views of memory overlap, and not as the same view."""
    same = (one.shape, one.strides, one.ctypes.data) == (
        other.shape, other.strides, other.ctypes.data,
    )  # fmt: skip
    return not same and np.shares_memory(one, other)


@functools.cache
def signature(parameters: str) -> inspect.Signature:
    """Parse parameters as the snapshot notes them, for example ``(a, axis=..., out=...)``."""
    return inspect.signature(eval(f"lambda {parameters[1:-1]}: None"))


def offer(namespace: str, name: str, numpy_namespace: Any) -> Any:
    """Return what CuPy offers as `namespace`.`name`, or refuse with the reason."""
    full_name, kind = f"{namespace}.{name}", API[namespace].get(name)
    if kind is None:
        raise AttributeError(f"CuPy {API['version']} has no {full_name}")
    if kind == "other" or NOT_DOUBLED.fullmatch(name) or not hasattr(numpy_namespace, name):
        raise NotImplementedError(f"CuPy has {full_name}, its double has not")
    twin = getattr(numpy_namespace, name)
    return Function(full_name, twin, kind) if kind.startswith("(") else twin


def wrap(result: Any) -> Any:
    """Put arrays behind the wall; a NumPy scalar becomes an array of no dimensions, as in CuPy."""
    if isinstance(result, np.ndarray | np.generic):
        return ndarray(np.asarray(result))
    if isinstance(result, tuple | list):
        return (list if isinstance(result, list) else tuple)(map(wrap, result))
    return result


def unwrap(value: Any) -> Any:
    """Fetch NumPy arrays from behind the wall, and refuse those that are not from there."""
    if isinstance(value, ndarray):
        return value._memory
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: move it with cupy.asarray")
    if isinstance(value, list | tuple):
        return type(value)(map(unwrap, value))
    return value


def operand(value: Any) -> Any:
    """Unwrap what may stand in arithmetic: a device array or a number."""
    if isinstance(value, ndarray | int | float | complex | np.generic):
        return unwrap(value)
    raise TypeError(f"Unsupported type {type(value)}: CuPy takes its own arrays and numbers")


def upload(value: Any) -> Any:
    """Copy a host array, or numbers, to the device; what is there already stays as it is."""
    if isinstance(value, ndarray):
        return value
    if isinstance(value, list | tuple) and any(isinstance(item, ndarray) for item in value):
        return value
    counts["to_gpu"] += 1
    return ndarray(np.array(value))


def checked_index(index: Any) -> tuple:
    """Return an index for the memory; one with a boolean mask makes the host wait."""
    index = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, np.ndarray | list | tuple) for part in index):
        raise TypeError("CuPy would move a host array or list in an index: use cupy.asarray")
    index = unwrap(index)
    counts["waits"] += any(isinstance(part, np.ndarray) and part.dtype == bool for part in index)
    if not any(part is Ellipsis for part in index):
        index = (*index, ...)  # with it NumPy returns a view where it would return a scalar
    return index


def overlaps(value: np.ndarray, target: np.ndarray) -> bool:
    """Whether an assignment copies the value first: it shares memory with the target, but is not it.

    To see that they are the same, CuPy compares them after it has dropped leading sides of 1 from the
    value. `a[:1] += b` assigns `a[:1]` to itself, and so does copy it.
    """
    while value.ndim > 0 and value.shape[0] == 1:
        value = value[0, ...]
    same = (value.shape, value.strides, value.ctypes.data) == (
        target.shape, target.strides, target.ctypes.data,
    )  # fmt: skip
    return np.may_share_memory(value, target) and not same


def refuse_duplicates(memory: np.ndarray, index: tuple) -> None:
    """Raise ValueError if an assignment would write to one place more than once."""
    if any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in index):
        places = np.arange(memory.size).reshape(memory.shape)[index]
        if np.unique(places).size < places.size:
            raise ValueError(
                "duplicate indices: which value stays is chance; use cupyx.scatter_add"
            )
