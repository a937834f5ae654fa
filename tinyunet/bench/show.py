"""`tinyunet bench`: choose what to measure, show progress, and put the rows into words."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tinyunet.bench import relative_rows, report, small
from tinyunet.bench.columns import ALONE, RACE, RELATIVES, table
from tinyunet.bench.engines import GPU_SETTINGS, TORCH_SETTINGS
from tinyunet.bench.race import CLOSE
from tinyunet.bench.tasks import NETWORKS, network_task
from tinyunet.engine.arrays import check_device
from tinyunet.engine.gpu import diagnose_gpu, gpu_in_words
from tinyunet.engine.machine import (
    KERNEL_CHOICES,
    cpu_model,
    diagnose_blas,
    sgemm_gflops,
)
from tinyunet.engine.threads import num_threads
from tinyunet.version import __version__

KINDS = ("steps", "small", "relatives", "layers", "ladder", "sweep")


def run(
    what: str, net: str, mode: str, threads: str | None, torch: bool, settings: Sequence[str] | None,
    batch: int | None, rounds: int, device: str, quiet: bool = False, processes: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measure, and return the machine, the rows and what they were, fit for JSON."""
    if what not in KINDS:
        raise ValueError(f"what to measure must be one of {', '.join(KINDS)}, got {what!r}")
    if rounds < 1:
        raise ValueError(f"--rounds must be at least 1, got {rounds}")
    if batch is not None and batch < 1:
        raise ValueError(f"--batch must be at least 1, got {batch}")
    if what in ("ladder", "relatives", "small") and device != "cpu":
        raise ValueError(f"{what} is measured on a CPU: leave out --device")
    check_device(device)
    offered = TORCH_SETTINGS if device == "cpu" else GPU_SETTINGS
    chosen = offered if settings is None else settings
    for setting in chosen:
        if setting not in offered:
            raise ValueError(f"--settings must be of {', '.join(offered)}, got {setting!r}")
    if torch and importlib.util.find_spec("torch") is None:
        raise RuntimeError(
            "--against torch needs PyTorch, which is not installed: pip install torch. "
            "Without the option, tinyunet is measured alone"
        )
    counts = [num_threads()] if threads is None else _counts("--threads", threads)
    if processes is not None and what != "small":
        raise ValueError(f"only small takes --processes, got {processes!r} for {what}")
    several = ("small", "relatives") if torch else ("small", "relatives", "steps")
    if len(counts) > 1 and what not in several:
        raise ValueError(
            "only small, relatives, and steps without --against, take several --threads, got "
            f"{threads!r} for {what}"
        )
    if what == "steps":
        nets = list(NETWORKS) if net == "all" else [net]
        modes = ("train", "predict") if mode == "both" else (mode,)
        tasks = [network_task(n, m, batch) for n, m in itertools.product(nets, modes)]
        if torch:
            allocators = (False, True) if device == "cpu" else (False,)
            rows = report.against_torch(tasks, counts[-1], rounds, chosen, allocators, device)
        else:
            rows = report.steps(tasks, counts, rounds, device)
    elif what == "small":
        nets = small.NETS if net == "all" else [net]
        shared = () if processes is None else _counts("--processes", processes)
        rows = small.rows(nets, counts, rounds, chosen if torch else (), shared)
    elif what == "relatives":
        rows = relative_rows.rows(counts, rounds, chosen if torch else ())
    elif what == "layers":
        algorithms = ("im2col", "winograd") if device == "cpu" else ("auto",)
        rows = report.layers(counts[-1], rounds, algorithms, torch, device)
    elif what == "ladder":
        rows = report.ladder(counts[-1], rounds, torch)
    else:
        rows = report.sweep(rounds, device, counts[-1])
    bar = tqdm(rows, desc="measuring", unit=" rows", disable=quiet, leave=False)
    return {"what": what, "machine": machine(device), "rows": list(bar)}


def _counts(option: str, text: str) -> list[int]:
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise ValueError(f"{option} must be numbers such as 1,2, got {text!r}")
    return [int(word) for word in words]


