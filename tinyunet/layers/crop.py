"""CropAt: a part of an image, from a given corner on."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, MaybeArray, array_module, pair
from tinyunet.engine.elementwise import copy, fill
from tinyunet.engine.memory import empty
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class CropAt(Layer):
    """The part of an image that begins at an offset: y = x[:, top:top + h, left:left + w].

    Pixels that were cut off do not matter, so their gradient is 0. FCN's offsets follow from where its
    layers' pixels lie in the image; `CenterCrop` takes the middle.

    Parameters
    ----------
    offset
        (top, left), or an int for both.
    """

    def __init__(self, offset: int | tuple[int, int]) -> None:
        super().__init__()
        self.offset = pair(offset, "offset", 0)

    def forward(self, x: Array, size: tuple[int, int]) -> Array:
        """Return (N, h, w, C) of x (N, H, W, C), for `size` = (h, w)."""
        self._check_image(x)
        (top, left), (h, w) = self.offset, size
        if min(h, w) < 1 or top + h > x.shape[1] or left + w > x.shape[2]:
            raise ValueError(f"{self} cannot cut {h}x{w} out of an input of shape {x.shape}")
        part = slice(None), slice(top, top + h), slice(left, left + w)
        y = x[part]
        self._keep(y, x.shape, part)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy where y was, and 0 around it; dy itself if nothing was cut off."""
        shape, part = self._take(dy)
        if not input_gradient:
            return None
        if dy.shape == shape:
            return dy
        dx = empty(array_module(dy), shape, dy.dtype)
        fill(dx, 0)
        copy(dx[part], dy)
        return dx

    def write_nodes(self, graph: Graph, x: str, size: str) -> str:
        """Add what ONNX calls Slice."""
        start = graph.constant(self.offset)
        end = graph.node("Add", start, size)
        return graph.node("Slice", x, start, end, graph.constant([2, 3]))

    def _describe(self) -> str:
        return f"offset={self.offset}"
