"""The contract that every network keeps: what all that comes after the layers asks of it."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_device
from tinyunet.layers.layer import Layer
from tinyunet.networks.receptive_field import receptive_field
from tinyunet.networks.sizes import Sizes, sizes_by_trying

_REGISTERED: dict[str, type[Network]] = {}


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
        The constructor's arguments by name, defaults included: ``type(model)(**model.config)`` is the
        same network with fresh weights.
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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _REGISTERED[cls.__name__] = cls

    def __new__(cls, *arguments: Any, **named: Any) -> Network:
        """Note what the network is made with; copying and pickling call this without arguments."""
        self = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind_partial(self, *arguments, **named)
        except TypeError:
            return self  # __init__ has the better words for it
        bound.apply_defaults()
        self.config = _flat(bound)
        return self

    # ------------------------------------------------------------------ what is found out

    @functools.cached_property
    def in_channels(self) -> int:
        """Channels of the image: those of the first layer that says how many it takes."""
        for _, layer in self.named_layers():
            channels = layer is not self and getattr(layer, "in_channels", None)
            if channels:
                return channels
        raise ValueError(f"no layer of {self} says how many channels it takes: set its in_channels")

    @functools.cached_property
    def num_classes(self) -> int:
        """Channels of the logits."""
        return self.predict(self._black(*(axis.first for axis in self.sizes))).shape[3]

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The (heights, widths) that the network takes."""
        own = type(self).output_size is not Network.output_size
        return sizes_by_trying(self.output_size if own else self._output_tried, str(self))

    @functools.cached_property
    def reach(self) -> int | None:
        """How far around a pixel of the output the image counts for it."""
        field = receptive_field(self, self._black(*(axis.first for axis in self.sizes)))
        return None if field is None else max(field) // 2 + self.tile_stride

    @property
    def tile_stride(self) -> int:
        """Pixels between tiles which all meet the poolings at the same places."""
        return math.lcm(*(axis.step for axis in self.sizes))

    @property
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
        if y.ndim != 4 or 0 in y.shape:
            raise ValueError(f"{self} gives an output of shape {y.shape}, not (N, H, W, classes)")
        return y.shape[1], y.shape[2]

    def _black(self, height: int, width: int) -> Array:
        """A black image (1, H, W, C) such as the network takes."""
        image = np.zeros((1, height, width, self.in_channels), self.dtype)
        return to_device(image, self.device)

    def _sized(self) -> str:
        """The network, with the settings that decide on sizes, for an error message."""
        return str(self)

    def _describe(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.config.items())


class _Plain(Network):
    """A layer that is no `Network`, such as a `Sequential`, seen as one; its names stay its own."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._layer = layer  # the underscore: not a part below this one, but the thing itself

    def forward(self, *inputs: Array) -> Array:
        return self._layer.forward(*inputs)

    def backward(self, dy: Array, **options: Any) -> Any:
        return self._layer.backward(dy, **options)

    def named_layers(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        return self._layer.named_layers(prefix)

    def __str__(self) -> str:
        return str(self._layer)


del _REGISTERED["_Plain"]  # no file holds one


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
        return _Plain(model)
    raise TypeError(
        f"a network is a tinyunet.Layer, best a tinyunet.Network, got {type(model).__name__}: derive "
        "its class from tinyunet.Network"
    )


def registered() -> dict[str, type[Network]]:
    """Return all classes of networks that have been defined, by name."""
    return dict(_REGISTERED)


def find_network(name: str) -> type[Network]:
    """Return the class of networks that has a name.

    Raises
    ------
    ValueError
        If none has been defined. A file's word is never imported.
    """
    if name not in _REGISTERED:
        known = ", ".join(sorted(_REGISTERED))
        raise ValueError(
            f"there is no network called {name!r}, but {known}: if it is yours, define or import its "
            "class first"
        )
    return _REGISTERED[name]


def _flat(bound: inspect.BoundArguments) -> dict[str, Any]:
    """The arguments by name, those of ``**options`` among the others, and without self."""
    config = dict(list(bound.arguments.items())[1:])
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            config.update(config.pop(name, {}))
    return config
