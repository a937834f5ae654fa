"""Tanh."""

from __future__ import annotations

from types import ModuleType

from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.engine.elementwise import fused, over_bands
from tinyunet.engine.memory import empty
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class Tanh(Layer):
    """The hyperbolic tangent: any number as one between -1 and 1, such as a colour.

    y  = (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    dx = dy * (1 - y^2)                              1 at x = 0, and nearly 0 far from it
    """

    def forward(self, x: Array) -> Array:
        """Return tanh(x), in x's shape."""
        self._check_image(x)
        xp = array_module(x)
        y = empty(xp, x.shape, x.dtype)
        over_bands(fused(_tanh, xp), y, x)
        self._keep(y, y)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx, in x's shape."""
        (y,) = self._take(dy)
        if not input_gradient:
            return None
        xp = array_module(dy)
        dx = empty(xp, y.shape, y.dtype)
        over_bands(fused(_tanh_back, xp), dx, dy, y)
        return dx

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls the same."""
        return graph.node("Tanh", x)


def _tanh(xp: ModuleType, y: Array, x: Array) -> None:
    y[...] = xp.tanh(x)


def _tanh_back(xp: ModuleType, dx: Array, dy: Array, y: Array) -> None:
    dx[...] = dy * (1 - y * y)
