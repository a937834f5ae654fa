"""Arrays that are too large for memory: in a temporary file, written and read by windows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

IN_MEMORY = 64 * 2**20  # bytes, up to which there is no file


class Scratch:
    """A map (H, W) that takes and gives windows: ``scratch[top:bottom, left:right]``.

    Up to 64 MiB it is in memory. A larger one is in a temporary file without a name, which is gone
    when the process is, however that ends. It is read and written, not mapped: a full disk raises an
    error, where a mapped file would end the process.

    Parameters
    ----------
    shape
        (H, W).
    dtype
        What is given is cast to it.
    folder
        Where the file goes; None: where the system keeps such files.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.typing.DTypeLike, folder: Path | None):
        self.shape, self.dtype = (int(shape[0]), int(shape[1])), np.dtype(dtype)
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=folder)  # noqa: SIM115

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """A copy of a window. What has never been written is undefined."""
        rows, columns = self._bounds(window)
        values = np.zeros((len(rows), len(columns)), self.dtype)
        for part, row in self._runs(values, rows, columns):
            self._file.seek(self._offset(row, columns.start))
            self._file.readinto(memoryview(part).cast("B"))
        return values

    def __setitem__(self, window: tuple[slice, slice], values: np.ndarray) -> None:
        rows, columns = self._bounds(window)
        values = np.ascontiguousarray(values, self.dtype).reshape(len(rows), len(columns))
        for part, row in self._runs(values, rows, columns):
            self._file.seek(self._offset(row, columns.start))
            self._file.write(memoryview(part).cast("B"))

    def close(self) -> None:
        """Delete it."""
        self._file.close()

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bounds(self, window: tuple[slice, slice]) -> tuple[range, range]:
        rows, columns = (range(n)[place] for place, n in zip(window, self.shape, strict=True))
        if rows.step != 1 or columns.step != 1:
            raise ValueError(f"a window is two slices without a step, got {window}")
        return rows, columns

    def _runs(
        self, values: np.ndarray, rows: range, columns: range
    ) -> list[tuple[np.ndarray, int]]:
        """What lies in one piece in the file: everything, or each row; and the row it begins in."""
        if not values.size:
            return []
        if len(columns) == self.shape[1]:
            return [(values, rows.start)]
        return list(zip(values, rows, strict=True))

    def _offset(self, row: int, column: int) -> int:
        return (row * self.shape[1] + column) * self.dtype.itemsize


class ScratchPlanes:
    """Maps (H, W, K), plane by plane: ``planes[rows, columns]`` is (h, w, K), `planes.plane(k)` one."""

    def __init__(
        self, shape: tuple[int, int, int], dtype: np.typing.DTypeLike, folder: Path | None
    ):
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._planes = [Scratch(shape[:2], dtype, folder) for _ in range(shape[2])]

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        return np.stack([plane[window] for plane in self._planes], axis=2)

    def __setitem__(self, window: tuple[slice, slice], values: np.ndarray) -> None:
        for k, plane in enumerate(self._planes):
            plane[window] = values[..., k]

    def plane(self, k: int) -> Scratch:
        """One of the K maps."""
        return self._planes[k]

    def close(self) -> None:
        """Delete all."""
        for plane in self._planes:
            plane.close()

    def __enter__(self) -> ScratchPlanes:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
