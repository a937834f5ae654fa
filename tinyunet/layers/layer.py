"""The contract that every layer keeps: one forward, one backward, parameters by name.

A composite layer just holds other layers as attributes, or in lists, and is asked about all of them
together (`tinyunet.layers.parts`): names follow the attributes, as in ``encoder.0.conv1.weight``.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Self

from tinyunet.engine import budget
from tinyunet.engine.arrays import Array, array_module, device_name
from tinyunet.layers.graph import Graph
from tinyunet.layers.parts import Parts


class Layer(Parts):
    """The base of all layers. This is a whole one, with one learned number a channel::

        class Scale(tu.Layer):
            def __init__(self, channels):
                super().__init__()
                self.params["factor"] = np.ones(channels, np.float32)

            def forward(self, x):  # (N, H, W, C)
                self._keep(y := x * self.params["factor"], x)
                return y

            def backward(self, dy, *, input_gradient=True):
                (x,) = self._take(dy)
                self.grads["factor"] = (dy * x).sum((0, 1, 2))
                return dy * self.params["factor"] if input_gradient else None

    ``tu.check_gradients(Scale(3), x)`` says whether its backward is right.

    Attributes
    ----------
    params, grads
        Learned arrays by name, and their gradients, which backward SETS under the same names.
    buffers
        Arrays by name that are saved, converted and moved with the parameters but not learned, such
        as running statistics.
    frozen
        The names of those of its own ``params`` that are not learned either, although they count as
        parameters: no gradient is asked for and no optimizer changes them. For a constructor to set.
    idle
        The names of those that have no effect in training, such as a bias in front of a batch
        normalisation, which takes the mean off again: a gradient of 0 is right for them.
    training
        In training (the default) a forward pass keeps what backward needs. In eval it keeps nothing.
    """

    _held: Array | None  # see held_decisions, which also sets
    _replays: bool
    _flips: int

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Set up what every layer has: here, so that nothing hangs on ``super().__init__()``."""
        self = super().__new__(cls)
        budget.spend(layers=1)
        self.params, self.grads, self.buffers = {}, {}, {}
        self.frozen, self.idle = frozenset(), frozenset()
        self.training = True
        self._kept = self._held = None
        self._replays = False
        self._flips = 0
        return self

    def __init__(self) -> None:
        """Nothing is left to do."""

    # ------------------------------------------------------------------ what a layer computes

    def forward(self, *inputs: Any, **options: Any) -> Array:
        """Compute the output from the inputs, and in training keep what `backward` needs."""
        raise TypeError(f"{self} does not define forward")

    def backward(self, dy: Array, *, input_gradient: bool = True) -> Any:
        """Turn dL/d(output) into dL/d(input), a tuple for several inputs, and set `grads`.

        With ``input_gradient=False`` it returns None and skips the work that only the input's
        gradient needs.
        """
        raise TypeError(f"{self} does not define backward")

    def backward_parameters(self, dy: Array) -> None:
        """Run `backward` for the gradients of parameters alone, also one without ``input_gradient``."""
        own = getattr(self.backward, "__func__", self.backward)
        self.backward(dy, **({"input_gradient": False} if _can_skip(own) else {}))

    def __call__(self, *inputs: Any, **options: Any) -> Array:
        """Run `forward`."""
        return self.forward(*inputs, **options)

    def predict(self, *inputs: Array) -> Array:
        """Run `forward` in eval mode and put every layer's mode back afterwards.

        What an earlier training forward kept for its backward is gone then.
        """
        with self.as_predicted():
            return self.forward(*inputs)

    @contextlib.contextmanager
    def as_predicted(self) -> Iterator[None]:
        """Within, `forward` computes what `predict` gives."""
        modes = [(layer, layer.training) for _, layer in self.named_layers()]
        self.eval()
        try:
            yield
        finally:
            for layer, mode in modes:
                layer.training = mode

    def write_nodes(self, graph: Graph, *inputs: Any, **options: Any) -> str:
        """Say in ONNX's words what `forward` computes, and return the name of the output's tensor.

        It gets names of tensors where `forward` got arrays and sizes: see `Graph`. A layer of yours
        that calculates needs one for `tinyunet.export_onnx`; one that only runs other layers doesn't.
        """
        raise TypeError(f"{self} does not define write_nodes")

    # ------------------------------------------------------------------ for writing layers

    def _keep(self, y: Array, *values: Any) -> None:
        """Keep `values` for backward; `y` is the output that the upstream gradient must match."""
        self._kept = (y.shape, y.dtype, device_name(y), values) if self.training else None

    def _take(self, dy: Array) -> tuple:
        """Give back what forward kept, once, after checking that `dy` belongs to it."""
        if self._kept is None:
            raise RuntimeError(
                f"{self}.backward needs a fresh forward in training mode: each forward allows one "
                "backward. Was one layer object used twice in a network? Or predict called in between?"
            )
        shape, dtype, device, values = self._kept
        if dy.shape != shape:
            raise ValueError(f"{self} gave an output of {shape}, but its gradient is {dy.shape}")
        self._check_kind(dy, dtype, device, "an upstream gradient")
        self._kept = None
        return values

    def _check_kind(self, x: Array, dtype: Any, device: str, what: str = "an input") -> None:
        if x.dtype != dtype or device_name(x) != device:
            raise TypeError(
                f"{self} works in {dtype} on the {device} but got {what} in {x.dtype} on the "
                f"{device_name(x)}: use x.astype or tinyunet.to_cpu / to_gpu on the array, or "
                ".astype / .to on the layer"
            )

    def _check_image(self, x: Array, channels: int | None = None) -> None:
        """Raise a clear error unless `x` is a float (N, H, W, C) array that suits the parameters."""
        array_module(x)
        if x.ndim != 4:
            raise ValueError(f"{self} needs an array (N, H, W, C), got shape {x.shape}")
        if channels is not None and x.shape[3] != channels:
            plural = "channel" if x.shape[3] == 1 else "channels"
            first = x.shape[1] == channels
            hint = "; channels come last: numpy.moveaxis(x, 1, -1)" if first else ""
            raise ValueError(
                f"{self} got an input with {x.shape[3]} {plural}: shape {x.shape}{hint}"
            )
        if 0 in x.shape:
            raise ValueError(f"{self} got an empty input: shape {x.shape}")
        if self.params:
            weight = next(iter(self.params.values()))
            self._check_kind(x, weight.dtype, device_name(weight))
        elif x.dtype.name not in ("float32", "float64"):
            raise TypeError(f"{self} needs float32 or float64, got {x.dtype}: use x.astype")

    def _decide(self, fresh: Array) -> Array:
        """Return the decision to act on: `fresh`, unless one is held. Count where they differ."""
        if self._held is None:
            return fresh
        self._flips += int((fresh != self._held).sum())
        return self._held

    # ------------------------------------------------------------------ decisions

    def decisions(self) -> list[Array]:
        """Return the masks or winners that the last training forward chose, until backward.

        A smooth layer has none; a composite returns those of its parts in order.
        """
        return [decision for _, child in self.children() for decision in child.decisions()]

    def __str__(self) -> str:
        return f"{type(self).__name__}({self._describe()})"

    __repr__ = __str__

    def _describe(self) -> str:
        """The settings that an error message or a summary should name."""
        return ""


@functools.lru_cache(maxsize=1000)
def _can_skip(backward: Callable) -> bool:
    """Whether a backward pass takes ``input_gradient``; one that a user wrote may not."""
    parameters = inspect.signature(backward).parameters
    return "input_gradient" in parameters or any(
        p.kind is p.VAR_KEYWORD for p in parameters.values()
    )
