"""Sigmoid."""

from __future__ import annotations

from types import ModuleType

from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.engine.elementwise import fused, over_bands
from tinyunet.engine.memory import empty
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class Sigmoid(Layer):
    """The logistic function y = 1 / (1 + exp(-x)): a logit as a probability.

    exp(-x) overflows where x is far below 0: there exp(x) / (exp(x) + 1) is the same and does not. Both
    in one, and the gradient:

        y  = exp(min(x, 0)) / (1 + exp(-|x|))
        dx = dy * y * (1 - y)        since y' = exp(-x) / (1 + exp(-x))^2
    """

    def forward(self, x: Array) -> Array:
        """Return y of x's shape (N, H, W, C)."""
        self._check_image(x)
        xp = array_module(x)
        y = empty(xp, x.shape, x.dtype)
        over_bands(fused(_logistic, xp), y, x)
        self._keep(y, y)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx of x's shape (N, H, W, C)."""
        (y,) = self._take(dy)
        if not input_gradient:
            return None
        xp = array_module(dy)
        dx = empty(xp, y.shape, y.dtype)
        over_bands(fused(_logistic_back, xp), dx, dy, y)
        return dx

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls the same."""
        return graph.node("Sigmoid", x)


def _logistic(xp: ModuleType, y: Array, x: Array) -> None:
    y[...] = xp.exp(xp.minimum(x, 0)) / (1 + xp.exp(-xp.abs(x)))


def _logistic_back(xp: ModuleType, dx: Array, dy: Array, y: Array) -> None:
    dx[...] = dy * y * (1 - y)
