"""Layers inside layers: their names, and what is done to all of their arrays together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from tinyunet.engine.arrays import Array, checked_dtype, device_name, to_device

if TYPE_CHECKING:
    from tinyunet.layers.layer import Layer


class Parts:
    """What `Layer` inherits: asked about itself, a layer speaks for all layers below it, too.

    Attributes
    ----------
    TORCH_AXES
        Of a class of layers: the order in which PyTorch has the axes of an array, by the array's name,
        such as ``{"weight": (3, 2, 0, 1)}``. Arrays that it doesn't name are as PyTorch has them.
    """

    TORCH_AXES: ClassVar[dict[str, tuple[int, ...]]] = {}

    params: dict[str, Array]
    grads: dict[str, Array]
    buffers: dict[str, Array]
    frozen: frozenset[str]
    idle: frozenset[str]
    training: bool
    _kept: tuple | None

    # ------------------------------------------------------------------ names

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers that this one is made of, in definition order.

        They are its attributes, or stand in lists, tuples and dicts that are. An attribute whose name
        begins with an underscore is not a part, only a reference.
        """
        for name, value in vars(self).items():
            if isinstance(value, HOLDERS) and name not in ARRAYS and not name.startswith("_"):
                yield from layers_in(name, value)

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer (with an empty name) and every layer below it, with their names."""
        yield prefix, cast("Layer", self)
        for name, child in self.children():
            yield from child.named_layers(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """Yield every parameter with its name."""
        for path, layer in self.named_layers():
            yield from _named(path, _arrays(layer.params))

    def named_learned(self) -> Iterator[tuple[str, Array]]:
        """Yield every parameter that training changes, with its name: all but frozen ones."""
        for path, layer in self.named_layers():
            learned = {k: array for k, array in layer.params.items() if k not in layer.frozen}
            yield from _named(path, learned)

    def named_gradients(self) -> Iterator[tuple[str, Array]]:
        """Yield the gradient of every parameter that has one, with the parameter's name."""
        for path, layer in self.named_layers():
            found = (k for k in layer.params if k in layer.grads and k not in layer.frozen)
            yield from _named(path, {k: layer.grads[k] for k in found})

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """Yield every buffer with its name."""
        for path, layer in self.named_layers():
            yield from _named(path, _arrays(layer.buffers))

    def named_generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Yield every random generator that a layer has as an attribute, such as ``dropout.rng``.

        Their states belong to what a run needs to go on exactly.
        """
        for path, layer in self.named_layers():
            own = {k: v for k, v in vars(layer).items() if isinstance(v, np.random.Generator)}
            yield from _named(path, own)

    # ------------------------------------------------------------------ kinds

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
        """The number of learned numbers, and of those that are frozen."""
        return sum(array.size for _, array in self.named_parameters())

    def astype(self, dtype: Any) -> Self:
        """Convert all parameters, and buffers that hold floats, to float32 or float64."""
        dtype = checked_dtype(dtype)
        return self._convert(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a)

    def to(self, device: str) -> Self:
        """Move all parameters and buffers to ``"cpu"`` or ``"gpu"``."""
        return self._convert(lambda array: to_device(array, device))

    def _convert(self, change: Callable[[Array], Array]) -> Self:
        for _, layer in self.named_layers():
            layer.params = {key: change(array) for key, array in _arrays(layer.params).items()}
            buffers = _arrays(layer.buffers).items()
            layer.buffers = {key: change(array) for key, array in buffers}
            layer.grads = {}
            layer._kept = None
        return self

    # ------------------------------------------------------------------ modes

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

    # ------------------------------------------------------------------ states

    def named_state(self) -> Iterator[tuple[str, Array]]:
        """Yield all parameters, then all buffers, with their names: what a checkpoint holds."""
        yield from self.named_parameters()
        yield from self.named_buffers()

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and buffers by name."""
        return {name: array.copy() for name, array in self.named_state()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Copy parameters and buffers from `state`, which must have exactly their names and shapes.

        Values are converted to the layer's dtype and device. On an error nothing has been changed.
        """
        mine = dict(self.named_state())
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

    def torch_state(self) -> dict[str, Array]:
        """Return all parameters and buffers by name with their axes as PyTorch has them.

        They are views: to write into one, ``state[name][...] = array``, fills this layer's own array.
        Each class of layers says its own order in ``TORCH_AXES``. In a network of PyTorch's whose
        modules have the same names, `torch.nn.Module.load_state_dict` takes them as tensors.
        """
        state: dict[str, Array] = {}
        for path, layer in self.named_layers():
            axes = layer.TORCH_AXES
            own = {**_arrays(layer.params), **_arrays(layer.buffers)}
            turned = {k: a.transpose(axes[k]) if k in axes else a for k, a in own.items()}
            state.update(_named(path, turned))
        return state


HOLDERS = (Parts, list, tuple, dict)
ARRAYS = frozenset({"params", "grads", "buffers"})  # every layer's own: dicts without layers


def layers_in(name: str, value: Any) -> Iterator[tuple[str, Layer]]:
    """The layers that an attribute's value is or holds, with their names."""
    if isinstance(value, Parts):
        yield name, cast("Layer", value)  # nothing else inherits from this class
    elif isinstance(value, list | tuple | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from layers_in(f"{name}.{key}", item)


def _arrays(own: dict[str, Array]) -> dict[str, Array]:
    """A layer's own arrays; one without axes that became a NumPy number, as by x = x + 1, again one."""
    for key, value in own.items():
        if isinstance(value, np.generic):
            own[key] = np.asarray(value)
    return own


def _named(path: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a layer has under its own names, with their whole names."""
    return ((f"{path}.{key}" if path else key, value) for key, value in values.items())
