"""Fixtures: the modules that arrays come from."""

import cupy_double
import numpy as np
import pytest

import tinyunet as tu


@pytest.fixture(params=["numpy", "double", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """The array module: NumPy, a strict double of CuPy without a GPU, and CuPy where it runs.

    ``xp.asarray(host_array)`` moves an array to its device. While a test with the double runs,
    ``import cupy`` gives the double, so ``layer.to("gpu")`` and ``tu.to_gpu`` work.
    """
    if request.param == "numpy":
        yield np
    elif request.param == "double":
        with cupy_double.installed() as double:
            yield double
    else:
        if not tu.gpu_available():
            pytest.skip("CuPy finds no GPU here")
        import cupy

        yield cupy


@pytest.fixture
def device(xp):
    """Where the arrays of `xp` are: what ``layer.to`` takes."""
    return "cpu" if xp is np else "gpu"
