"""A training step layer by layer: who had how much of the time, and of the processors."""

from __future__ import annotations

import collections
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tinyunet.bench.engines import tinyunet_engine
from tinyunet.bench.tasks import Task
from tinyunet.layers.layer import Layer

WARM_UP, COUNTED = 2, 8  # steps


class Spent(NamedTuple):
    """Seconds on the clock, and those in which this process's threads had a processor."""

    wall: float = 0.0
    cpu: float = 0.0

    @classmethod
    def now(cls) -> Spent:
        """What both clocks show."""
        return cls(time.perf_counter(), time.process_time())

    def plus(self, other: Spent, sign: int = 1) -> Spent:
        """The sum, or with a sign of -1 the difference."""
        return Spent(self.wall + sign * other.wall, self.cpu + sign * other.cpu)


class Times(NamedTuple):
    """The mean of several steps: of each layer, by its name, forward and backward; and of the whole."""

    layers: dict[str, dict[str, Spent]]
    step: Spent
    rest: Spent  # loss, optimizer, and the ways between layers
    model: Layer


def layer_times(task: Task, threads: int | None = None, count: int = COUNTED) -> Times:
    """Run a task's training steps and time each layer that has no layers in it.

    On as many threads as usual, or on `threads`. The clocks are read 200 times a step, which takes
    well under a millisecond.
    """
    model = task.model()
    spent: dict[tuple[str, str], Spent] = collections.defaultdict(Spent)
    for name, layer in model.named_layers():
        if not any(True for _ in layer.children()):
            for way in ("forward", "backward"):
                setattr(layer, way, _timed(getattr(layer, way), spent, (name, way)))
    with _on_threads(threads):
        step = tinyunet_engine(task, "cpu", "", model)
        for _ in range(WARM_UP):
            step()
        spent.clear()
        begun = Spent.now()
        for _ in range(count):
            step()
        whole = Spent.now().plus(begun, -1)
    layers: dict[str, dict[str, Spent]] = collections.defaultdict(dict)
    rest = whole
    for (name, way), sums in spent.items():
        layers[name][way] = _divided(sums, count)
        rest = rest.plus(sums, -1)
    return Times(dict(layers), _divided(whole, count), _divided(rest, count), model)


def _divided(sums: Spent, count: int) -> Spent:
    return Spent(sums.wall / count, sums.cpu / count)


def _timed(work: Callable[..., Any], spent: dict, key: tuple[str, str]) -> Callable[..., Any]:
    """The same function, whose time is added to that of its key."""

    def timed(*arguments: Any, **options: Any) -> Any:
        begun = Spent.now()
        result = work(*arguments, **options)
        spent[key] = spent[key].plus(Spent.now().plus(begun, -1))
        return result

    return timed


@contextlib.contextmanager
def _on_threads(count: int | None) -> Iterator[None]:
    """Let this process work on so many threads while the context lasts."""
    before = os.environ.get("TINYUNET_NUM_THREADS")
    try:
        if count is not None:
            os.environ["TINYUNET_NUM_THREADS"] = str(count)
        yield
    finally:
        os.environ.pop("TINYUNET_NUM_THREADS", None)
        if before is not None:
            os.environ["TINYUNET_NUM_THREADS"] = before
