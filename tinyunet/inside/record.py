"""One forward pass through a network, kept so that gradients can be asked for again and again."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu
from tinyunet.layers import BatchNorm2d, Dropout
from tinyunet.layers.layer import Layer
from tinyunet.networks.graph import Edge, image_shape
from tinyunet.networks.network import Network
from tinyunet.networks.plain import as_network
from tinyunet.networks.receptive_field import IMAGE, Calls, recorded_calls


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
        By which calls they were made; `IMAGE` for the image, None for what no layer made, and for
        arrays that come in lists or by name.
    output
        The array that it gave, (N, H, W, C), or of another shape, such as vectors.
    options
        What else it was called with: a crop's size.
    seconds
        How long it took.
    kept
        What its backward needs.
    passes
        Whether it gave an input as it was.
    """

    name: str
    layer: Layer
    inputs: tuple[tuple[int, ...], ...]
    makers: tuple[int | None, ...]
    output: Array
    options: tuple[Any, ...]
    seconds: float
    kept: tuple | None
    passes: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The (N, H, W, C) of its output; vectors have one pixel."""
        return image_shape(self.output.shape)


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
        self._states: list[tuple[Layer, tuple | None]] | None = None
        if not self.complete:
            self._states = [(layer, layer._kept) for _, layer in model.named_layers()]

    def recorded(self, name: str, layer: Layer) -> Callable[..., Array]:
        """Return the layer's forward pass, with a note taken of each call."""
        forward = layer.forward

        def timed(*inputs: Any, **options: Any) -> Array:
            arrays = [x for x in inputs if hasattr(x, "shape")]
            makers: tuple[int | None, ...] = tuple(self.number(x) for x in arrays)
            others = tuple(x for x in inputs if not hasattr(x, "shape"))
            start = time.perf_counter()
            y = forward(*inputs, **options)
            seconds = time.perf_counter() - start
            shapes = tuple(image_shape(x.shape) for x in arrays)
            if not arrays or any(map(_holds_arrays, (*others, *options.values()))):
                makers, shapes = (*makers, None), (*shapes, image_shape(y.shape))
            self.note(name, layer, y, list(makers))
            passes = any(y is x for x in arrays)
            self.calls.append(
                Call(name, layer, shapes, makers, y, others, seconds, layer._kept, passes)
            )
            return y

        return timed

    @property
    def complete(self) -> bool:
        """Whether layers made all arrays between the image and the logits, so that paths are known."""
        makers = [maker for call in self.calls for maker in call.makers]
        return None not in (self.last, *makers)

    def gradients(self, dy: Array) -> dict[int, Array]:
        """Return the gradients of all calls' outputs, and of the image, from that of the logits.

        Where not all arrays are made by layers, it is the network's own backward that finds them, and
        each layer's upstream gradient is looked at as it comes by.
        """
        if self.complete and self.last is not None:
            return self.sweep({self.last: dy})[0]
        found: dict[int, Array] = {}
        for layer, kept in self._states or ():
            layer._kept = kept
        with contextlib.ExitStack() as held:
            for number, call in enumerate(self.calls):
                held.enter_context(_watched(call.layer, number, found))
            found[IMAGE] = self.model.backward(dy)
        return found

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

    def turn(self, number: int) -> int:
        """Which of its layer's runs a call is, from 0 on."""
        layer = self.calls[number].layer
        return sum(call.layer is layer for call in self.calls[:number])

    def pixel(self, row: int, column: int, channel: int) -> Array:
        """The gradient of one logit with respect to all logits: 1 there, else 0."""
        dy = np.zeros(self.y.shape, self.y.dtype)
        dy[0, row, column, channel] = 1
        return dy


def _holds_arrays(x: Any) -> bool:
    return hasattr(x, "shape") or (isinstance(x, list | tuple) and any(map(_holds_arrays, x)))


@contextlib.contextmanager
def _watched(layer: Layer, number: int, found: dict[int, Array]) -> Iterator[None]:
    """Note a layer's upstream gradient when its backward runs."""
    backward = layer.backward

    def noting(dy: Array, **options: Any) -> Any:
        found[number] = dy
        return backward(dy, **options)

    layer.backward = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        del layer.backward


def record(model: Layer, x: Array) -> Record:
    """Run a copy of a network on images x (N, H, W, C) as it predicts, and keep what backward needs.

    Dropout does nothing, batch norm takes its running statistics, and of several heads that one
    answers which predicts. Gradients are of what goes in, not of parameters. Layers of the user's that
    give something else in training, as by a draw, stay in eval mode; then backward may not run.
    """
    model = as_network(copy.deepcopy(model)).to("cpu").eval()
    x = to_cpu(x).astype(model.dtype, copy=False)
    leaves = {name: layer for name, layer in model.named_layers() if not any(layer.children())}
    foreign = [x for x in leaves.values() if not type(x).__module__.startswith("tinyunet.")]
    predicted = model.predict(x) if foreign else None
    dropouts = {}
    for name, layer in leaves.items():
        layer.training = True  # its backward is wanted, but not what else differs in training
        layer.frozen = frozenset(layer.params)
        if isinstance(layer, Dropout):
            dropouts |= {name: layer.p} if layer.p else {}
            layer.p = 0.0
        if isinstance(layer, BatchNorm2d):
            layer.statistics = "running"
    found = Record(model, x, dropouts)
    if predicted is not None and not _is_same(found.y, predicted):
        for layer in foreign:
            layer.training = False
        return Record(model, x, dropouts)
    if found.complete:
        return found
    for _, layer in model.named_layers():  # the network's own backward is needed, and what it keeps
        layer.training = True
    whole = Record(model, x, dropouts)
    if _is_same(whole.y, found.y):
        return whole
    for name, layer in model.named_layers():
        layer.training = name in leaves
    return Record(model, x, dropouts)


def _is_same(y: Any, predicted: Array) -> bool:
    """Whether logits are those of a prediction, but for rounding; several heads' are not."""
    return hasattr(y, "shape") and np.allclose(y, predicted, rtol=1e-3, atol=1e-5, equal_nan=True)
