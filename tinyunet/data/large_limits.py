"""What becomes 0 and 1 in an image of any size, exactly, without a copy of all its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from tinyunet.data.files.gray import PERCENTILE, noise_of, stretched
from tinyunet.engine.arrays import occurrences

KINDS = ("uint8", "uint16", "float32")
STRIP = 2**22  # values at a time
HALF = 2**16


class Stored(Protocol):
    """Pixels as they are stored: an array (H, W, C), or a page of a TIFF."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, C)."""

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""

    def __getitem__(self, window: tuple[slice, slice], /) -> np.ndarray: ...


def large_limits(stored: Stored, name: str | Path, stretch: bool = False) -> tuple[float, float]:
    """As `tinyunet.data.files.gray.limits`, for values of one of `KINDS`.

    A percentile lies between two values of neighbouring ranks. They are found by counting: every
    value is a number of 32 bits, in the same order; first its upper 16 are counted, then the lower
    16 of those whose upper ones are right.
    """
    if stored.dtype == np.uint8 and not stretch:
        return 0.0, 255.0
    n = int(np.prod(stored.shape))
    place = (n - 1) * PERCENTILE / 100
    rank = int(place)
    least, below, above, largest = _of_ranks(stored, (0, rank, min(rank + 1, n - 1), n - 1), name)
    bright = below + (place - rank) * (above - below)
    return stretched(least, bright, largest, noise_of(stored))


def _of_ranks(stored: Stored, ranks: tuple[int, ...], name: str | Path) -> list[float]:
    """The values of these ranks; 0 is the smallest."""
    upper = np.zeros(HALF, np.int64)
    for keys in _keys(stored, name):
        upper += occurrences(keys >> 16, minlength=HALF)
    sums = np.cumsum(upper)
    wanted = [int(np.searchsorted(sums, rank, side="right")) for rank in ranks]
    lower = {half: np.zeros(HALF, np.int64) for half in wanted}
    for keys in _keys(stored, name):
        for half, counts in lower.items():
            counts += occurrences(keys[keys >> 16 == half] % HALF, minlength=HALF)
    found = []
    for rank, half in zip(ranks, wanted, strict=True):
        rest = rank - (sums[half] - upper[half])
        key = half * HALF + int(np.searchsorted(np.cumsum(lower[half]), rest, side="right"))
        found.append(_value(key, stored.dtype))
    return found


def _keys(stored: Stored, name: str | Path) -> Iterator[np.ndarray]:
    """All values as uint32 that have their order, strip by strip."""
    rows = max(1, STRIP // (stored.shape[1] * stored.shape[2]))
    for top in range(0, stored.shape[0], rows):
        values = np.ascontiguousarray(stored[top : top + rows, :]).ravel()
        if values.dtype.kind == "u":
            yield values.astype(np.uint32) << 16
            continue
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: has NaN or infinite values; repair it or leave it out")
        bits = values.view(np.uint32)  # of negative numbers the order is the other way round
        yield np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _value(key: int, dtype: np.dtype) -> float:
    if dtype.kind == "u":
        return float(key >> 16)
    bits = key - (1 << 31) if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array(bits, np.uint32).view(np.float32))
