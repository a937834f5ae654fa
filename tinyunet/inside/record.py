"""One forward pass through a network, kept so that gradients can be asked for again and again."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu
from tinyunet.layers import BatchNorm2d, Dropout
from tinyunet.layers.layer import Layer
from tinyunet.networks.graph import Edge
from tinyunet.networks.network import Network
from tinyunet.networks.plain import as_network
from tinyunet.networks.receptive_field import Calls, recorded_calls


@dataclass(frozen=True)
class Call:
    """A layer's run.

    Attributes
    ----------
    name, layer
        As in the network's parameters, and itself.
    inputs
        The shapes (N, H, W, C) of its inputs.
    makers
        By which calls they were made; `IMAGE` for the image, None for what no layer made.
    output
        The array that it gave, (N, H, W, C).
    options
        What else it was called with: a crop's size.
    seconds
        How long it took.
    kept
        What its backward needs.
    """

    name: str
    layer: Layer
    inputs: tuple[tuple[int, ...], ...]
    makers: tuple[int | None, ...]
    output: Array
    options: tuple[Any, ...]
    seconds: float
    kept: tuple | None


class Record(Calls):
    """All calls of one forward pass, in order, and the gradients that follow from them.

    Attributes
    ----------
    model, x, y
        The network (a copy), what it saw, and what it gave.
    calls
        Of its layers without layers inside.
    last
        The number of the call that made `y`; None if no layer did.
    dropouts
        The names of the network's dropouts, which are off, with their probabilities.
    """

    def __init__(self, model: Network, x: Array, dropouts: dict[str, float]) -> None:
        super().__init__(x)
        self.model, self.x, self.dropouts = model, x, dropouts
        self.calls: list[Call] = []
        with recorded_calls(model, x, self):
            self.y = model.forward(x)
        self.last = self.number(self.y)

    def recorded(self, name: str, layer: Layer) -> Callable[..., Array]:
        """Return the layer's forward pass, with a note taken of each call."""
        forward = layer.forward

        def timed(*inputs: Any, **options: Any) -> Array:
            arrays = [x for x in inputs if hasattr(x, "shape")]
            makers = tuple(self.number(x) for x in arrays)
            others = tuple(x for x in inputs if not hasattr(x, "shape"))
            start = time.perf_counter()
            y = forward(*inputs, **options)
            seconds = time.perf_counter() - start
            shapes = tuple(x.shape for x in arrays)
            self.note(name, layer, y, list(makers))
            self.calls.append(Call(name, layer, shapes, makers, y, others, seconds, layer._kept))
            return y

        return timed

    @property
    def complete(self) -> bool:
        """Whether layers made all arrays between the image and the logits, so that paths are known."""
        makers = [maker for call in self.calls for maker in call.makers]
        return None not in (self.last, *makers)

    def sweep(
        self,
        upstream: dict[int, Array],
        aside: Collection[Edge] = (),
        seconds: dict[int, float] | None = None,
    ) -> tuple[dict[int, Array], dict[Edge, Array]]:
        """Go back through the calls from gradients of their outputs, as often as one likes.

        Parameters
        ----------
        upstream
            By the number of a call, the gradient of its output.
        aside
            Inputs of calls through which nothing goes back.
        seconds
            Gets how long each call's backward took.

        Returns
        -------
        gradients, set_aside
            Of all calls' outputs on the way, and of the image (`IMAGE`); and what came to the inputs
            in `aside`.
        """
        found, stopped = dict(upstream), {}
        for number in range(max(upstream), -1, -1):
            if number not in found:
                continue
            call = self.calls[number]
            call.layer._kept = call.kept
            start = time.perf_counter()
            dx = call.layer.backward(found[number])
            if seconds is not None:
                seconds[number] = time.perf_counter() - start
            parts = dx if isinstance(dx, tuple) else (dx,)
            for i, (maker, part) in enumerate(zip(call.makers, parts, strict=True)):
                if (number, i) in aside:
                    stopped[number, i] = part
                elif maker is not None and part is not None:
                    # A new array: what was found may belong to another input, too.
                    found[maker] = found[maker] + part if maker in found else part
        return found, stopped

    def pixel(self, row: int, column: int, channel: int) -> Array:
        """The gradient of one logit with respect to all logits: 1 there, else 0."""
        dy = np.zeros(self.y.shape, self.y.dtype)
        dy[0, row, column, channel] = 1
        return dy


def record(model: Layer, x: Array) -> Record:
    """Run a copy of a network on images x (N, H, W, C) as it predicts, and keep what backward needs.

    Dropout does nothing, batch norm takes its running statistics, and of several heads that one
    answers which predicts. Gradients are of what goes in, not of parameters.
    """
    model = as_network(copy.deepcopy(model)).to("cpu").eval()
    dropouts = {}
    for name, layer in model.named_layers():
        if any(True for _ in layer.children()):
            continue
        layer.training = True  # its backward is wanted, but not what else differs in training
        layer.frozen = frozenset(layer.params)
        if isinstance(layer, Dropout):
            dropouts |= {name: layer.p} if layer.p else {}
            layer.p = 0.0
        if isinstance(layer, BatchNorm2d):
            layer.statistics = "running"
    return Record(model, to_cpu(x).astype(model.dtype, copy=False), dropouts)
