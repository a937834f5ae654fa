"""Reuse memory: work arrays for each thread, and a pool for the arrays that layers return.

Fresh memory is slow. The system hands it out in pages of 4 KiB, each of which costs a fault at its
first touch: filling a fresh 100 MB array takes twice the time of filling one that was used before.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import math
import mmap
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

SLACK = 2.2  # a free block may be larger than what is asked for by this factor
SCRATCH_LIMIT = 1 << 26  # bytes; a larger work array is not kept

# ---------------------------------------------------------------------- fresh memory

HUGE = 1 << 21  # bytes of a huge page


def fresh(size: int) -> np.ndarray:
    """Return new memory (size,) in bytes; Linux is asked for huge pages where it has room for some.

    A processor finds a page of 2 MiB with one look-up where it would need 512. NumPy asks by itself
    from 4 MiB on, but begins anywhere in a page, and for a whole one where it ends.
    """
    # Not by whether Python knows the wish: it does in a browser, where there are none.
    if size < HUGE or not sys.platform.startswith("linux"):
        return np.empty(size, np.uint8)
    try:  # private, as a process's memory is; what is never touched takes none
        block = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError):  # NumPy asks for a little less, and says it in words
        return np.empty(size, np.uint8)
    start = -np.frombuffer(block, np.uint8).ctypes.data % HUGE
    with contextlib.suppress(OSError, AttributeError):  # a kernel, or a Python, without them
        block.madvise(mmap.MADV_HUGEPAGE, start, size // HUGE * HUGE)
    return np.frombuffer(block, np.uint8, size, start)


# ---------------------------------------------------------------------- scratch memory


class _Scratch(threading.local):
    """Each thread's work arrays by name."""

    def __init__(self) -> None:
        self.arrays: dict[tuple, np.ndarray] = _Arrays()
        _all_scratch[id(self.arrays)] = self.arrays


class _Arrays(dict):
    """A dict that can be weakly referenced."""


_all_scratch: weakref.WeakValueDictionary = weakref.WeakValueDictionary()
_scratch = _Scratch()


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return this thread's work array of that name, with arbitrary contents.

    It is valid until the same thread asks for the same name again, so it must never leave the
    function that asked. Blocks are sized for a core's cache; what is larger than SCRATCH_LIMIT comes
    from the pool instead.
    """
    n, dtype = math.prod(shape), np.dtype(dtype)
    if n * dtype.itemsize > SCRATCH_LIMIT:
        return pool.empty(shape, dtype)
    key = name, dtype
    array = _scratch.arrays.get(key)
    if array is None or array.size < n:
        array = _scratch.arrays[key] = fresh(n * dtype.itemsize).view(dtype)
    return array[:n].reshape(shape)


def row(value: np.ndarray | float, width: int, channels: int, dtype: Any) -> np.ndarray:
    """Return `value`, or one for each channel, repeated for a row of pixels: (width * channels,).

    NumPy works on the innermost axis in one go. Against an image (P, C), a bias of C numbers is a
    short axis, many times; against (rows, W * C) this row is a long one, up to five times faster.
    """
    wide = scratch("row", (width, channels), dtype)
    np.copyto(wide, value)
    return wide.reshape(-1)


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
        block = self._take(-(-nbytes // self.smallest) * self.smallest)
        owner = (ctypes.c_char * nbytes).from_buffer(block)  # every view keeps this object alive
        weakref.finalize(owner, self._give_back, block).atexit = False
        return np.frombuffer(owner, dtype).reshape(shape)

    def _take(self, size: int) -> np.ndarray:
        """Take the smallest free block that has this size or little more, or a new one."""
        for candidate in self._sizes(size):
            try:
                return self._free[candidate].pop()
            except IndexError:  # all are in use, or another thread was faster
                continue
        return fresh(size)

    def _sizes(self, size: int) -> Iterator[int]:
        """Yield the sizes that suit, from the smallest on: in a loop, mostly the first is there."""
        yield size
        yield from sorted(s for s in self._free.copy() if size < s <= SLACK * size)

    def _give_back(self, block: np.ndarray) -> None:
        if self.free_bytes() + block.size <= self.capacity:
            self._free[block.size].append(block)

    def free_bytes(self) -> int:
        """Bytes that wait for reuse."""
        return sum(size * len(blocks) for size, blocks in self._free.copy().items())

    def release(self) -> None:
        """Give all free memory back to the system."""
        for blocks in self._free.copy().values():
            blocks.clear()


pool = HostPool()


def empty(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a new array of module `xp` with arbitrary contents, from a memory pool."""
    return pool.empty(shape, dtype) if xp is np else xp.empty(shape, dtype)


def release() -> None:
    """Give the pool's free memory and all scratch memory back to the system."""
    pool.release()
    for reference in _all_scratch.valuerefs():  # a list: threads may come and go meanwhile
        arrays = reference()
        if arrays is not None:
            arrays.clear()
