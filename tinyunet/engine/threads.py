"""Run blocks of work on threads, each with one BLAS thread.

NumPy releases Python's lock inside its loops, so threads that work on separate blocks really run at
once. A matrix product inside such a block must not start threads of its own: while blocks run, BLAS is
limited to one thread (`blas.py`). Where threads do not exist or cannot start (in a browser), the same
code runs serially.

The number of threads is that of the usable cores, or TINYUNET_NUM_THREADS.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np

from tinyunet.engine.blas import one_blas_thread
from tinyunet.engine.interrupts import uninterrupted

Band = tuple[slice, slice]  # images, and rows in them

LEAST_SHARED = 1 << 18  # numbers: work on fewer is done before it has been shared out

# ---------------------------------------------------------------------- threads


def num_threads() -> int:
    """Return how many threads work at once: TINYUNET_NUM_THREADS, or the usable cores."""
    wanted = os.environ.get("TINYUNET_NUM_THREADS", "")
    if not wanted:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"TINYUNET_NUM_THREADS must be a whole number from 1, got {wanted!r}")
    return int(wanted)


def each(
    work: Callable[[Any], None], items: Iterable, xp: Any = np, numbers: int = LEAST_SHARED
) -> None:
    """Call ``work(item)`` for every item, on several threads; whoever is free takes the next.

    This thread begins with the first, the others with the last: so most of what a thread reads of a
    layer's input is in its own core's cache, where it wrote it a layer before.

    An exception in any of them is raised here, after all threads have stopped. For CuPy's arrays
    (`xp` is their module) the calls come one after the other: a GPU is parallel in itself. So do those
    for items that have less than `LEAST_SHARED` `numbers` together.
    """
    items = list(items)
    if xp is not np:
        for item in items:
            work(item)
        return
    queue = collections.deque(items)  # taking an item from either end is atomic

    def take_turns(take: Callable[[], Any]) -> None:
        try:
            for item in _taken(take):
                work(item)
        finally:
            queue.clear()  # after an exception nobody begins another item

    begun, ended, errors = [], [], []
    news: SimpleQueue = SimpleQueue()

    def help_out() -> None:
        begun.append(None)
        try:
            take_turns(queue.pop)
        except BaseException as error:
            errors.append(error)
        finally:
            ended.append(None)
            news.put(None)

    def wait() -> None:
        queue.clear()  # Ctrl-C may have come before anybody's turn
        # Who has not begun by now will find nothing to do, and to wait for it could be for ever: where
        # `each` runs inside `each`, the pool's threads all wait here.
        while len(ended) < len(begun):
            news.get()

    helpers = min(num_threads(), len(items)) - 1 if numbers >= LEAST_SHARED else 0
    with one_blas_thread():
        try:
            try:
                _start(help_out, helpers)
                take_turns(queue.popleft)
            finally:
                wait()
        finally:
            wait()  # again: Ctrl-C may have come while waiting, and threads still use the arrays
    for error in errors:
        raise error


def _taken(take: Callable[[], Any]) -> Iterator[Any]:
    """Yield what `take` takes out of a deque, until nothing is left."""
    while True:
        try:
            item = take()
        except IndexError:
            return
        yield item


def total(
    work: Callable[[Any], tuple], items: Iterable, xp: Any = np, numbers: int = LEAST_SHARED
) -> tuple:
    """Add up the tuples of arrays that ``work(item)`` returns for every item, on several threads.

    Floating-point sums depend on their order, so the order is fixed: each group of items is added up
    from its first to its last, then the groups are. The result never depends on which thread is
    faster. What `work` returns may be scratch memory; on a GPU, which has none, it is added to.
    `xp` and `numbers` are those of `each`.
    """
    items = list(items)
    groups = min(num_threads(), len(items)) if xp is np else 1
    sums: list[list] = [[] for _ in range(groups)]

    def add_up(i: int) -> None:
        for item in items[i * len(items) // groups : (i + 1) * len(items) // groups]:
            parts = work(item)
            if not sums[i]:
                sums[i] = [part.copy() if xp is np else part for part in parts]
            else:
                for group_sum, part in zip(sums[i], parts, strict=True):
                    group_sum += part

    each(add_up, range(groups), xp, numbers)
    for group in sums[1:]:
        for first, part in zip(sums[0], group, strict=True):
            first += part
    return tuple(sums[0])


def bands(shape: tuple[int, ...], xp: Any = np, size: int = 1 << 16) -> list[Band]:
    """Cut images (N, H, ...) into bands of rows of about `size` numbers, which stay in cache.

    For CuPy's arrays there is one band with everything: a GPU likes large pieces.
    """
    n, height, *rest = shape
    row = math.prod(rest)
    if xp is not np:
        return [(slice(0, n), slice(0, height))]
    if height * row <= size:  # several whole images
        step = max(1, size // (height * row))
        return [(slice(i, min(i + step, n)), slice(0, height)) for i in range(0, n, step)]
    step = max(1, size // row)
    return [
        (slice(i, i + 1), slice(top, min(top + step, height)))
        for i in range(n)
        for top in range(0, height, step)
    ]


class _Pool:
    """Threads that run what is put into their queue.

    All that a caller on the main thread does here is atomic or may be done again: Python's own pools
    break if Ctrl-C comes while they are given work, and wait for ever afterwards.
    """

    def __init__(self) -> None:
        self.tasks: SimpleQueue = SimpleQueue()
        self.threads: list[threading.Thread] = []

    def grow(self, count: int) -> None:
        """Start threads until there are so many, or until no more can start."""
        with contextlib.suppress(RuntimeError), uninterrupted():  # "can't start new thread"
            while len(self.threads) < count:
                name = f"tinyunet_{len(self.threads)}"
                thread = threading.Thread(target=_work, args=(self.tasks,), name=name, daemon=True)
                thread.start()
                self.threads.append(thread)

    def __del__(self) -> None:
        for _ in self.threads:
            self.tasks.put(None)


def _work(tasks: SimpleQueue) -> None:
    """What a pool's thread does, until it gets None."""
    while (task := tasks.get()) is not None:
        task()
        del task  # it holds arrays, and the next may be long in coming


_executor: _Pool | None = None
_executor_lock = threading.Lock()


def _start(task: Callable[[], None], helpers: int) -> None:
    """Start `task` on up to so many pool threads; on none where threads cannot start.

    It runs there as it would here: within ``with np.errstate(...)`` without warnings, for instance.
    """
    if helpers < 1:
        return
    with _executor_lock: pool = _pool(helpers)  # fmt: skip # noqa: E701 (see blas.py)
    for _ in pool.threads[:helpers]:  # without threads it would stay in the queue for ever
        pool.tasks.put(functools.partial(contextvars.copy_context().run, task))


def _pool(helpers: int) -> _Pool:
    """The threads, so many if they can start; call it with the lock."""
    global _executor
    if _executor is None:
        _executor = _Pool()
    if len(_executor.threads) < helpers:
        _executor.grow(helpers)
    return _executor


def _after_fork() -> None:
    """A forked process has none of its parent's threads: none work, and none hold the lock."""
    global _executor, _executor_lock
    _executor, _executor_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
