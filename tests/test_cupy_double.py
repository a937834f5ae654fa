"""The double of CuPy refuses what CuPy refuses, computes what NumPy computes, and counts."""

import copy
import sys
from types import ModuleType

import cupy_double
import numpy as np
import pytest
from cupy_double import counts, modules, snapshot

import tinyunet as tu

HOST = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def cp():
    with cupy_double.installed() as double:
        yield double


def assign(x, index, value):
    x[index] = value


# What to try, with cp the double, d a device array and h the same on the host; and what it raises.
REFUSED = {
    "device + host": (lambda cp, d, h: d + h, TypeError),
    "host + device": (lambda cp, d, h: h + d, TypeError),
    "device += host": (lambda cp, d, h: d.__iadd__(h), TypeError),
    "host += device": (lambda cp, d, h: h.__iadd__(d), TypeError),
    "device @ host": (lambda cp, d, h: d @ h.T, TypeError),
    "device == host": (lambda cp, d, h: d == h, TypeError),
    "device * list": (lambda cp, d, h: d * [1.0, 2.0, 3.0], TypeError),
    "device + None": (lambda cp, d, h: d + None, TypeError),
    "numpy.asarray of device": (lambda cp, d, h: np.asarray(d), TypeError),
    "numpy.array of devices": (lambda cp, d, h: np.array([d, d]), TypeError),
    "numpy.add.at": (lambda cp, d, h: np.add.at(d, 0, 1.0), TypeError),
    "numpy function, host and device": (lambda cp, d, h: np.concatenate([d, h]), TypeError),
    "numpy function that CuPy lacks": (lambda cp, d, h: np.block([d, d]), TypeError),
    "host[...] = device": (lambda cp, d, h: assign(h, ..., d), TypeError),
    "device[...] = host": (lambda cp, d, h: assign(d, ..., h), TypeError),
    "device[...] = list": (lambda cp, d, h: assign(d, 0, [1.0, 2.0, 3.0]), TypeError),
    "ufunc of host": (lambda cp, d, h: cp.exp(h), TypeError),
    "ufunc of list": (lambda cp, d, h: cp.add([1.0], d), TypeError),
    "ufunc with host out=": (lambda cp, d, h: cp.add(d, d, out=h), TypeError),
    "ufunc with where=": (lambda cp, d, h: cp.add(d, d, where=d > 1), TypeError),
    "maximum of device and host": (lambda cp, d, h: cp.maximum(d, h), TypeError),
    "where with host mask": (lambda cp, d, h: cp.where(h > 0, d, 0), TypeError),
    "concatenate with host": (lambda cp, d, h: cp.concatenate([d, h]), TypeError),
    "stack of hosts": (lambda cp, d, h: cp.stack([h, h]), TypeError),
    "sum of list": (lambda cp, d, h: cp.sum([1.0, 2.0]), TypeError),
    "asarray of device and host": (lambda cp, d, h: cp.asarray([d, h]), TypeError),
    "method with host": (lambda cp, d, h: d.dot(h.T), TypeError),
    "sum(where=)": (lambda cp, d, h: cp.sum(d, where=True), TypeError),
    "max(initial=)": (lambda cp, d, h: cp.max(d, initial=0), TypeError),
    "method max(initial=)": (lambda cp, d, h: d.max(initial=0), TypeError),
    "item(0)": (lambda cp, d, h: d.item(0), TypeError),
    "integers from host": (lambda cp, d, h: cp.random.default_rng(0).integers(h), TypeError),
    "host index": (lambda cp, d, h: d[np.array([0])], TypeError),
    "host mask": (lambda cp, d, h: d[h > 1], TypeError),
    "host index beside a slice": (lambda cp, d, h: d[:, np.array([0])], TypeError),
    "list index": (lambda cp, d, h: d[[0]], TypeError),
    "host index in assignment": (lambda cp, d, h: assign(d, np.array([0]), 1.0), TypeError),
    "duplicate indices": (lambda cp, d, h: assign(d, cp.asarray([1, 1]), d), ValueError),
    "duplicate index pairs": (
        lambda cp, d, h: assign(d, (cp.asarray([0, 1, 0]), cp.asarray([1, 1, 1])), 1.0),
        ValueError,
    ),
    "device as an integer": (lambda cp, d, h: range(cp.asarray(3)), TypeError),
    "truth of several elements": (lambda cp, d, h: bool(d), ValueError),
    "device as key": (lambda cp, d, h: {d: 1}, TypeError),
    "errstate": (lambda cp, d, h: cp.errstate, AttributeError),
    "nditer": (lambda cp, d, h: cp.nditer, AttributeError),
    "sliding_window_view at the top": (lambda cp, d, h: cp.sliding_window_view, AttributeError),
    "setflags": (lambda cp, d, h: d.setflags, AttributeError),
    "flags.writeable": (lambda cp, d, h: d.flags.writeable, AttributeError),
    "__array_interface__": (lambda cp, d, h: d.__array_interface__, AttributeError),
    "Generator.normal": (lambda cp, d, h: cp.random.default_rng(0).normal, AttributeError),
    "Generator.permutation": (
        lambda cp, d, h: cp.random.default_rng(0).permutation,
        AttributeError,
    ),
    "Generator.choice": (lambda cp, d, h: cp.random.default_rng(0).choice, AttributeError),
    "Generator.shuffle": (lambda cp, d, h: cp.random.default_rng(0).shuffle, AttributeError),
    "a kernel in CUDA": (lambda cp, d, h: cp.RawKernel, NotImplementedError),
    "saving to a file": (lambda cp, d, h: cp.save("x.npy", d), NotImplementedError),
    "the constructor": (lambda cp, d, h: cp.ndarray((2, 3)), NotImplementedError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(cp, case):
    attempt, error = REFUSED[case]
    with pytest.raises(error):
        attempt(cp, cp.asarray(HOST), HOST.copy())


def windows(xp, x):
    return xp.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(0, 1)).reshape(-1, 4)


def first_columns(xp, x):
    shape, strides = (x.shape[0], 2), x.strides
    return xp.lib.stride_tricks.as_strided(x, shape, strides)


def masked(xp, x):
    y = x.copy()
    y[y > 3] = 0
    return y[y > 1]


def assigned(xp, x):
    y = xp.zeros((4, 3), x.dtype)
    y[xp.asarray([2, 0])] = x
    y[1, ::2] += 1
    return y


def added_at_duplicates(xp, x):
    y = xp.zeros(3, x.dtype)
    xp.add.at(y, xp.asarray([0, 2, 0]), x[1])
    return y


def softmax(xp, x):
    y = xp.exp(x - x.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    return y


def written_out(xp, x):
    y = xp.empty((2, 2), x.dtype)
    assert xp.matmul(x, x.T, out=y) is y
    assert xp.maximum(y, 1, out=y) is y
    return y


SAME = {
    "windows": windows,
    "as_strided": first_columns,
    "boolean masks": masked,
    "assignments": assigned,
    "add.at": added_at_duplicates,
    "softmax in place": softmax,
    "out=": written_out,
    "all operators": lambda xp, x: -(2 - x**2 / 3) % 2 + (x // 2) * abs(x),
    "comparisons": lambda xp, x: (x >= 2) & ~(x == 4) | (x < 1),
    "where": lambda xp, x: xp.where(x > 2, x, 0),
    "stack and pad": lambda xp, x: xp.pad(xp.stack([x, x], axis=-1), ((0, 1), (2, 0), (0, 0))),
    "transposed": lambda xp, x: xp.ascontiguousarray(x.T).reshape(2, -1).transpose(1, 0),
    "mean over no axis": lambda xp, x: x.mean(),
    "argmax": lambda xp, x: x.argmax(axis=1),
    "einsum": lambda xp, x: xp.einsum("ij,kj->ik", x, x),
    "Python number": lambda xp, x: 3 * x + 0.5,
    "NumPy number of the same dtype": lambda xp, x: np.float32(3) * x,
    "NumPy number of a wider dtype": lambda xp, x: x * np.float64(3),
    "astype": lambda xp, x: x.astype("int64") / 2,
    "numpy's ufunc": lambda xp, x: np.sqrt(x),
    "numpy's function": lambda xp, x: np.linalg.norm(np.concatenate([x, x]), axis=0),
    "one element": lambda xp, x: x[1, 2],
    "scalars": lambda xp, x: xp.count_nonzero(x) + xp.allclose(x, x),
    "CuPy's dtypes and constants": lambda xp, x: x[:, xp.newaxis].astype(xp.float64) * xp.pi,
}


@pytest.mark.parametrize("case", SAME)
def test_same_code_same_numbers(cp, case):
    x = HOST.astype("float32")
    expected, result = SAME[case](np, x.copy()), SAME[case](cp, cp.asarray(x))
    assert isinstance(result, cp.ndarray)
    assert (result.shape, result.dtype) == (np.shape(expected), np.asarray(expected).dtype)
    np.testing.assert_array_equal(result.get(), expected)


@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "argmin", "all", "std"])
def test_a_reduction_gives_an_array_without_dimensions(cp, reduction):
    for total in (getattr(cp.ones((2, 3)), reduction)(), getattr(cp, reduction)(cp.ones((2, 3)))):
        assert isinstance(total, cp.ndarray)
        assert total.shape == ()


def test_an_element_is_a_view(cp):
    x = cp.zeros((2, 3))
    element = x[1, 2]
    x += 4
    assert float(element) == 4


@pytest.mark.parametrize("operator", ["add", "sub", "mul", "truediv", "floordiv", "pow", "mod"])
def test_in_place_operators_change_the_array(cp, operator):
    x = y = cp.asarray(HOST)
    x = getattr(x, f"__i{operator}__")(2)
    assert x is y
    np.testing.assert_array_equal(y.get(), getattr(HOST, f"__{operator}__")(2))


def test_matmul_is_never_in_place(cp):
    x = y = cp.ones((2, 2))
    x @= x
    assert x is not y
    np.testing.assert_array_equal(y.get(), np.ones((2, 2)))


def test_in_place_never_widens(cp):
    x = cp.arange(3)
    with pytest.raises(TypeError, match="same_kind"):
        x += 0.5


def test_a_gpu_does_not_warn_of_infinities(cp):
    assert np.isinf((cp.ones(1) / cp.zeros(1)).get()).all()


def test_what_is_right_already_comes_back_itself(cp):
    x = cp.ones((2, 3), "float32")
    assert cp.asarray(x) is x
    assert cp.ascontiguousarray(x) is x
    assert x.astype("float32", copy=False) is x
    assert x.astype("float32") is not x


def test_memory_is_never_shared_with_the_host(cp):
    source = HOST.copy()
    x = cp.asarray(source)
    source[:] = -1
    x.get()[:] = -2
    cp.asnumpy(x)[:] = -3
    np.testing.assert_array_equal(x.get(), HOST)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: x.copy()])
