"""MaxUnpool2d, the inverse of a max-pooling."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, array_module, pair
from tinyunet.engine.elementwise import fill
from tinyunet.engine.memory import empty
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer
from tinyunet.layers.pool import MaxPool2d


class MaxUnpool2d(Layer):
    """Put values back where a max-pooling took them from, with zeros elsewhere (SegNet's decoder).

    With y[winner] = x and y = 0 elsewhere, dx = dy[winner].

    Parameters
    ----------
    pool
        The `MaxPool2d` whose winners in its latest forward say where values go. Its windows must not
        overlap: else two values could belong to one pixel.
    """

    def __init__(self, pool: MaxPool2d) -> None:
        super().__init__()
        if any(s < k for s, k in zip(pool.stride, pool.kernel_size, strict=True)):
            raise ValueError(
                f"MaxUnpool2d cannot undo {pool}: two windows may have the same winner"
            )
        self._pool = pool  # a reference, not a part: it is listed where it is defined
        pool.remember_winners()

    def forward(self, x: Array, size: int | tuple[int, int] | None = None) -> Array:
        """Return y (N, H, W, C) from x (N, H', W', C), by default in the size that was pooled.

        Another `size` may be larger, if its pool makes H', W' of it, too.
        """
        self._check_image(x)
        winner, pool = self._pool.winners, self._pool
        if winner is None or winner.shape != x.shape:
            seen = (
                "has run no forward yet, or none since the last unpooling"
                if winner is None
                else f"pooled to {winner.shape}"
            )
            raise ValueError(f"{self} got an input of shape {x.shape}, but its pool {seen}")
        height, width = pool.seen if size is None else pair(size, "size", 1)
        fits = height >= pool.seen[0] and width >= pool.seen[1]
        if not fits or pool.output_size(height, width) != x.shape[1:3]:
            raise ValueError(
                f"{self} cannot unpool {x.shape} to {height}x{width}: its pool saw "
                f"{pool.seen[0]}x{pool.seen[1]}"
            )
        shape = x.shape[0], height, width, x.shape[3]
        framed = empty(array_module(x), (len(x), *pool._frame(height, width), x.shape[3]), x.dtype)
        fill(framed, 0)
        for i, corner in enumerate(pool._corners(framed)):
            corner[...] = x * (winner == i)
        y = pool._cut(framed, shape)
        self._keep(y, pool.take_winners())
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H', W', C): dy read at the winners."""
        (winner,) = self._take(dy)
        if not input_gradient:
            return None
        corners = self._pool._corners(self._pool._framed(dy, 0.0))
        return sum(c * (winner == i) for i, c in enumerate(corners))

    def write_nodes(self, graph: Graph, x: str, size: str | None = None) -> str:
        """Scatter x into zeros by the places that the pooling left, counted along all of the image.

        (ONNX's own MaxUnpool is read in two ways where a size is given.)
        """
        pooled, frame, places = graph.left[self._pool]
        flat, shape = graph.constant([-1]), graph.node("Shape", frame)
        count = graph.node("Shape", graph.node("Reshape", frame, flat))
        zeros = graph.node("ConstantOfShape", count, value=np.zeros(1, graph.dtype))
        y = graph.node(
            "ScatterElements", zeros, graph.node("Reshape", places, flat),
            graph.node("Reshape", x, flat), axis=0,
        )  # fmt: skip
        y, seen = graph.node("Reshape", y, shape), graph.size(pooled)
        if size not in (None, seen):  # larger: the frame may lack some of it
            none = graph.constant([0] * 6)
            y = graph.node("Pad", y, graph.node("Concat", none, size, axis=0))
        elif frame == pooled:
            return y
        begin, axes = graph.constant([0, 0]), graph.constant([2, 3])
        return graph.node("Slice", y, begin, seen if size is None else size, axes)

    def _describe(self) -> str:
        return f"kernel_size={self._pool.kernel_size}"
