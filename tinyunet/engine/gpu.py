"""Whether there is a GPU that CuPy can work on, and what is known about it."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np

from tinyunet.engine.arrays import to_gpu

CUPY_PACKAGES = ("cupy", "cupy-cuda13x", "cupy-cuda12x", "cupy-cuda11x")


def diagnose_gpu() -> dict[str, Any]:
    """Whether CuPy has a GPU to work on: its name and memory, CuPy's and CUDA's versions; or why not.

    ``cuda`` is the version that CuPy was built for, ``driver`` the newest that the driver runs.
    """
    versions = [version for name in CUPY_PACKAGES if (version := installed_version(name))]
    found = {"cupy": versions[0] if versions else None, "usable": False, "name": "", "reason": ""}
    try:
        to_gpu(np.zeros(1, np.float32))
        import cupy

        runtime = cupy.cuda.runtime
        properties = runtime.getDeviceProperties(runtime.getDevice())
        return {
            **found,
            "usable": True,
            "name": properties["name"].decode(),
            "memory_gb": properties["totalGlobalMem"] / 1e9,
            "cuda": _cuda_version(runtime.runtimeGetVersion()),
            "driver": _cuda_version(runtime.driverGetVersion()),
        }
    except Exception as error:  # a broken driver or CUDA fails in its own ways: report, never stop
        return {**found, "reason": str(error)}


def _cuda_version(number: int) -> str:
    """12040 is CUDA 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


def gpu_in_words(gpu: dict[str, Any]) -> str:
    """One line about a usable GPU, as `diagnose_gpu` found it."""
    return (
        f"{gpu['name']}, {gpu['memory_gb']:.1f} GB, CuPy {gpu['cupy']} for CUDA {gpu['cuda']}, "
        f"driver for CUDA up to {gpu['driver']}"
    )


def installed_version(package: str) -> str | None:
    """The installed version, found without importing the package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
