"""The double of CuPy refuses what it should, and computes what NumPy computes."""

import sys

import cupy_double
import numpy as np
import pytest

from tinyunet import arrays

with cupy_double.installed() as cp:
    pass
host = np.arange(6.0).reshape(2, 3)
device = cp.asarray(host)

REFUSED = {
    "device + host": lambda: device + host,
    "host + device": lambda: host + device,
    "device += host": lambda: device.__iadd__(host),
    "device @ host": lambda: device @ host.T,
    "device * list": lambda: device * [1.0, 2.0, 3.0],
    "device == host": lambda: device == host,
    "numpy.asarray(device)": lambda: np.asarray(device),
    "numpy.array of devices": lambda: np.array([device, device]),
    "exp of a host array": lambda: cp.exp(host),
    "ufunc of a list": lambda: cp.add([1.0], device),
    "where with a host mask": lambda: cp.where(host > 0, device, 0),
    "concatenate with a host array": lambda: cp.concatenate([device, host]),
    "maximum with a host array": lambda: cp.maximum(device, host),
    "out= on the host": lambda: cp.add(device, device, out=host),
    "host array as index": lambda: device[np.array([0])],
    "host mask as index": lambda: device[host > 1],
    "assigning a host array": lambda: device.__setitem__(0, np.ones(3)),
    "index of an assignment on the host": lambda: device.__setitem__(np.array([0]), 1.0),
    "sum(where=)": lambda: cp.sum(device, where=True),
    "max(initial=)": lambda: cp.max(device, initial=0),
    "stack of host arrays": lambda: cp.stack([host, host]),
    "as a key": lambda: {device: 1},
}
MISSING = {
    "errstate": lambda: cp.errstate,
    "nditer": lambda: cp.nditer,
    "top-level sliding_window_view": lambda: cp.sliding_window_view,
    "setflags": lambda: device.setflags,
    "Generator.normal": lambda: cp.random.default_rng(0).normal,
    "Generator.permutation": lambda: cp.random.default_rng(0).permutation,
    "Generator.shuffle": lambda: cp.random.default_rng(0).shuffle,
    "Generator.choice": lambda: cp.random.default_rng(0).choice,
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses(case):
    with pytest.raises(TypeError):
        REFUSED[case]()


@pytest.mark.parametrize("case", MISSING)
def test_it_lacks_what_cupy_lacks(case):
    with pytest.raises(AttributeError):
        MISSING[case]()


def test_duplicate_indices_are_refused_and_others_work():
    x = cp.zeros((3,))
    x[cp.asarray(np.array([0, 2]))] = 5.0
    np.testing.assert_array_equal(x.get(), [5, 0, 5])
    with pytest.raises(ValueError, match="duplicate"):
        x[cp.asarray(np.array([1, 1]))] = 1.0


def test_the_same_code_gives_the_same_numbers():
    def compute(xp, x):
        windows = xp.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(0, 1))
        y = xp.ascontiguousarray(windows).reshape(-1, 4) @ xp.ones((4, 1), x.dtype)
        y = xp.maximum(y, 0) * 0.5
        return xp.exp(y - y.max()).sum(axis=0, keepdims=True)

    expected, got = compute(np, host.astype("f4")), compute(cp, device.astype("f4"))
    assert got.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(got.get(), expected)


def test_reductions_and_elements_are_arrays():
    for value in (device.sum(), device[0, 0], device.max(axis=0), cp.sum(device)):
        assert isinstance(value, cp.ndarray)
    assert device.sum().shape == ()


def test_in_place_operators_and_out_keep_the_array():
    x = cp.zeros((2, 3))
    same = x
    x += device
    assert same is x
    assert cp.add(x, 1.0, out=x) is x
    np.testing.assert_array_equal(same.get(), host + 1)


def test_memory_is_never_shared_with_the_host():
    source = host.copy()
    x = cp.asarray(source)
    source[:] = -1
    x.get()[:] = -2
    np.testing.assert_array_equal(x.get(), host)


def test_transfers_and_waits_are_counted():
    cupy_double.reset_counts()
    x = cp.asarray(host)
    float(x.sum())
    bool(x[0, 0] > 0)
    x.tolist()
    arrays.to_cpu(host)
    x.get()
    assert cupy_double.counts == {"to_gpu": 1, "to_cpu": 1, "waits": 4}


def test_installing_ends():
    before = sys.modules.get("cupy")
    with cupy_double.installed() as double:
        import cupy

        assert cupy is double
        assert arrays.gpu_available()
        assert arrays.array_module(double.zeros(2)) is double
    assert sys.modules.get("cupy") is before
