"""MaxPool2d; its inverse is in `unpool.py`."""

from __future__ import annotations

import math

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, array_module, pair
from tinyunet.engine.elementwise import copy, fill, fused, over_bands
from tinyunet.engine.memory import empty, scratch
from tinyunet.engine.threads import bands, each
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer
from tinyunet.layers.pool_nodes import write_pool
from tinyunet.layers.winners import add_up, first_winner, largest, route

BAND = 1 << 16  # numbers of output: with fewer, threads wait for Python's lock between short calls


class MaxPool2d(Layer):
    """The largest value of every kernel_size window.

    The output is that one input value, so its gradient goes to that pixel and to no other; a pixel that
    won in several windows, which may overlap, gets the sum. The first maximum of a window wins (row by
    row): after a ReLU, windows of equal zeros are normal.

    Parameters
    ----------
    kernel_size
        The window: an int or a (height, width) pair.
    stride
        From window to window; by default the windows lie side by side. Then they must divide the
        input's sides, unless with `ceil_mode`: otherwise pixels at the border would have no say.
    padding
        Rows and columns around the image that never win, up to half a window.
    ceil_mode
        Whether the last window may reach beyond the image, to take the maximum of what is there:

            H' = ceil((H + 2 padding - kernel) / stride) + 1, less 1 if that window began beyond all

        Otherwise that is rounded down.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int] = 2,
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "kernel_size", 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "stride", 1)
        self.padding, self.ceil_mode = pair(padding, "padding", 0), bool(ceil_mode)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(f"padding must be at most half of {self.kernel_size}, got {padding}")
        self.winners: Array | None = None  # of the latest forward, see `remember_winners`
        self.seen = 0, 0  # the size of the image to which the winners belong
        self._remembers = False

    def forward(self, x: Array) -> Array:
        """Return the maxima (N, H', W', C) of x (N, H, W, C)."""
        self._check_image(x)
        xp, x_shape, x = array_module(x), x.shape, self._framed(x, -math.inf)
        corners, winner = self._corners(x), None
        if self._held is None:
            y = empty(xp, corners[0].shape, x.dtype)
            if xp is np:
                over_bands(self._largest_by_rows, y, *self._lines(x), size=BAND)
            else:
                fused(largest, xp)(y, *corners)
        else:  # the winners are given: see held_decisions
            winner = self._decide(first_winner(corners))
            y = sum(xp.where(winner == i, corner, 0) for i, corner in enumerate(corners))
        if self._remembers:
            self.winners = first_winner(corners) if winner is None else winner
            self.seen = x_shape[1:3]
        self._keep(y, x, y, winner, x_shape)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy at the first maximum of each window and else 0."""
        x, y, winner, x_shape = self._take(dy)
        if not input_gradient:
            return None
        xp = array_module(dy)
        dx = empty(xp, x.shape, dy.dtype)
        dcorners, corners = self._corners(dx), self._corners(x)
        if self.stride == self.kernel_size:  # each pixel lies in one window
            over_bands(fused(route, xp), dy, y, winner, *dcorners, *corners, size=BAND)
        else:
            fill(dx, 0)
            winner = first_winner(corners) if winner is None else winner
            images = [images for images, _ in bands((len(dy), 1, dy[0].size), xp)]
            each(lambda i: add_up(dy[i], winner[i], [d[i] for d in dcorners]), images, xp)
        return self._cut(dx, x_shape)

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls MaxPool; for an unpooling, leave where the maxima were."""
        sides = self.kernel_size, self.stride, self.padding
        y, *places = write_pool(graph, x, *sides, self.ceil_mode, self._remembers)
        if places:
            graph.left[self] = x, *places
        return y

    def decisions(self) -> list[Array]:
        """Return which corner of each window won, numbered row by row: (N, H', W', C)."""
        if self._kept is None:
            return []
        x, _, winner, _ = self._kept[-1]
        return [first_winner(self._corners(x)) if winner is None else winner]

    def remember_winners(self) -> None:
        """From now on, note in `winners` which corners won, until `take_winners` asks for them."""
        self._remembers = True

    def take_winners(self) -> Array | None:
        """Give away the winners of the latest forward: as `decisions`, but in eval too, and once."""
        winners, self.winners = self.winners, None
        return winners

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the output's (height, width) for an input's."""
        rows, columns = (self._windows((height, width)[axis], axis) for axis in (0, 1))
        return rows, columns

    def _windows(self, side: int, axis: int) -> int:
        """How many windows there are along a side."""
        k, s, p = self.kernel_size[axis], self.stride[axis], self.padding[axis]
        spare = side + 2 * p - k
        if not self.ceil_mode:
            return spare // s + 1
        count = -(-spare // s) + 1
        return count - 1 if (count - 1) * s >= side + p else count

    def _frame(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that the windows cover, from the padding on."""
        counts = self.output_size(height, width)
        rows, columns = (
            (n - 1) * s + k for n, s, k in zip(counts, self.stride, self.kernel_size, strict=True)
        )
        return rows, columns

    def _framed(self, x: Array, value: float) -> Array:
        """Return what the windows cover of images x (N, H, W, C), with `value` beyond their borders."""
        n, height, width, channels = x.shape
        if min(self.output_size(height, width)) < 1:
            raise ValueError(f"{self} got an input smaller than its window: shape {x.shape}")
        frame = self._frame(height, width)
        if frame == (height, width) and self.padding == (0, 0):
            return x
        if self._plain():
            kh, kw = self.kernel_size
            raise ValueError(
                f"{self} cannot divide {height}x{width}: sides must be multiples of {kh} and {kw}, or "
                "ceil_mode be True"
            )
        framed = empty(array_module(x), (n, *frame, channels), x.dtype)
        fill(framed, value)
        inside = self._inside(frame, height, width)
        copy(framed[inside], x[:, : framed[inside].shape[1], : framed[inside].shape[2]])
        return framed

    def _cut(self, framed: Array, shape: tuple[int, ...]) -> Array:
        """Return images of a shape (N, H, W, C) out of their frame, 0 where no window lay."""
        _, height, width, _ = shape
        if framed.shape == shape and self.padding == (0, 0):
            return framed
        part = framed[self._inside(framed.shape[1:3], height, width)]
        if part.shape == shape:
            return part
        x = empty(array_module(framed), shape, framed.dtype)
        fill(x, 0)
        copy(x[:, : part.shape[1], : part.shape[2]], part)
        return x

    def _inside(self, frame: tuple[int, ...], height: int, width: int) -> tuple[slice, ...]:
        """Where in its frame an image lies."""
        rows, columns = (
            slice(p, min(p + side, end))
            for p, side, end in zip(self.padding, (height, width), frame, strict=True)
        )
        return slice(None), rows, columns

    def _plain(self) -> bool:
        """Whether windows tile an image, and none reaches beyond it."""
        return self.stride == self.kernel_size and self.padding == (0, 0) and not self.ceil_mode

    def _largest_by_rows(self, y: np.ndarray, *lines: np.ndarray) -> None:
        """Set y to the largest of each window: first of its lines, which lie dense in memory."""
        line = scratch("line", lines[0].shape, y.dtype)
        largest(np, line, *lines)
        largest(np, y, *self._columns(line))

    def _corners(self, x: Array) -> list[Array]:
        """Return a frame's pixels at each place of the window, row by row: views (N, H', W', C)."""
        return [corner for line in self._lines(x) for corner in self._columns(line)]

    def _lines(self, x: Array) -> list[Array]:
        """Return a frame's rows at each height in the window: views (N, H', W, C)."""
        (height, _), (step, _), rows = self.kernel_size, self.stride, x.shape[1]
        return [x[:, p : p + rows - height + 1 : step] for p in range(height)]

    def _columns(self, x: Array) -> list[Array]:
        """Return a frame's columns at each place across the window: views (N, H, W', C)."""
        (_, width), (_, step), columns = self.kernel_size, self.stride, x.shape[2]
        return [x[:, :, q : q + columns - width + 1 : step] for q in range(width)]

    def _describe(self) -> str:
        parts = [f"kernel_size={self.kernel_size}"]
        parts += [f"stride={self.stride}"] if self.stride != self.kernel_size else []
        parts += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        parts += ["ceil_mode=True"] if self.ceil_mode else []
        return ", ".join(parts)
