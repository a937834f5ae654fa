"""Many masks in little memory: compressed, and changed only when they are asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np


class Packed(Sequence):
    """Arrays, compressed: masks shrink to a hundredth or so. Asked for one, it unpacks that one."""

    def __init__(self, arrays: Iterable[np.ndarray] = ()):
        self._packed: list[tuple[bytes, tuple[int, ...], np.dtype, np.dtype]] = []
        for array in arrays:
            self.append(array)

    def append(self, array: np.ndarray) -> None:
        """Add one; integers are kept in as few bytes as their values need."""
        small = array
        if array.dtype.kind in "iu" and array.size:
            least, most = int(array.min()), int(array.max())
            small = array.astype(np.result_type(*map(np.min_scalar_type, (least, most))))
        packed = zlib.compress(np.ascontiguousarray(small).data, 1)
        self._packed.append((packed, array.shape, small.dtype, array.dtype))

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, place: int) -> np.ndarray:  # type: ignore[override]
        packed, shape, stored, dtype = self._packed[place]
        return np.frombuffer(zlib.decompress(packed), stored).reshape(shape).astype(dtype)


class Mapped(Sequence):
    """What a function makes of each of some arrays, whenever it is asked for."""

    def __init__(self, arrays: Sequence[np.ndarray], change: Callable[[np.ndarray], np.ndarray]):
        self._arrays, self._change = arrays, change

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, place: int) -> np.ndarray:  # type: ignore[override]
        return self._change(self._arrays[place])
