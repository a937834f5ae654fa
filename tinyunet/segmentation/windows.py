"""Maps of any size, of which only windows are in memory."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

STRIP = 2**22  # pixels
Box = tuple[slice, slice]


class Window(Protocol):
    """What takes and gives windows, ``x[rows, columns]``: an array, a `Scratch`, a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or more."""

    def __getitem__(self, window: Any, /) -> np.ndarray: ...

    def __setitem__(self, window: Any, values: Any, /) -> None: ...


def strips_of(shape: tuple[int, ...], rows: int | None = None) -> list[slice]:
    """Rows of an image in strips of `rows`, or of as many as make 4 million pixels."""
    rows = rows or max(1, STRIP // shape[1])
    return [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]
