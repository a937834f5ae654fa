"""MaxPool2d and its inverse MaxUnpool2d."""

from __future__ import annotations

from types import ModuleType

from tinyunet.engine.arrays import Array, MaybeArray, array_module, pair
from tinyunet.engine.elementwise import fused, over_bands
from tinyunet.engine.memory import empty
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
        self.winners: Array | None = None  # of the latest forward, see `remember_winners`
        self._remembers = False

    def forward(self, x: Array) -> Array:
        """Return the maxima (N, H / kh, W / kw, C) of x (N, H, W, C)."""
        self._check_image(x)
        (kh, kw), (n, height, width, channels) = self.kernel_size, x.shape
        if height % kh or width % kw:
            raise ValueError(
                f"{self} cannot divide {height}x{width}: sides must be multiples of {kh} and {kw}"
            )
        xp, corners, winner = array_module(x), self._corners(x), None
        if self._held is None:
            y = empty(xp, (n, height // kh, width // kw, channels), x.dtype)
            over_bands(fused(_largest, xp), y, *corners, size=BAND)
        else:  # the winners are given: see held_decisions
            winner = self._decide(_first_winner(corners))
            y = sum(xp.where(winner == i, corner, 0) for i, corner in enumerate(corners))
        if self._remembers:
            self.winners = _first_winner(corners) if winner is None else winner
        self._keep(y, x, y, winner)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy at the first maximum of each window and else 0."""
        x, y, winner = self._take(dy)
        if not input_gradient:
            return None
        xp = array_module(dy)
        dx = empty(xp, x.shape, dy.dtype)
        corners = *self._corners(dx), *self._corners(x)
        over_bands(fused(_route, xp), dy, y, winner, *corners, size=BAND)
        return dx

    def decisions(self) -> list[Array]:
        """Return which corner of each window won, numbered row by row: (N, H / kh, W / kw, C)."""
        if self._kept is None:
            return []
        x, _, winner = self._kept[-1]
        return [_first_winner(self._corners(x)) if winner is None else winner]

    def remember_winners(self) -> None:
        """From now on, note in `winners` which corners won, until `take_winners` asks for them."""
        self._remembers = True

    def take_winners(self) -> Array | None:
        """Give away the winners of the latest forward: as `decisions`, but in eval too, and once."""
        winners, self.winners = self.winners, None
        return winners

    def _corners(self, x: Array) -> list[Array]:
        """Return x's pixels at each place of the window, row by row: views (N, H / kh, W / kw, C)."""
        kh, kw = self.kernel_size
        return [x[:, p::kh, q::kw] for p in range(kh) for q in range(kw)]

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
        pool.remember_winners()

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
        (kh, kw), (n, height, width, channels) = self._pool.kernel_size, x.shape
        y = array_module(x).empty((n, height * kh, width * kw, channels), x.dtype)
        for i, corner in enumerate(self._pool._corners(y)):
            corner[...] = x * (winner == i)
        self._keep(y, self._pool.take_winners())
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy read at the winners."""
        (winner,) = self._take(dy)
        if not input_gradient:
            return None
        return sum(c * (winner == i) for i, c in enumerate(self._pool._corners(dy)))

    def _describe(self) -> str:
        return f"kernel_size={self._pool.kernel_size}"


def _largest(xp: ModuleType, y: Array, first: Array, *others: Array) -> None:
    """Set y to the largest of the corners of each window."""
    y[...] = first
    for corner in others:
        xp.maximum(y, corner, out=y)


def _route(xp: ModuleType, dy: Array, y: Array, winner: Array | None, *corners: Array) -> None:
    """Set the gradients of the corners, which come first, from dy; then come the corners.

    Here ties are decided: corners are visited row by row, and the first that holds the maximum takes
    all of dy, so that nothing is left for a later one.
    """
    count = len(corners) // 2
    unclaimed = dy.copy()  # what no earlier corner of the window has taken
    for i, (dcorner, corner) in enumerate(zip(corners[:count], corners[count:], strict=True)):
        won = xp.equal(corner, y) if winner is None else xp.equal(winner, i)
        dcorner[...] = unclaimed * won
        unclaimed -= dcorner


def _first_winner(corners: list[Array]) -> Array:
    """Return the index of the first corner that holds the largest value of its window.

    Here, too, ties are decided: a later corner must be greater, not equal, to win.
    """
    xp = array_module(corners[0])
    best, winner = corners[0], xp.zeros(corners[0].shape, "int32")
    for i, corner in enumerate(corners[1:], start=1):
        better = corner > best
        winner = xp.where(better, i, winner)
        best = xp.where(better, corner, best)
    return winner
