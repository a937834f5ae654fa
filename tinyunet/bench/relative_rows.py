"""A training step of each of the U-Net's relatives beside PyTorch's, and where its time goes."""

from __future__ import annotations

import collections
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from tinyunet.bench.layer_times import layer_times
from tinyunet.bench.race import Measured, Runner, difference, race, ratio
from tinyunet.bench.relatives import RELATIVES
from tinyunet.bench.tasks import Task, relative_task
from tinyunet.layers.layer import Layer

Row = dict[str, Any]
REST = "the rest"


def rows(
    threads: Sequence[int], rounds: int, settings: Sequence[str], nets: Sequence[str] = ()
) -> Iterator[Row]:
    """Race each network against every setting of PyTorch, on each number of threads, all in turns.

    Without settings, tinyunet is measured alone.
    """
    for net in nets or RELATIVES:
        task = relative_task(net)
        sides = [("tinyunet", ""), *(("torch", setting) for setting in settings)]
        runners = [Runner(*side, threads=count) for count in threads for side in sides]
        found = race(task, runners, rounds)
        parts = where_the_time_goes(task)
        for i in range(0, len(found), len(sides)):
            ours, *theirs = found[i : i + len(sides)]
            yield beside_torch(task, ours, theirs) | {"parts": parts}


def beside_torch(task: Task, ours: Measured, theirs: Sequence[Measured]) -> Row:
    """Ours beside PyTorch at its best; what failed there is left out, unless all of it did."""
    good = [one for one in theirs if not one.error]
    failed = ours.error or (theirs[0].error if theirs and not good else "")
    row: Row = {"task": task.name, "threads": ours.runner.threads, "error": failed}
    if failed:
        return row
    row |= {"seconds": ours.median, "cpu": statistics.median(ours.cpu), "peak_mb": ours.peak_mb}
    if good:
        best = min(good, key=lambda one: one.median)
        row |= {
            "against": best.runner.name,
            "torch_seconds": best.median,
            "torch_cpu": statistics.median(best.cpu),
            "ratio": ratio(ours, best),
            "cpu_ratio": statistics.median(a / b for a, b in zip(ours.cpu, best.cpu, strict=True)),
            "difference": max(difference(ours, one) for one in good),
        }
    return row


def where_the_time_goes(task: Task) -> dict[str, float]:
    """The share of a training step that each kind of layer takes, the largest first.

    In seconds of the processor, forward and backward. What is left over, the loss, the optimizer and
    the ways between layers, is "the rest".
    """
    times = layer_times(task)
    layers = dict(times.model.named_layers())
    spent: dict[str, float] = collections.defaultdict(float)
    for name, ways in times.layers.items():
        spent[_kind(layers[name])] += sum(one.cpu for one in ways.values())
    spent[REST] = times.rest.cpu
    order = sorted(spent, key=lambda kind: -spent[kind])
    return {kind: spent[kind] / times.step.cpu for kind in order}


def _kind(layer: Layer) -> str:
    """The name of a layer's class, for convolutions with their kernel and what is special."""
    name = type(layer).__name__
    if name != "Conv2d":
        return name
    height, width = layer.geometry.kernel
    stride, dilation = layer.geometry.stride[0], layer.geometry.dilation[0]
    words = [f"Conv2d {height}x{width}"]
    words += [f"stride {stride}"] if stride > 1 else []
    return ", ".join(words + ([f"dilation {dilation}"] if dilation > 1 else []))


def slowest(found: Sequence[Row], count: int = 3) -> list[Row]:
    """The rows in which we are the furthest behind PyTorch, one a network."""
    by_task: dict[str, Row] = {}
    for row in found:
        if "cpu_ratio" in row:
            other = by_task.get(row["task"], row)
            by_task[row["task"]] = max(row, other, key=lambda row: row["cpu_ratio"])
    return sorted(by_task.values(), key=lambda row: -row["cpu_ratio"])[:count]