def test_copies_have_their_own_memory(cp, duplicate):
    x = cp.asarray(HOST)
    y = duplicate(x)
    x += 1
    np.testing.assert_array_equal(y.get(), HOST)


def test_attributes_are_those_of_the_array(cp):
    x, transposed = cp.asarray(HOST), cp.asarray(HOST).T
    for name in ("dtype", "shape", "ndim", "size", "strides", "nbytes", "itemsize"):
        assert getattr(x, name) == getattr(HOST, name)
    assert x.flags.c_contiguous
    assert x.flags.owndata
    assert transposed.flags.f_contiguous
    assert not transposed.flags.c_contiguous
    assert x.base is None
    assert isinstance(transposed.base, cp.ndarray)


# Each with d a device array: how many arrays move to the GPU and to the host, how often it waits.
COUNTED = {
    "arithmetic": (lambda cp, d: cp.exp(d * 2).sum(axis=0), (0, 0, 0)),
    "a device array as an array": (lambda cp, d: cp.asarray(d), (0, 0, 0)),
    "stacking": (lambda cp, d: cp.stack([d.sum(), d.max()]), (0, 0, 0)),
    "asarray": (lambda cp, d: cp.asarray(HOST), (1, 0, 0)),
    "array of a list": (lambda cp, d: cp.array([1, 2]), (1, 0, 0)),
    "get": (lambda cp, d: d.get(), (0, 1, 1)),
    "asnumpy": (lambda cp, d: cp.asnumpy(d), (0, 1, 1)),
    "float": (lambda cp, d: float(d.sum()), (0, 0, 1)),
    "int": (lambda cp, d: int(d.sum()), (0, 0, 1)),
    "if": (lambda cp, d: 1 if d.any() else 0, (0, 0, 1)),
    "item": (lambda cp, d: d.sum().item(), (0, 0, 1)),
    "tolist": (lambda cp, d: d.tolist(), (0, 0, 1)),
    "formatting": (lambda cp, d: f"{d.sum():.3f}", (0, 0, 1)),
    "reading with a mask": (lambda cp, d: d[d > 1], (0, 0, 1)),
    "writing with a mask": (lambda cp, d: assign(d, d > 1, 0), (0, 0, 1)),
    "nonzero": (lambda cp, d: d.nonzero(), (0, 0, 1)),
    "unique": (lambda cp, d: cp.unique(d), (0, 0, 1)),
    "sliding windows": (lambda cp, d: windows(cp, d), (1, 0, 1)),
    "strides": (lambda cp, d: first_columns(cp, d), (0, 0, 0)),
    "nanmax": (lambda cp, d: cp.nanmax(d), (0, 0, 1)),
    "an integer index": (lambda cp, d: d[cp.argmax(d, axis=0)], (0, 0, 0)),
}