def machine(device: str) -> dict[str, Any]:
    """What the numbers depend on."""
    import os

    found: dict[str, Any] = {
        "cpu": cpu_model(),
        "threads": num_threads(),
        "sgemm_gflops": sgemm_gflops(),
        "blas": [f"{b['name']} {b['version']} ({b['kernel']})" for b in diagnose_blas()],
        "versions": {"tinyunet": __version__, "numpy": np.__version__,
                     "python": platform.python_version()},
        "variables": {name: os.environ[name] for name in KERNEL_CHOICES if name in os.environ},
    }  # fmt: skip
    if device == "gpu":
        found["gpu"] = diagnose_gpu()
        found["sgemm_gflops"] = sgemm_gflops(8192, device=device)
    return found


# ---------------------------------------------------------------------- words


def check_plot(what: str) -> None:
    """Raise unless there is a picture of this benchmark."""
    if what not in ("ladder", "sweep"):
        raise ValueError(f"--plot draws ladder or sweep, not {what}")


def text(found: dict[str, Any]) -> str:
    """Everything as a table, with the machine above and what it means below."""
    box, rows = found["machine"], found["rows"]
    lines = [
        f"{box['cpu']}, {box['threads']} threads, {', '.join(box['blas'])}, "
        f"sgemm {box['sgemm_gflops']:.0f} GFLOP/s, NumPy {box['versions']['numpy']}"
    ]
    if "gpu" in box:
        lines.insert(0, gpu_in_words(box["gpu"]))
    for name, value in box["variables"].items():
        lines.append(f"note: {name}={value} makes OpenBLAS work as on another processor")
    good = [row for row in rows if not row["error"]]
    columns = RACE if any("ratio" in row for row in good) else ALONE
    if found["what"] == "relatives":
        columns = RELATIVES if columns is RACE else RELATIVES[:4]
    if found["what"] == "small":
        lines += small.words(good, box) if good else []
    else:
        cells = [[show(row, box) for _, show in columns] for row in good]
        lines.append(table([[name for name, _ in columns], *cells]))
    for row in rows:
        if row["error"]:
            who = row.get("against") or row.get("way") or f"{row['threads']} threads"
            lines.append(f"{row['task']}, {who}: {row['error']}")
    if found["what"] == "relatives":
        lines += _shares(good)
    if columns is RACE and found["what"] != "small":
        for best in report.best_settings(rows):
            lines.append(
                f"{best['task']}: {best['ratio']:.2f} of PyTorch's time at its best "
                f"({best['against']})"
            )
    if columns in (RACE, RELATIVES):
        apart = [row for row in good if not row["difference"] <= CLOSE]  # also a NaN
        for row in apart:
            lines.append(f"WARNING: {row['task']}: results differ by {row['difference']:.1e}")
        if not apart:
            worst = max((row["difference"] for row in good), default=0.0)
            lines.append(f"both sides computed the same: results differ by {worst:.0e} at most")
    return "\n".join(lines)


def _shares(rows: list[dict]) -> list[str]:
    """Where the time of each network goes, and who is the furthest behind PyTorch."""
    parts = {row["task"]: row["parts"] for row in rows}
    lines = [
        f"{task}: " + ", ".join(f"{kind} {s:.0%}" for kind, s in shares.items() if s >= 0.01)
        for task, shares in parts.items()
    ]
    behind = [f"{row['task']} ({row['cpu_ratio']:.2f})" for row in relative_rows.slowest(rows)]
    return lines + ([f"furthest behind, by CPU seconds: {', '.join(behind)}"] if behind else [])


# ---------------------------------------------------------------------- pictures


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw a ladder or a sweep."""
    from tinyunet import plots
    from tinyunet.bench import pictures

    check_plot(found["what"])
    rows = [row for row in found["rows"] if not row["error"]]
    if not rows:
        raise RuntimeError(
            f"nothing to draw, every measurement failed: {found['rows'][0]['error']}"
        )
    make = functools.partial(getattr(pictures, found["what"]), title=found["machine"]["cpu"])
    plots.save(make(rows), path)
