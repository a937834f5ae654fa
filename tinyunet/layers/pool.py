"""MaxPool2d and its inverse MaxUnpool2d."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import ModuleType

from tinyunet.engine.arrays import Array, MaybeArray, array_module, pair
from tinyunet.engine.elementwise import fused
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, bands, each
from tinyunet.layers.layer import Layer

BAND = 1 << 14  # numbers of output in a band: with the input under them, half a core's L2 cache


class MaxPool2d(Layer):
    """The largest value of every kernel_size window, without overlaps.

    The output is that one input value, so its gradient goes to that pixel and to no other. The first
    maximum of a window wins (row by row): after a ReLU, windows of equal zeros are normal.

    Parameters
    ----------
    kernel_size
        The window, and the stride: an int or a (height, width) pair. It must divide the input's
        sides: otherwise pixels at the border would have no say.
    """

    def __init__(self, kernel_size: int | tuple[int, int] = 2) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "kernel_size", 1)
        self.winners: Array | None = None  # kept for a MaxUnpool2d, where there is one
        self._feeds_unpool = False

    def forward(self, x: Array) -> Array:
        """Return the maxima (N, H / kh, W / kw, C) of x (N, H, W, C)."""
        self._check_image(x)
        kh, kw = self.kernel_size
        n, height, width, channels = x.shape
        if height % kh or width % kw:
            raise ValueError(
                f"{self} cannot divide {height}x{width}: sides must be multiples of {kh} and {kw}"
            )
        xp = array_module(x)
        if self._held is None:
            y, winner = empty(xp, (n, height // kh, width // kw, channels), x.dtype), None

            def largest(band: Band) -> None:
                fused(_largest, xp)(y[band], *self._corners(x[_under(band, kh)]))

            each(largest, bands(y.shape, xp, BAND), xp)
        else:
            corners = list(self._corners(x))
            winner = self._decide(_first_winner(corners))
            y = sum(xp.where(winner == i, corner, 0) for i, corner in enumerate(corners))
        if self._feeds_unpool:
            self.winners = _first_winner(list(self._corners(x))) if winner is None else winner
        self._keep(y, x, y, winner)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy at the first maximum of each window and else 0."""
        x, y, winner = self._take(dy)
        if not input_gradient:
            return None
        xp, kh = array_module(dy), self.kernel_size[0]
        dx = empty(xp, x.shape, dy.dtype)

        def route(band: Band) -> None:
            corners = (self._corners(image[_under(band, kh)]) for image in (dx, x))
            won = None if winner is None else winner[band]
            fused(_route, xp)(dy[band], y[band], won, *itertools.chain(*corners))

        each(route, bands(y.shape, xp, BAND), xp)
        return dx

    def decisions(self) -> list[Array]:
        """Return which corner of each window won, numbered row by row: (N, H / kh, W / kw, C)."""
        if self._kept is None:
            return []
        x, _, winner = self._kept[-1]
        return [_first_winner(list(self._corners(x))) if winner is None else winner]

    def _corners(self, x: Array) -> Iterator[Array]:
        """Yield x's pixels at each place of the window, row by row, as views (N, H / kh, W / kw, C)."""
        kh, kw = self.kernel_size
        return (x[:, p::kh, q::kw] for p in range(kh) for q in range(kw))

    def _describe(self) -> str:
        return f"kernel_size={self.kernel_size}"


class MaxUnpool2d(Layer):
    """Put values back where a max-pooling took them from, with zeros elsewhere (SegNet's decoder).

    With y[winner] = x and y = 0 elsewhere, dx = dy[winner].

    Parameters
    ----------
    pool
        The `MaxPool2d` whose winners in its latest forward say where values go.
    """

    def __init__(self, pool: MaxPool2d) -> None:
        super().__init__()
        self._pool = pool  # a reference, not a part: it is listed where it is defined
        pool._feeds_unpool = True

    def forward(self, x: Array) -> Array:
        """Return y (N, H * kh, W * kw, C) from x (N, H, W, C)."""
        self._check_image(x)
        winner = self._pool.winners
        if winner is None or winner.shape != x.shape:
            seen = (
                "has run no forward yet, or none since the last unpooling"
                if winner is None
                else f"pooled to {winner.shape}"
            )
            raise ValueError(f"{self} got an input of shape {x.shape}, but its pool {seen}")
        kh, kw = self._pool.kernel_size
        n, height, width, channels = x.shape
        y = array_module(x).empty((n, height * kh, width * kw, channels), x.dtype)
        for i, corner in enumerate(self._pool._corners(y)):
            corner[...] = x * (winner == i)
        self._pool.winners = None
        self._keep(y, winner)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy read at the winners."""
        (winner,) = self._take(dy)
        if not input_gradient:
            return None
        return sum(c * (winner == i) for i, c in enumerate(self._pool._corners(dy)))

    def _describe(self) -> str:
        return f"kernel_size={self._pool.kernel_size}"


def _under(band: Band, kh: int) -> Band:
    """The rows of the input under a band of the output's."""
    images, rows = band
    return images, slice(rows.start * kh, rows.stop * kh)


def _largest(xp: ModuleType, y: Array, first: Array, *others: Array) -> None:
    """Set y to the largest of the corners of each window."""
    y[...] = first
    for corner in others:
        xp.maximum(y, corner, out=y)


def _route(xp: ModuleType, dy: Array, y: Array, winner: Array | None, *corners: Array) -> None:
    """Set the gradients of the corners, which come first, from dy; then come the corners."""
    count = len(corners) // 2
    unclaimed = dy.copy()  # what no earlier corner of the window has taken
    for i, (dcorner, corner) in enumerate(zip(corners[:count], corners[count:], strict=True)):
        won = xp.equal(corner, y) if winner is None else xp.equal(winner, i)
        dcorner[...] = unclaimed * won
        unclaimed -= dcorner


def _first_winner(corners: list[Array]) -> Array:
    """Return the index of the first corner that holds the largest value of its window."""
    xp = array_module(corners[0])
    best, winner = corners[0], xp.zeros(corners[0].shape, "int32")
    for i, corner in enumerate(corners[1:], start=1):
        better = corner > best
        winner = xp.where(better, i, winner)
        best = xp.where(better, corner, best)
    return winner
