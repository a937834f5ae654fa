"""What a bug report needs to know about a machine, and what makes NumPy slow on it."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from tinyunet.engine.arrays import to_device
from tinyunet.engine.gpu import diagnose_gpu, gpu_in_words, installed_version
from tinyunet.engine.threads import num_threads
from tinyunet.version import __version__

PACKAGES = (
    "numpy", "scipy", "matplotlib", "pillow", "tifffile", "tqdm", "typer", "threadpoolctl", "pooch",
)  # fmt: skip
# What limits the threads of whom; the first one that is set decides.
THREAD_LIMITS = {
    "openblas": ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"),
    "mkl": ("MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    "tinyunet": ("TINYUNET_NUM_THREADS",),
}
KERNEL_CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
VARIABLES = (*dict.fromkeys(sum(THREAD_LIMITS.values(), ())), *KERNEL_CHOICES)
GENERIC_KERNELS = ("generic", "katmai", "prescott", "core2", "armv8")


def diagnose_system() -> dict[str, Any]:
    """Look at the machine; takes about a second.

    Returns
    -------
    dict
        ``versions`` by package (None if not installed), ``platform``, ``cpu``, ``threads`` of
        tinyunet, ``memory_gb`` (None where unknown), ``blas`` (NumPy's libraries),
        ``sgemm_gflops`` (10^9 operations a second in a float32 matrix product with NumPy's
        threads), ``gpu``, ``variables`` (those of `VARIABLES` that are set), and ``hints``: what is
        worth changing, in sentences. Fit for JSON.

    Raises
    ------
    ValueError
        If TINYUNET_NUM_THREADS is set to something that is no number of threads.
    """
    found = {
        "versions": {
            "tinyunet": __version__,
            "python": platform.python_version(),
            **{name: installed_version(name) for name in (*PACKAGES, "torch")},
        },
        "platform": platform.platform(),
        "cpu": {"model": cpu_model(), "cores": os.cpu_count(), "usable": _usable_cores()},
        "threads": num_threads(),
        "memory_gb": memory_gb(),
        "blas": diagnose_blas(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "sgemm_gflops": sgemm_gflops(),
        "gpu": diagnose_gpu(),
    }
    return {**found, "hints": hints(found)}


def hints(found: dict[str, Any]) -> list[str]:
    """Say what in a diagnosis is worth changing.

    Parameters
    ----------
    found
        As `diagnose_system` returns it.
    """
    variables, usable = found["variables"], found["cpu"]["usable"]
    advice = [
        f"{name}={variables[name]} makes OpenBLAS work as on another processor: unset it, unless "
        "you measured that it helps."
        for name in KERNEL_CHOICES
        if name in variables
    ]
    for library in found["blas"]:
        if library["kernel"].lower() in GENERIC_KERNELS and "OPENBLAS_CORETYPE" not in variables:
            advice.append(
                f"{library['name']} does not know this processor and uses its generic "
                f"{library['kernel']} kernels: a newer NumPy may be much faster."
            )
    users = [(library["name"], library["threads"]) for library in found["blas"]]
    for name, threads in (*users, ("tinyunet", found["threads"])):
        limits = THREAD_LIMITS.get(name, ())
        cause = next((limit for limit in limits if limit in variables), None)
        who = name if name == "tinyunet" else f"NumPy ({name})"
        if threads < usable and cause:
            advice.append(
                f"{who} uses {threads} of {usable} usable cores because "
                f"{cause}={variables[cause]}: unset it and start Python again to use all."
            )
        elif threads > usable:
            remedy = f": set {limits[0]}={usable} before Python starts" if limits else ""
            advice.append(
                f"{who} starts {threads} threads where {usable} can run at a time, and they get in "
                f"each other's way{remedy}."
            )
    if not found["blas"]:
        advice.append(
            "threadpoolctl does not know NumPy's BLAS library (on a Mac it is Apple's Accelerate), "
            "so its threads cannot be counted or limited; tinyunet works all the same."
        )
    return advice


def format_report(found: dict[str, Any]) -> str:
    """Write a diagnosis as text.

    Parameters
    ----------
    found
        As `diagnose_system` returns it.
    """
    versions = dict(found["versions"])
    cpu, gpu, memory = found["cpu"], found["gpu"], found["memory_gb"]
    lines = [
        ("tinyunet", versions.pop("tinyunet")),
        ("Python", f"{versions.pop('python')}, {found['platform']}"),
        ("packages", ", ".join(f"{name} {v}" for name, v in versions.items() if v)),
        ("CPU", f"{cpu['model']}, {cpu['usable']} of {cpu['cores']} cores usable"),
        ("threads", f"tinyunet works on {found['threads']}"),
        ("memory", "unknown" if memory is None else f"{memory:.1f} GB"),
    ]
    for library in found["blas"]:
        threads = f"{library['threads']} thread" + ("s" if library["threads"] != 1 else "")
        kernel = f', "{library["kernel"]}" kernels' if library["kernel"] else ""
        lines.append(("BLAS", f"{library['name']} {library['version']}, {threads}{kernel}"))
    lines.append(("sgemm", f"{found['sgemm_gflops']:.0f} GFLOP/s"))
    lines += [("variable", f"{name}={value}") for name, value in found["variables"].items()]
    if gpu["usable"]:
        lines.append(("GPU", gpu_in_words(gpu)))
    else:
        lines.append(("GPU", f"none: {gpu['reason']}"))
    lines += [("hint", hint) for hint in found["hints"]]
    return "\n".join(f"{name:9} {text}" for name, text in lines)


def cpu_model() -> str:
    """The processor's name."""
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    """The cores that this process may use: a container often has fewer than the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _read("/sys/fs/cgroup/cpu.max").split()  # microseconds of work in each period
    if len(quota) == 2 and quota[0] != "max":
        cores = min(cores, max(1, round(int(quota[0]) / int(quota[1]))))
    return cores


def memory_gb() -> float | None:
    """The memory of the machine, or of the container if that is less, in 10^9 bytes."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    return (min(memory, int(limit)) if limit.isdigit() else memory) / 1e9


def memory_of(device: str) -> float | None:
    """What `memory_gb` says on a CPU; None for a GPU, which knows best what it can hold."""
    return memory_gb() if device == "cpu" else None


def _read(path: str) -> str:
    """The text of a file of the Linux kernel, empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def diagnose_blas() -> list[dict[str, Any]]:
    """The BLAS libraries in this process, without the one that SciPy brings along for itself."""
    return [
        {
            "name": library["internal_api"],
            "version": library["version"] or "",
            "threads": library["num_threads"],
            "kernel": library.get("architecture") or "",
        }
        for library in threadpool_info()
        if library["user_api"] == "blas"
        and not any(part.startswith("scipy") for part in Path(library["filepath"]).parts[-3:-1])
    ]


def sgemm_gflops(n: int = 1024, seconds: float = 0.4, device: str = "cpu") -> float:
    """The best of a few products of two (n, n) float32 matrices, each 2 n^3 operations."""
    a = to_device(np.random.default_rng(0).random((n, n), np.float32), device)
    float((a @ a)[0, 0])  # the first one starts BLAS's threads
    best, start = np.inf, time.perf_counter()
    while (began := time.perf_counter()) - start < seconds:
        float((a @ a)[0, 0])  # to read a number is to wait until a GPU is done
        best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best / 1e9
