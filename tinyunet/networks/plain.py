"""A layer that is no `Network`, such as a `Sequential`, seen as one."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from tinyunet.engine.arrays import Array
from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network, check_labels


class _Plain(Network, known=False):
    """A layer that is no `Network`, such as a `Sequential`, seen as one; its names stay its own."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._layer = layer  # the underscore: not a part below this one, but the thing itself
        self._tried = [part for _, part in layer.named_layers()]

    def forward(self, *inputs: Array) -> Array:
        return self._layer.forward(*inputs)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Any:
        if input_gradient:
            return self._layer.backward(dy)
        return self._layer.backward_parameters(dy)

    def decisions(self) -> list[Array]:
        return self._layer.decisions()

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        return self._layer.named_layers(prefix)

    def is_current(self) -> bool:
        """Whether the layer is made of the same parts as when it was first seen."""
        parts = [part for _, part in self._layer.named_layers()]
        return len(parts) == len(self._tried) and all(map(operator.is_, parts, self._tried))

    def __str__(self) -> str:
        return str(self._layer)

    __repr__ = __str__


def labelling(model: Layer) -> Network:
    """Return the network that a layer is, if it gives logits for pixels.

    Raises
    ------
    TypeError, ValueError
        If it is no layer at all; if it paints, or judges what is painted.
    """
    network = as_network(model)
    check_labels(network)
    return network


def as_network(model: Layer) -> Network:
    """Return the network that a layer is: itself, or a plain layer seen as a `Network`.

    Raises
    ------
    TypeError
        If it is no layer at all.
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, Layer):
        seen = vars(model).get("_as_network")
        if seen is None or not seen.is_current():
            seen = vars(model)["_as_network"] = _Plain(model)  # so its sizes are tried once
        return seen
    raise TypeError(
        f"a network is a tinyunet.Layer, best a tinyunet.Network, got {type(model).__name__}: derive "
        "its class from tinyunet.Network"
    )
