"""Scale: a constant factor."""

from __future__ import annotations

import math

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class Scale(Layer):
    """Multiply by a constant that is not learned: y = factor * x, so dx = factor * dy.

    The FCN that is trained at once multiplies its pooled features by 0.01 and 0.0001, so that their
    scores begin small beside those from below.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        if not math.isfinite(factor):
            raise ValueError(f"Scale's factor must be a finite number, got {factor}")
        self.factor = float(factor)

    def forward(self, x: Array) -> Array:
        """Return factor * x, of x's shape (N, H, W, C)."""
        self._check_image(x)
        y = x * self.factor
        self._keep(y)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return factor * dy."""
        self._take(dy)
        return dy * self.factor if input_gradient else None

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add a product with a constant."""
        return graph.node("Mul", x, graph.constant(self.factor))

    def _describe(self) -> str:
        return f"factor={self.factor:g}"