def counted(cp, action):
    """What an action on a device array counts."""
    d = cp.asarray(HOST)
    cupy_double.reset_counts()
    action(cp, d)
    return dict(counts)


@pytest.mark.parametrize("case", COUNTED)
def test_counts(cp, case):
    action, expected = COUNTED[case]
    moves = dict(zip(("to_gpu", "to_cpu", "waits"), expected, strict=True))
    assert counted(cp, action) == {**moves, "copies": 0}


def doubled(d, index):
    d[index] += d[index]


# Each with d a device array (2, 3): how often CuPy copies an array that lies under the result.
COPIED = {
    "in place": (lambda cp, d: d.__iadd__(d), 0),
    "out is an argument": (lambda cp, d: cp.maximum(d, d * 2, out=d), 0),
    "out is another view": (lambda cp, d: cp.maximum(d[:], d * 2, out=d[:]), 1),
    "a view is added to": (lambda cp, d: doubled(d, slice(0, 2)), 1),
    "a view of one row is added to": (lambda cp, d: doubled(d, slice(0, 1)), 2),
    "a copy is assigned": (lambda cp, d: assign(d, slice(0, 1), d[1:].copy()), 0),
    "another part is assigned": (lambda cp, d: assign(d, slice(0, 1), d[1:]), 0),
    "a part under it is assigned": (lambda cp, d: assign(d, slice(0, 2), d[::-1]), 1),
}


