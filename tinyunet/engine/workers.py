"""Several workers that share each batch: how they add up, and agree.

A worker is a process with a rank, 0 to count - 1, which has its own copy of the network and its own
share of every batch. All do the same in the same order, and what one needs of the others goes through
three calls of `Workers`, at which each waits for all: `all`, `same` and `sum`. Sums are taken in the
order of ranks, so they have the same bits for everybody, and again in the next run.

`Alone` is one worker, and everything is what it would be without. `tinyunet.engine.mpi` is processes,
on one machine or many. `together` is threads of this process, for tests and for lessons.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, device_name, to_cpu, to_device


class Workers:
    """What a worker knows of the others.

    Attributes
    ----------
    rank, count
        Which worker this is, of how many. That of rank 0 writes and shows; the others are silent.
    """

    rank = 0
    count = 1

    def all(self, value: Any) -> list[Any]:
        """Return what each worker gives here, in the order of ranks; everybody gets the list."""
        raise TypeError(f"{type(self).__name__} does not define all")

    def same(self, value: Any) -> Any:
        """Return what the worker of rank 0 gives here."""
        return self.all(value if self.rank == 0 else None)[0]

    def sum(self, numbers: np.ndarray) -> None:
        """Set `numbers`, an array (n,) in the host's memory, to the sum over all workers."""
        parts = self.all(numbers)
        numbers[...] = parts[0]
        for part in parts[1:]:
            numbers += part

    def wait(self) -> None:
        """Wait until all have come here."""
        self.all(None)

    def share(self, n: int) -> slice:
        """Which of n things are this worker's, in one piece; shares differ by one at most."""
        return slice(self.rank * n // self.count, (self.rank + 1) * n // self.count)

    def __deepcopy__(self, memo: dict) -> Workers:
        return self


class Alone(Workers):
    """One worker."""

    def all(self, value: Any) -> list[Any]:
        """Return the value in a list."""
        return [value]

    def sum(self, numbers: np.ndarray) -> None:
        """Leave the numbers as they are."""


ALONE = Alone()

# ---------------------------------------------------------------------- in one process


class _Together(Workers):
    """One of several threads of this process; what they give lies on a table for all to read."""

    def __init__(self, rank: int, table: list, barrier: threading.Barrier) -> None:
        self.rank, self.count = rank, len(table)
        self._table, self._barrier = table, barrier

    def all(self, value: Any) -> list[Any]:
        """Return what each worker gives here, in the order of ranks."""
        self._table[self.rank] = pickle.dumps(value)  # as between processes: each gets its own
        self._barrier.wait()
        values = [pickle.loads(given) for given in self._table]
        self._barrier.wait()  # nobody lays the next one down before all have read
        return values


def together(count: int, work: Callable[[Workers], Any]) -> list[Any]:
    """Run ``work(workers)`` as each of `count` workers, in threads of this process.

    They give the same bits as so many processes with `tinyunet.engine.mpi`. An error in one ends all,
    and is raised.

    Returns
    -------
    list
        What `work` returned, in the order of ranks.
    """
    table, barrier = [None] * count, threading.Barrier(count)
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def begin(rank: int) -> None:
        try:
            results[rank] = work(_Together(rank, table, barrier))
        except threading.BrokenBarrierError:  # another has failed
            pass
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=begin, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


# ---------------------------------------------------------------------- while a batch is shared


class _Now(threading.local):
    workers: Workers = ALONE
    asked = 0  # how often `joined` was


_now = _Now()


@contextlib.contextmanager
def sharing(workers: Workers) -> Iterator[None]:
    """While this lasts, the batch that this thread computes with is one share of a larger one."""
    before, _now.workers = _now.workers, workers
    try:
        yield
    finally:
        _now.workers = before


def sharers() -> Workers:
    """Who shares the batch that is computed with."""
    return _now.workers


def joined(*sums: Array | float) -> tuple[Any, ...]:
    """Return sums over this share's pixels, numbers or arrays, as sums over the whole batch's.

    Where nobody shares it they are returned as they are.
    """
    workers = _now.workers
    _now.asked += 1
    if workers.count == 1:
        return sums
    mine = [value if isinstance(value, float) else to_cpu(value) for value in sums]
    totals = [sum(parts[1:], parts[0]) for parts in zip(*workers.all(mine), strict=True)]
    return tuple(
        value if isinstance(value, float) else to_device(np.asarray(value), device_name(own))
        for value, own in zip(totals, sums, strict=True)
    )


def times_joined() -> int:
    """How often `joined` was called on this thread: what never asks is of its share alone."""
    return _now.asked


def place_in_batch(n: int) -> tuple[int, slice]:
    """How many images the whole batch has, of which n are here, and which of them these are."""
    workers = _now.workers
    if workers.count == 1:
        return n, slice(0, n)
    counts = workers.all(n)
    first = sum(counts[: workers.rank])
    return sum(counts), slice(first, first + n)
