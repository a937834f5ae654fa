"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.layers.layer import Layer


class Sequential(Layer):
    """Layers one after the other; the gradient runs through them backwards.

    Parameters
    ----------
    *layers
        Each takes the output of the one before.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential takes layers, got {layer!r}")
        self.layers = list(layers)

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Name the parts by their numbers alone: ``0.weight``, ``2.bias``."""
        return ((str(i), layer) for i, layer in enumerate(self.layers))

    def forward(self, x: Array) -> Array:
        """Apply the layers in order."""
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Apply the chain rule in reverse order."""
        for layer in reversed(self.layers[1:]):
            dy = layer.backward(dy)
        for layer in self.layers[:1]:
            if not input_gradient:
                layer.backward_parameters(dy)
                return None
            dy = layer.backward(dy)
        return dy

    def _describe(self) -> str:
        return ", ".join(str(layer) for layer in self.layers)
