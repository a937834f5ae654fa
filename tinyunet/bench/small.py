"""`tinyunet bench small`: small networks beside PyTorch, and where their step goes, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinyunet.bench.columns import milliseconds, plain, table
from tinyunet.bench.layer_times import Spent, Times, layer_times
from tinyunet.bench.race import Measured, Runner, race, ratio
from tinyunet.bench.relative_rows import beside_torch
from tinyunet.bench.tasks import Task, network_task

Row = dict[str, Any]
NETS = ("small", "default")
REST = "loss, optimizer, between"
COLUMNS = [
    ("training step", lambda row, box: row["task"]),
    ("processes", plain("processes", "d")),
    ("threads", plain("threads", "d")),
    ("ours, ms", milliseconds("seconds")),
    ("CPU ms", milliseconds("cpu")),
    ("eager, ms", milliseconds("eager_seconds")),
    ("ours / eager", plain("eager_ratio", ".2f")),
    ("PyTorch at its best", lambda row, box: row["against"]),
    ("best, ms", milliseconds("torch_seconds")),
    ("ours / best", plain("ratio", ".2f")),
    ("MB", plain("peak_mb", ".0f")),
    ("memory of eager", plain("memory_ratio", ".2f")),
]


def rows(
    nets: Sequence[str], threads: Sequence[int], rounds: int, settings: Sequence[str],
    processes: Sequence[int] = (),
) -> Iterator[Row]:  # fmt: skip
    """Race each network against PyTorch, on each number of threads, all in turns in one run.

    Then by so many `processes` of one thread each, which mpirun starts, beside as many of PyTorch's
    threads.
    PyTorch's eager mode runs as it comes; its other settings with the allocator that keeps memory.
    Without settings, tinyunet is measured alone.
    """
    for net in nets:
        task = network_task(net, "train")
        ours = [Runner(threads=n) for n in threads] + [Runner(processes=n) for n in processes]
        sides = [
            [
                one,
                *(Runner("torch", s, one.threads * one.processes, s != "eager") for s in settings),
            ]
            for one in ours
        ]
        found = iter(race(task, [runner for side in sides for runner in side], rounds))
        for side in sides:
            one, *theirs = (next(found) for _ in side)
            row = _row(task, one, theirs)
            if not row["error"] and one.runner.processes == 1:
                row["layers"] = by_layer(layer_times(task, one.runner.threads))
            yield row


def _row(task: Task, ours: Measured, theirs: Sequence[Measured]) -> Row:
    """Ours beside PyTorch at its best, and beside its eager mode."""
    row = beside_torch(task, ours, theirs) | {"processes": ours.runner.processes}
    for one in theirs:
        if one.runner.setting == "eager" and not (one.error or row["error"]):
            row |= {
                "eager_seconds": one.median,
                "eager_ratio": ratio(ours, one),
                "memory_ratio": ours.peak_mb / one.peak_mb if one.peak_mb else None,
            }
    return row


def by_layer(times: Times) -> list[Row]:
    """Each layer's seconds, on the clock and of processors, in the network's order; then the rest."""
    found = [
        {"layer": name, **_seconds("forward", both), **_seconds("backward", both)}
        for name, both in times.layers.items()
    ]
    rest, step = {"step": times.rest}, {"step": times.step}
    return [
        *found,
        {"layer": REST, **_seconds("step", rest)},
        {"layer": "the step", **_seconds("step", step)},
    ]


def _seconds(way: str, spent: dict[str, Spent]) -> dict[str, float]:
    found = spent.get(way, Spent())
    return {way: found.wall, f"{way}_cpu": found.cpu}


def words(found: Sequence[Row], box: dict) -> list[str]:
    """The tables: networks beside PyTorch, then every network's layers."""
    shown = [column for column in COLUMNS if all(_has(column, row, box) for row in found)]
    lines = [table([[name for name, _ in shown]] + [[f(r, box) for _, f in shown] for r in found])]
    for row in found:
        if not (layers := row.get("layers")):  # of several processes
            continue
        whole = layers[-1]["step_cpu"]
        cells = [["layer", "CPU", "forward, ms", "CPU ms", "backward, ms", "CPU ms "]]
        for part in layers:
            ways = ("step",) if "step" in part else ("forward", "backward")
            numbers = [f"{part[key] * 1e3:.2f}" for way in ways for key in (way, f"{way}_cpu")]
            cpu = sum(part[f"{way}_cpu"] for way in ways)
            cells.append(
                [part["layer"], f"{cpu / whole:.1%}", *numbers, *[""] * (4 - len(numbers))]
            )
        lines += ["", f"{row['task']}, threads: {row['threads']}", table(cells)]
    return lines


def _has(column: tuple, row: Row, box: dict) -> bool:
    try:
        column[1](row, box)
    except KeyError:  # measured alone
        return False
    return True
