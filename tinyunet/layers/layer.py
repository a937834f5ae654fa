"""The contract that every layer keeps: one forward, one backward, parameters by name.

A layer with learned arrays puts them in ``params`` and its backward pass SETS the arrays of the same
names in ``grads``. A composite layer just holds other layers as attributes, or in lists, and is asked
about all of them together: their names follow the attributes, as in ``encoder.0.conv1.weight``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from tinyunet.engine.arrays import Array, array_module, checked_dtype, device_name, to_device


class Layer:
    """The base of all layers.

    Attributes
    ----------
    params, grads
        Learned arrays by name, and their gradients under the same names after a backward pass.
    buffers
        Arrays by name that are saved, converted and moved with the parameters but not learned, such
        as running statistics.
    training
        In training (the default) a forward pass keeps what backward needs. In eval it keeps nothing.
    """

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        self.training = True
        self._kept: tuple | None = None
        self._held: Array | None = None  # see held_decisions
        self._flips = 0

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

    def __call__(self, *inputs: Any, **options: Any) -> Array:
        """Run `forward`."""
        return self.forward(*inputs, **options)

    def predict(self, *inputs: Array) -> Array:
        """Run `forward` in eval mode and put every layer's mode back afterwards.

        What an earlier training forward kept for its backward is gone then.
        """
        modes = [(layer, layer.training) for _, layer in self.named_layers()]
        self.eval()
        try:
            return self.forward(*inputs)
        finally:
            for layer, mode in modes:
                layer.training = mode

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
            raise ValueError(f"{self} got an input with {x.shape[3]} {plural}: shape {x.shape}")
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

    # ------------------------------------------------------------------ layers inside layers

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers that this one is made of, in definition order.

        An attribute whose name begins with an underscore is not a part, only a reference.
        """
        for name, value in vars(self).items():
            if name.startswith("_"):
                continue
            if isinstance(value, Layer):
                yield name, value
            elif isinstance(value, list | tuple):
                for i, item in enumerate(value):
                    if isinstance(item, Layer):
                        yield f"{name}.{i}", item

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer (with an empty name) and every layer below it, with their names."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_layers(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """Yield every parameter with its name."""
        for path, layer in self.named_layers():
            yield from _named(path, layer.params)

    def named_gradients(self) -> Iterator[tuple[str, Array]]:
        """Yield the gradient of every parameter that has one, with the parameter's name."""
        for path, layer in self.named_layers():
            yield from _named(path, {k: layer.grads[k] for k in layer.params if k in layer.grads})

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Yield every buffer with its name."""
        for path, layer in self.named_layers():
            yield from _named(path, layer.buffers)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of its parameters; float32 if it has none."""
        first = next(self.named_parameters(), None)
        return np.dtype(np.float32) if first is None else first[1].dtype

    @property
    def device(self) -> str:
        """Where its parameters are: ``"cpu"`` or ``"gpu"``; ``"cpu"`` if it has none."""
        first = next(self.named_parameters(), None)
        return "cpu" if first is None else device_name(first[1])

    @property
    def num_parameters(self) -> int:
        """The number of learned numbers."""
        return sum(array.size for _, array in self.named_parameters())

    # ------------------------------------------------------------------ saving, modes, kinds

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and buffers by name."""
        return {name: array.copy() for name, array in self._named_state()}

    def _named_state(self) -> Iterator[tuple[str, Array]]:
        yield from self.named_parameters()
        yield from self.named_buffers()

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Copy parameters and buffers from `state`, which must have exactly their names and shapes.

        Values are converted to the layer's dtype and device. On an error nothing has been changed.
        """
        mine = dict(self._named_state())
        problems = [f"missing: {name}" for name in mine if name not in state]
        problems += [f"unexpected: {name}" for name in state if name not in mine]
        problems += [
            f"{name}: shape {state[name].shape}, expected {array.shape}"
            for name, array in mine.items()
            if name in state and state[name].shape != array.shape
        ]
        if problems:
            raise ValueError(f"the state does not fit {self}:\n  " + "\n  ".join(problems))
        for name, array in mine.items():
            array[...] = to_device(state[name], device_name(array)).astype(array.dtype)

    def train(self) -> Self:
        """Put this layer and all below it in training mode."""
        for _, layer in self.named_layers():
            layer.training = True
        return self

    def eval(self) -> Self:
        """Put this layer and all below it in eval mode: nothing is kept, dropout does nothing."""
        for _, layer in self.named_layers():
            layer.training = False
            layer._kept = None
        return self

    def astype(self, dtype: Any) -> Self:
        """Convert all parameters, and buffers that hold floats, to float32 or float64."""
        dtype = checked_dtype(dtype)
        return self._convert(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a)

    def to(self, device: str) -> Self:
        """Move all parameters and buffers to ``"cpu"`` or ``"gpu"``."""
        return self._convert(lambda array: to_device(array, device))

    def _convert(self, change: Callable[[Array], Array]) -> Self:
        for _, layer in self.named_layers():
            layer.params = {key: change(array) for key, array in layer.params.items()}
            layer.buffers = {key: change(array) for key, array in layer.buffers.items()}
            layer.grads = {}
            layer._kept = None
        return self

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


def _named(path: str, arrays: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """Arrays of the layer at a path, with their whole names."""
    return ((f"{path}.{key}" if path else key, array) for key, array in arrays.items())