@pytest.mark.parametrize("case", COPIED)
def test_hidden_copies_are_counted(cp, case):
    action, expected = COPIED[case]
    assert counted(cp, action)["copies"] == expected


def test_random_numbers_are_device_arrays_and_repeat(cp):
    first, second = (cp.random.default_rng(5).standard_normal((2, 3)) for _ in range(2))
    assert isinstance(first, cp.ndarray)
    np.testing.assert_array_equal(first.get(), second.get())


def test_fused_functions_compute_the_same(cp):
    @cp.fuse
    def double(x):
        return 2 * x

    @cp.fuse(kernel_name="triple")
    def triple(x):
        return 3 * x

    assert float(triple(double(cp.ones(())))) == 6


def fused_and_not(xp, x, y):
    """What a function of everything that may be fused gives: two results, and an argument changed."""

    def work(x, y, factor, missing):
        y += factor * x
        y[...] = xp.maximum(y, 0) if missing is None else missing
        z = x.copy()
        z -= y * (x > 1)
        return z, (-x) ** 2 / 3 + xp.equal(x, y) + (x == 3) - 2 * (x != y)

    fuse = xp.fuse if xp is not np else lambda function: function
    return *fuse(work)(x, y, 2.0, None), y


def test_fused_functions_follow_the_rules(cp):
    expected = fused_and_not(np, HOST.copy(), HOST - 4)
    found = fused_and_not(cp, cp.asarray(HOST), cp.asarray(HOST - 4))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.get(), other)


def test_fused_functions_make_no_copies(cp):
    @cp.fuse
    def add(x, y):
        x += y

    assert counted(cp, lambda cp, d: add(d, d))["copies"] == 0


def part_assigned(x):
    x[0] = 1


def branched(x):
    return x if x > 0 else -x


# What CuPy cannot fuse into one kernel: functions of one device array.
NOT_FUSED = {
    "a part is read": (lambda x: x[0], TypeError),
    "a part is assigned": (part_assigned, ValueError),
    "a shape": (lambda x: x.shape, AttributeError),
    "a method": (lambda x: x.sum(), AttributeError),
    "a branch on values": (branched, TypeError),
    "a number": (lambda x: float(x), TypeError),
    "a matrix product": (lambda x: x @ x, TypeError),
    "NumPy's function": (np.exp, TypeError),
}


@pytest.mark.parametrize("case", NOT_FUSED)
def test_not_fused(cp, case):
    function, error = NOT_FUSED[case]
    with pytest.raises(error):
        cp.fuse(function)(cp.asarray(HOST))


