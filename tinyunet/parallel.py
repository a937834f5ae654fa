"""Run blocks of work on threads, each with one BLAS thread, and reuse memory.

NumPy releases Python's lock inside its loops, so threads that work on separate blocks really run at
once. A matrix product inside such a block must not start threads of its own: while blocks run, BLAS is
limited to one thread, and afterwards it is as the user had it. Where threads do not exist or cannot
start (in a browser), the same code runs serially.

The number of threads is that of the usable cores, or TINYUNET_NUM_THREADS.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import math
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

# ---------------------------------------------------------------------- threads


def num_threads() -> int:
    """Return how many threads work at once: TINYUNET_NUM_THREADS, or the usable cores."""
    wanted = os.environ.get("TINYUNET_NUM_THREADS", "")
    if not wanted:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if not wanted.isdigit() or int(wanted) < 1:
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
        for item in queue:
            work(item)

    helpers = min(num_threads(), len(items)) - 1

    with one_blas_thread():
        futures = _start(take_turns, helpers)
        try:
            take_turns()
        finally:
            collections.deque(queue, maxlen=0)  # after an exception nobody begins another item
            errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


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
    with contextlib.suppress(RuntimeError):  # "can't start new thread"
        for _ in range(helpers):
            futures.append(executor.submit(task))
    # A thread that failed to start leaves its task queued: nobody would ever run it.
    return [future for future in futures if executor._threads or not future.cancel()]


class _BlasLimit:
    """Counts who needs BLAS limited: the first to come limits it, the last to go restores it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.controller: ThreadpoolController | None = None  # finding the libraries costs 1 ms
        self.users = 0
        self.limiter: Any = None

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.controller = self.controller or ThreadpoolController()
                self.limiter = self.controller.limit(limits=1, user_api="blas")
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.limiter.restore_original_limits()


_blas = _BlasLimit()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while the context lasts; contexts may overlap on several threads."""
    _blas.enter()
    try:
        yield
    finally:
        _blas.leave()


# ---------------------------------------------------------------------- scratch memory


class _Scratch(threading.local):
    """Each thread's work arrays by name."""

    def __init__(self) -> None:
        self.arrays: dict[tuple, np.ndarray] = _Arrays()
        _all_scratch.add(self.arrays)


class _Arrays(dict):
    """A dict that can be weakly referenced, and hashed by its identity."""

    __hash__ = object.__hash__


_all_scratch: weakref.WeakSet = weakref.WeakSet()
_scratch = _Scratch()


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return this thread's work array of that name, with arbitrary contents.

    It is valid until the same thread asks for the same name again, so it must never leave the
    function that asked. Blocks are sized for a core's cache, which bounds what is kept.
    """
    n, dtype = math.prod(shape), np.dtype(dtype)
    key = name, dtype
    array = _scratch.arrays.get(key)
    if array is None or array.size < n:
        array = _scratch.arrays[key] = np.empty(n, dtype)
    return array[:n].reshape(shape)


# ---------------------------------------------------------------------- host memory pool


class HostPool:
    """Memory for large arrays that goes back into the pool when the last reference to it dies.

    Fresh memory costs a page fault for every 4 KiB, as much time as filling it. The pool is in the
    manner of CuPy's: nothing is reused while any view of it lives.

    Finalizers may run anywhere, even inside `empty`, so nothing here takes a lock: appending to and
    popping from a deque are atomic.

    Parameters
    ----------
    capacity
        Bytes of free memory to keep at most.
    smallest
        Arrays of fewer bytes come from NumPy.
    """

    def __init__(self, capacity: int = 4 << 30, smallest: int = 1 << 18) -> None:
        self.capacity, self.smallest = capacity, smallest
        self._free: dict[int, collections.deque] = collections.defaultdict(collections.deque)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return a new array with arbitrary contents."""
        dtype = np.dtype(dtype)
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < self.smallest:
            return np.empty(shape, dtype)
        size = -(-nbytes // self.smallest) * self.smallest
        try:
            block = self._free[size].pop()
        except IndexError:
            block = np.empty(size, np.uint8)
        owner = (ctypes.c_char * nbytes).from_buffer(block)  # every view keeps this object alive
        weakref.finalize(owner, self._give_back, size, block).atexit = False
        return np.frombuffer(owner, dtype).reshape(shape)

    def _give_back(self, size: int, block: np.ndarray) -> None:
        if self.free_bytes() + size <= self.capacity:
            self._free[size].append(block)

    def free_bytes(self) -> int:
        """Bytes that wait for reuse."""
        return sum(size * len(blocks) for size, blocks in list(self._free.items()))

    def release(self) -> None:
        """Give all free memory back to the system."""
        for blocks in list(self._free.values()):
            blocks.clear()


pool = HostPool()


def empty(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a new array of module `xp` with arbitrary contents, from a memory pool."""
    return pool.empty(shape, dtype) if xp is np else xp.empty(shape, dtype)


def release() -> None:
    """Give the pool's free memory and all scratch memory back to the system."""
    pool.release()
    for arrays in list(_all_scratch):
        arrays.clear()
