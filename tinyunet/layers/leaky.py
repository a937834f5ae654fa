"""LeakyReLU."""

from __future__ import annotations

import math

from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.layers.activation import ReLU
from tinyunet.layers.graph import Graph


class LeakyReLU(ReLU):
    """A rectifier that lets a part of what is negative through.

        y  = x   where x > 0,  negative_slope * x   elsewhere
        dx = dy  where x > 0,  negative_slope * dy  elsewhere

    so at x = 0 the slope is the negative one. pix2pix takes 0.2: a unit that is off still learns. Never
    in place: a skip carries what was there before.

    Parameters
    ----------
    negative_slope
        0.01 by default, as in PyTorch.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        if not math.isfinite(negative_slope):
            raise ValueError(
                f"LeakyReLU's negative_slope must be a finite number, got {negative_slope}"
            )
        self.negative_slope = float(negative_slope)

    def forward(self, x: Array) -> Array:
        """Return x where it is positive and negative_slope * x elsewhere, in x's shape."""
        self._check_image(x)
        gate = self._decide(x > 0)
        y = array_module(x).where(gate, x, x * self.negative_slope)
        self._keep(y, gate)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dy where the input was positive and negative_slope * dy elsewhere."""
        (gate,) = self._take(dy)
        if not input_gradient:
            return None
        return array_module(dy).where(gate, dy, dy * self.negative_slope)

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls LeakyRelu; its slope is a float32."""
        if graph.dtype == "float32":
            return graph.node("LeakyRelu", x, alpha=self.negative_slope)
        gate = graph.node("Greater", x, graph.constant(0.0))
        scaled = graph.node("Mul", x, graph.constant(self.negative_slope))
        return graph.node("Where", gate, x, scaled)

    def _describe(self) -> str:
        return f"negative_slope={self.negative_slope:g}"
