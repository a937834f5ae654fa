"""ReLU."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class ReLU(Layer):
    """The rectifier y = max(x, 0), with dx = dy where x > 0 and else 0.

    At x = 0 the slope is taken as 0. (In a U-Net, ``Conv2d(activation="relu")`` fuses the same thing
    into the convolution and saves two passes over memory.)
    """

    def forward(self, x: Array) -> Array:
        """Return max(x, 0), in x's shape."""
        self._check_image(x)
        xp = array_module(x)
        if self._held is None:
            y = gate = xp.maximum(x, 0)
        else:
            gate = self._decide(x > 0)
            y = xp.where(gate, x, 0)
        self._keep(y, gate)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dy where the input was positive, else 0."""
        (gate,) = self._take(dy)
        return dy * (gate > 0) if input_gradient else None

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls the same."""
        return graph.node("Relu", x)

    def decisions(self) -> list[Array]:
        """Return the mask of positive inputs."""
        return [] if self._kept is None else [self._kept[-1][0] > 0]
