"""The four benchmarks of `tinyunet bench`, as rows for a table, JSON or a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinyunet.bench.engines import TORCH_SETTINGS
from tinyunet.bench.race import Measured, Runner, difference, race, ratio
from tinyunet.bench.tasks import LAYERS, Task, layer_task, network_task
from tinyunet.engine.threads import num_threads

Row = dict[str, Any]


def steps(
    tasks: Sequence[Task], threads: Sequence[int], rounds: int, device: str = "cpu"
) -> Iterator[Row]:
    """Time each task alone, on each number of threads."""
    for task in tasks:
        for count in threads:
            (found,) = race(task, [Runner(threads=count, device=device)], rounds)
            yield _row(task, found)


def against_torch(
    tasks: Sequence[Task],
    threads: int,
    rounds: int,
    settings: Sequence[str] = TORCH_SETTINGS,
    allocators: Sequence[bool] = (False, True),
    device: str = "cpu",
) -> Iterator[Row]:
    """Race each task against every setting of PyTorch, with both sides under the same allocator."""
    for task in tasks:
        for keep in allocators:
            for setting in settings:
                found = race(
                    task,
                    [
                        Runner("tinyunet", "", threads, keep, device),
                        Runner("torch", setting, threads, keep, device),
                    ],
                    rounds,
                )
                yield _compare(task, *found)


def best_settings(rows: Sequence[Row]) -> list[Row]:
    """For each task, the row in which PyTorch was fastest."""
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        if not row["error"]:
            by_task.setdefault(row["task"], []).append(row)
    return [min(group, key=lambda row: row["torch_seconds"]) for group in by_task.values()]


def layers(
    threads: int, rounds: int, algorithms: Sequence[str], torch: bool, device: str = "cpu"
) -> Iterator[Row]:
    """Time the paper's convolutions one by one, with each algorithm, and in PyTorch."""
    for side, channels_in, channels_out in LAYERS:
        for mode in ("predict", "train"):
            yield from _algorithms(
                side, channels_in, channels_out, mode, threads, rounds, algorithms, torch, device
            )


def ladder(threads: int, rounds: int, torch: bool) -> Iterator[Row]:
    """Time one convolution by every way there is, the slowest first."""
    ways = ("naive", "whole patches", "im2col", "winograd")
    yield from _algorithms(138, 64, 64, "train", threads, rounds, ways, torch, "cpu")


def sweep(rounds: int, device: str = "cpu", threads: int | None = None) -> Iterator[Row]:
    """Time training steps of growing batches, and of growing images."""
    groups = {
        "small, growing batch": [network_task("small", "train", n) for n in (1, 2, 4, 8, 16, 32)],
        "small, growing image": [
            network_task("small", "train", 1, side) for side in (64, 128, 256, 512, 1024)
        ],
        "paper": [network_task("paper", "train", 1, side) for side in (188, 300, 412, 572)],
    }
    for group, tasks in groups.items():
        for row in steps(tasks, [threads or num_threads()], rounds, device):
            yield row | {"group": group}


def _algorithms(
    side: int, channels_in: int, channels_out: int, mode: str, threads: int, rounds: int,
    algorithms: Sequence[str], torch: bool, device: str,
) -> Iterator[Row]:  # fmt: skip
    for algorithm in algorithms:
        task = layer_task(side, channels_in, channels_out, mode, algorithm)
        (found,) = race(task, [Runner(threads=threads, device=device)], rounds)
        yield _row(task, found, way=algorithm)
    if torch:
        task = layer_task(side, channels_in, channels_out, mode, "auto")
        for setting in ("eager", "channels_last"):
            runner = Runner("torch", setting, threads, device=device)
            (found,) = race(task, [runner], rounds)
            yield _row(task, found, way=f"PyTorch {setting}")


def _row(task: Task, found: Measured, way: str = "") -> Row:
    row: Row = {
        "task": task.name,
        "way": way or found.runner.name,
        "threads": found.runner.threads,
        "error": found.error,
    }
    if found.error:
        return row
    pixels = task.shape[0] * task.shape[1] * task.shape[2]
    return row | {
        "seconds": found.median,
        "pixels": pixels,
        "ns_per_pixel": found.median / pixels * 1e9,
        "gflops": task.gflop() / found.median,
        "peak_mb": found.peak_mb,
        "all_seconds": found.seconds,
    }


def _compare(task: Task, ours: Measured, theirs: Measured) -> Row:
    row: Row = {
        "task": task.name,
        "against": theirs.runner.name,
        "threads": theirs.runner.threads,
        "error": ours.error or theirs.error,
    }
    if row["error"]:
        return row
    return row | {
        "seconds": ours.median,
        "torch_seconds": theirs.median,
        "ratio": ratio(ours, theirs),
        "gflops": task.gflop() / ours.median,
        "peak_mb": ours.peak_mb,
        "torch_peak_mb": theirs.peak_mb,
        "memory_ratio": ours.peak_mb / theirs.peak_mb if theirs.peak_mb else None,
        "difference": difference(ours, theirs),
        "all_seconds": ours.seconds,
        "all_torch_seconds": theirs.seconds,
    }
