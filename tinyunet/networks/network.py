"""The contract that every network keeps: what all that comes after the layers asks of it."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from tinyunet.engine.arrays import Array, checked_dtype, to_device
from tinyunet.engine.rules import short
from tinyunet.layers.layer import Layer
from tinyunet.networks.config import arguments, noted
from tinyunet.networks.outline import Outline
from tinyunet.networks.receptive_field import receptive_field
from tinyunet.networks.registry import register
from tinyunet.networks.sizes import Sizes, sizes_by_trying


class Network(Layer):
    """A layer that turns images (N, H, W, C) into logits (N, H', W', K): one of yours, or of ours.

    A class of yours needs a constructor, ``forward`` and ``backward``. It can then be given to
    `tinyunet.fit`, `predict_image`, `evaluate`, `save` and `summarize`. All else is found out: its
    settings are the arguments that it was made with, its channels are read off its layers, and which
    sizes it takes is tried once. Where a class knows better, it defines the attribute or the method
    of that name itself, as `UNet` does.

    A class is known by its name to `tinyunet.load` and ``tinyunet train --network`` from the moment
    that it is defined; one defined again, as in a notebook, takes the place of the one before.

    Attributes
    ----------
    config
        The constructor's arguments by name, defaults included: ``type(model).from_config(config)`` is
        the same network with fresh weights. For a checkpoint they must be plain: numbers, strings,
        booleans, None, and lists and dicts of them.
    in_channels, num_classes
        Channels of the image and of the logits. A single one is a foreground's logit, for a sigmoid.
    sizes
        Which heights and which widths it takes.
    tile_stride
        Pixels between tiles which all meet the poolings at the same places.
    reach
        How far around a pixel of the output, in pixels, the image counts for it. None: not known.
    shrinks
        Whether the output is smaller than the image, as with convolutions without padding.
    """

    config: dict[str, Any]

    def __init_subclass__(cls, *, known: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        if known:
            register(cls)

    def __new__(cls, *arguments: Any, **named: Any) -> Network:
        """Note what the network is made with; copying and pickling call this without arguments."""
        self = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind_partial(self, *arguments, **named)
        except TypeError:
            return self  # __init__ has the better words for it
        bound.apply_defaults()
        self.config = noted(bound)
        return self

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a network from the `config` of another; lists may stand for tuples."""
        positional, named = arguments(cls, config)
        return cls(*positional, **named)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline | None:
        """Return which arrays a network of a config holds, known without making it.

        None, as here: the class does not say it. `tinyunet.load` then builds one within limits. A class
        that says it checks the config first, which a file may have made up, and raises ValueError.
        """
        return None

    def astype(self, dtype: Any) -> Self:
        """Convert all parameters, and buffers of floats; a ``dtype`` in the config follows."""
        super().astype(dtype)
        if "dtype" in self.config:
            self.config["dtype"] = checked_dtype(dtype).name
        return self

    # ------------------------------------------------------------------ what is found out

    @functools.cached_property
    def in_channels(self) -> int:
        """Channels of the image: those of the first layer that says how many it takes."""
        for name, layer in self.named_layers():
            channels = None if layer is self else getattr(layer, "in_channels", None)
            if channels:
                return channels
            if layer.params:
                where = f"{name}, {layer}," if name else str(layer)
                raise ValueError(
                    f"{where} does not say how many channels it takes: in the constructor, set "
                    "self.in_channels, the channels of the image"
                )
        raise ValueError(f"no layer of {self} says how many channels it takes: set its in_channels")

    @functools.cached_property
    def num_classes(self) -> int:
        """Channels of the logits."""
        return self.predict(self._black(*(axis.first for axis in self.sizes))).shape[3]

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The (heights, widths) that the network takes."""
        own = type(self).output_size is not Network.output_size
        channels = self.in_channels  # first: an error of its own
        who = f"{self}, tried with {channels} channel{'s' * (channels > 1)},"
        return sizes_by_trying(self.output_size if own else self._output_tried, who)

    @functools.cached_property
    def reach(self) -> int | None:
        """How far around a pixel of the output the image counts for it."""
        field = receptive_field(self, self._black(*(axis.first for axis in self.sizes)))
        return None if field is None else max(field) // 2 + self.tile_stride

    @functools.cached_property
    def tile_stride(self) -> int:
        """Pixels between tiles which all meet the poolings at the same places."""
        return math.lcm(*(axis.step for axis in self.sizes))

    @functools.cached_property
    def shrinks(self) -> bool:
        """Whether the output is smaller than the image."""
        return any(axis.lost > 0 for axis in self.sizes)

    # ------------------------------------------------------------------ sizes

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the logits for an image of a valid size.

        Raises
        ------
        ValueError
            If the network doesn't take that size; it names the nearest valid ones.
        """
        found = []
        for what, side, axis in zip(("height", "width"), (height, width), self.sizes, strict=True):
            out = axis.output(side)
            if out is None:
                choices = " or ".join(str(size) for size in axis.nearest(side))
                raise ValueError(
                    f"{self._sized()} cannot take an image of {what} {side}: the nearest valid sizes "
                    f"are {choices}"
                )
            found.append(out)
        return found[0], found[1]

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest valid image (height, width) whose logits cover (height, width)."""
        rows, columns = self.sizes
        return rows.input(height), columns.input(width)

    def valid_input_sizes(self, limit: int) -> list[int]:
        """Return the sides up to `limit` of all square images that the network accepts."""
        rows, columns = self.sizes
        return sorted(set(rows.up_to(limit)) & set(columns.up_to(limit)))

    def _output_tried(self, height: int, width: int) -> tuple[int, int]:
        y = self.predict(self._black(height, width))
        if getattr(y, "ndim", 0) != 4 or len(y) != 1:
            got = f"shape {y.shape}" if hasattr(y, "shape") else f"type {type(y).__name__}"
            raise TypeError(
                f"{self} gives an output of {got} for an image (1, {height}, {width}, "
                f"{self.in_channels}), not logits (1, H, W, classes)"
            )
        if 0 in y.shape:
            raise ValueError(f"{self} leaves no output: {y.shape}")
        return y.shape[1], y.shape[2]

    def _black(self, height: int, width: int) -> Array:
        """A black image (1, H, W, C) such as the network takes."""
        image = np.zeros((1, height, width, self.in_channels), self.dtype)
        return to_device(image, self.device)

    def _sized(self) -> str:
        """The network, with the settings that decide on sizes, for an error message."""
        return str(self)

    def _describe(self) -> str:
        return ", ".join(f"{name}={short(value)}" for name, value in self.config.items())


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
