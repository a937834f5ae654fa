"""Run blocks of work on threads, each with one BLAS thread.

NumPy releases Python's lock inside its loops, so threads that work on separate blocks really run at
once. A matrix product inside such a block must not start threads of its own: while blocks run, BLAS is
limited to one thread, and afterwards it is as the user had it. Where threads do not exist or cannot
start (in a browser), the same code runs serially.

The number of threads is that of the usable cores, or TINYUNET_NUM_THREADS.
"""

from __future__ import annotations

import collections
import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

Band = tuple[slice, slice]  # images, and rows in them

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


def each(work: Callable[[Any], None], items: Iterable, xp: Any = np) -> None:
    """Call ``work(item)`` for every item, on several threads; whoever is free takes the next.

    An exception in any of them is raised here, after all threads have stopped. For CuPy's arrays
    (`xp` is their module) the calls come one after the other: a GPU is parallel in itself.
    """
    items = list(items)
    if xp is not np:
        for item in items:
            work(item)
        return
    queue = iter(items)  # taking the next from a list's iterator is atomic

    def take_turns() -> None:
        try:
            for item in queue:
                work(item)
        finally:
            collections.deque(queue, maxlen=0)  # after an exception nobody begins another item

    helpers = min(num_threads(), len(items)) - 1

    with one_blas_thread():
        futures = _start(take_turns, helpers)
        try:
            take_turns()
        finally:
            # What no thread has begun by now has nothing left to do, and to wait for it could be for
            # ever: where `each` runs inside `each`, the pool's threads all wait here.
            errors = [future.exception() for future in futures if not future.cancel()]
    for error in errors:
        if error is not None:
            raise error


def total(work: Callable[[Any], tuple], items: Iterable, xp: Any = np) -> tuple:
    """Add up the tuples of arrays that ``work(item)`` returns for every item, on several threads.

    Floating-point sums depend on their order, so the order is fixed: each group of items is added up
    from its first to its last, then the groups are. The result never depends on which thread is
    faster. What `work` returns may be scratch memory; on a GPU, which has none, it is added to.
    """
    items = list(items)
    groups = min(num_threads(), len(items)) if xp is np else 1
    sums: list[list] = [[] for _ in range(groups)]

    def add_up(i: int) -> None:
        for item in items[i::groups]:
            parts = work(item)
            if not sums[i]:
                sums[i] = [part.copy() if xp is np else part for part in parts]
            else:
                for group_sum, part in zip(sums[i], parts, strict=True):
                    group_sum += part

    each(add_up, range(groups), xp)
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


_executor: ThreadPoolExecutor | None = None
_executor_lock = threading.Lock()


def _start(task: Callable[[], None], helpers: int) -> list[Future]:
    """Start `task` on up to so many pool threads; on none where threads cannot start."""
    global _executor
    if helpers < 1:
        return []
    with _executor_lock:
        if _executor is None or _executor._max_workers < helpers:
            _executor = ThreadPoolExecutor(helpers, thread_name_prefix="tinyunet")
        executor = _executor
    futures = []
    try:
        for _ in range(helpers):
            futures.append(executor.submit(task))
    except RuntimeError:  # "can't start new thread"
        _forget_threads()  # the task waits in their queue, where it would hold its arrays for ever
    return futures


def _forget_threads() -> None:
    """Start new threads next time; those there are finish their work and end."""
    global _executor
    _executor = None


class _BlasLimit:
    """Counts who needs BLAS limited: the first to come limits it, the last to go restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.libraries: list | None = None  # finding them costs 1 ms
        self.users = 0
        self.before: list[int] = []

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                if self.libraries is None:
                    self.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self.before = [library.num_threads for library in self.libraries]
                self._set([1] * len(self.libraries))
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self._set(self.before)

    def _set(self, counts: list[int]) -> None:
        """Set each library's number of threads.

        Since threadpoolctl 3.8, OpenBLAS obeys the first thread that set its number and ignores all
        others. Here the first to come and the last to go may be different threads, so nobody owns it.
        """
        for library, count in zip(self.libraries, counts, strict=True):
            disown = getattr(library, "clear_controlling_thread", lambda force: None)
            disown(force=True)
            library.set_num_threads(count)
            disown(force=True)


_blas = _BlasLimit()


def _after_fork() -> None:
    """A forked process has none of its parent's threads: none work, hold locks or limit BLAS."""
    global _executor_lock
    _executor_lock = threading.Lock()
    _forget_threads()
    _blas.lock = threading.Lock()
    if _blas.users:
        _blas.users = 0
        _blas._set(_blas.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while the context lasts; contexts may overlap on several threads."""
    _blas.enter()
    try:
        yield
    finally:
        _blas.leave()