def test_fused_functions_take_no_host_arrays_and_keywords(cp):
    @cp.fuse
    def add(x, y):
        return x + y

    with pytest.raises(TypeError, match="Invalid argument type"):
        add(cp.asarray(HOST), HOST)
    with pytest.raises(TypeError):
        add(cp.asarray(HOST), y=cp.asarray(HOST))
    with pytest.raises(TypeError, match="cannot be fused"):
        cp.fuse(lambda x: cp.sum(x))(cp.asarray(HOST))
    with pytest.raises(TypeError, match="cannot be fused"):
        cp.fuse(lambda x: cp.add(x, x, dtype="float64"))(cp.asarray(HOST))
    np.testing.assert_array_equal(add(HOST, HOST), 2 * HOST)  # of host arrays alone: as they are


def test_fused_functions_take_so_many_arguments(cp):
    d = cp.asarray(HOST)  # 16 bytes and 16 for each of its 2 axes, as the result; the index 40
    first = cp.fuse(lambda *arrays: arrays[0] + 0)
    np.testing.assert_array_equal(first(*[d] * 83).get(), HOST)
    with pytest.raises(ValueError, match="a kernel takes 4096 bytes"):
        first(*[d] * 84)


def test_fused_functions_write_to_arguments_of_full_size(cp):
    @cp.fuse
    def add(x, y):
        x += 1
        return x + y

    with pytest.raises(ValueError, match=r"an argument smaller than \(2, 3\)"):
        add(cp.ones((1, 3)), cp.asarray(HOST))


def test_fused_functions_do_not_write_under_an_argument(cp):
    @cp.fuse
    def shift(x, y):
        x[...] = y

    d = cp.asarray(HOST)
    with pytest.raises(ValueError, match="another argument shares"):
        shift(d[:, 1:], d[:, :-1])
    shift(d[:, ::2], d[:, 1:2])  # side by side in the same memory
    shift(d, d)


def test_scatter_add_takes_duplicates(cp):
    import cupyx

    x = cp.zeros(2)
    cupyx.scatter_add(x, cp.asarray([1, 1]), cp.asarray([2.0, 3.0]))
    np.testing.assert_array_equal(x.get(), [0, 5])


def test_the_package_finds_the_double(cp):
    assert tu.gpu_available()
    x = tu.to_gpu(HOST)
    assert tu.array_module(x) is cp is cp.get_array_module(HOST, x)
    assert cp.get_array_module(HOST) is np
    np.testing.assert_array_equal(tu.to_cpu(x), HOST)


def cupy_modules():
    return {n: m for n, m in sys.modules.items() if n.split(".")[0] in ("cupy", "cupyx")}


@pytest.fixture
def imported_cupy(monkeypatch):
    """What stands for the modules of a real CuPy that was imported earlier."""
    for name in ("cupy", "cupy._core", "cupyx"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    return cupy_modules()


def test_modules_come_and_go(imported_cupy):
    with cupy_double.installed() as cp:
        import cupy
        import cupy.lib.stride_tricks
        import cupyx

        assert cupy is cp
        assert cupyx is not imported_cupy["cupyx"]
        assert "cupy._core" not in sys.modules
    assert cupy_modules() == imported_cupy


def fail_with_the_double():
    with cupy_double.installed():
        raise KeyError


def test_an_error_does_not_leave_the_double_behind(imported_cupy):
    with pytest.raises(KeyError):
        fail_with_the_double()
    assert cupy_modules() == imported_cupy


def test_nothing_is_left_where_no_cupy_was(monkeypatch):
    for name in cupy_modules():
        monkeypatch.delitem(sys.modules, name)
    with cupy_double.installed():
        assert cupy_modules()
    assert not cupy_modules()


NAMESPACES = {m.__name__: m for m in modules.MODULES} | {"cupy.ndarray": modules.ndarray}


@pytest.mark.parametrize("name", NAMESPACES)
def test_everything_the_double_adds_is_in_cupy(name):
    public = {n for n in vars(NAMESPACES[name]) if not n.startswith("_")}
    assert public <= modules.API[name].keys()


def test_the_snapshot_notes_parameters():
    def function(a, axis: int = 0, *, out=None):
        """Something."""

    assert snapshot.describe(function, None, np.ufunc) == "(a, axis=..., *, out=...)"
    assert snapshot.describe(np.exp, None, np.ufunc) == snapshot.UFUNC_PARAMETERS
    assert snapshot.describe(np.float32, np.float32, np.ufunc) == "numpy"
    assert snapshot.describe(np.ndarray.shape, None, np.ufunc) == "property"
    compiled = "_ndarray_base.dot(self, _ndarray_base b, int axis=-1) -> _ndarray_base\n\nText."
    assert snapshot.documented_parameters(compiled) == "(self, b, axis=...)"
