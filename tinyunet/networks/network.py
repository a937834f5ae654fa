"""The contract that every network keeps: what all that comes after the layers asks of it."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tinyunet.engine.arrays import Array, checked_dtype, to_device
from tinyunet.engine.rules import short
from tinyunet.layers.layer import Layer
from tinyunet.networks.config import arguments, noted
from tinyunet.networks.found import channels, output_tried
from tinyunet.networks.outline import Outline
from tinyunet.networks.receptive_field import View, view
from tinyunet.networks.registry import register
from tinyunet.networks.sizes import Sizes, check_sizes, sizes_by_trying


class Network(Layer):
    """A layer that turns images (N, H, W, C) into logits (N, H', W', K): one of yours, or of ours.

    A class of yours needs a constructor, ``forward`` and ``backward``. It can then be given to
    `tinyunet.fit`, `tinyunet.Training`, `tinyunet.predict_image`, `tinyunet.evaluate`, `tinyunet.save`
    and `tinyunet.networks.summarize`. All else is found out: its settings are the arguments that it was
    made with, its channels are read off its layers, and which sizes it takes is tried once. Where a
    class knows better, it defines the attribute or the method of that name itself, as `UNet` does.

    A class is known by its name to `tinyunet.load` and ``tinyunet train --network`` from the moment
    that it is defined; one defined again, as in a notebook, takes the place of the one before, whose
    files are then loaded into it if their arrays fit. Names of tinyunet's own, such as ``UNet``, stay:
    another class of that name isn't saved.

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
    pads
        Whether zeros stand in for what lies beyond the border, as with padding; True if not known.
    shrinks
        Whether the output is smaller than the image, as with convolutions without padding.
    head_weights
        Where forward returns a list of logits in training, one array a head: by what each one's loss is
        multiplied. None: it returns one array.
    gives_instead
        What it gives in the place of logits for pixels; empty if it gives these.
    """

    config: dict[str, Any]
    head_weights: Sequence[float] | None = None
    gives_instead: str = ""

    def __init_subclass__(cls, *, known: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        if isinstance(vars(cls).get("sizes"), tuple | list):
            check_sizes(cls.__name__, vars(cls)["sizes"])
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

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "sizes":
            check_sizes(type(self).__name__, value)
        super().__setattr__(name, value)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a network from the `config` of another; lists may stand for tuples."""
        positional, named = arguments(cls, config)
        return cls(*positional, **named)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline | None:
        """Return which arrays a network of a config holds, known without making it.

        None, as here: `tinyunet.load` builds one within limits. A class that says it checks the config
        first, which a file may have made up, and raises ValueError.
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
        """Channels of the image: those of the first layer to run that says how many it takes."""
        self._channels_found = True
        return channels(self)

    @functools.cached_property
    def num_classes(self) -> int:
        """Channels of the logits."""
        return self.predict(self._black(*(axis.first for axis in self.sizes))).shape[3]

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The (heights, widths) that the network takes."""
        own = type(self).output_size is not Network.output_size
        count = self.in_channels  # first: an error of its own

        def tried(height: int, width: int) -> tuple[int, int]:
            return output_tried(self, self._black(height, width))

        who = f"{self}, tried with {count} channel{'s' * (count > 1)},"
        return sizes_by_trying(self.output_size if own else tried, who)

    @functools.cached_property
    def reach(self) -> int | None:
        """How far around an output pixel the image counts for it: all of it may lie to one side."""
        return None if self._view.field is None else max(self._view.field)

    @functools.cached_property
    def tile_stride(self) -> int:
        """Pixels between tiles which all meet the poolings at the same places."""
        return math.lcm(*(axis.step for axis in self.sizes), *self._view.stride)

    @functools.cached_property
    def pads(self) -> bool:
        """Whether it puts zeros around an image or features, or may do so."""
        return self._view.pads

    @functools.cached_property
    def shrinks(self) -> bool:
        """Whether the output is smaller than the image."""
        return any(axis.lost > 0 for axis in self.sizes)

    @functools.cached_property
    def _view(self) -> View:
        black = self._black(*(axis.input(8) for axis in self.sizes))
        noise = np.random.default_rng(0).random(black.shape).astype(self.dtype)
        return view(self, to_device(noise, self.device))

    # ------------------------------------------------------------------ sizes

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) of the logits for an image of a valid size.

        Raises
        ------
        ValueError
            If the network doesn't take that size; it names the nearest valid ones.
        """
        for what, side, axis in zip(("height", "width"), (height, width), self.sizes, strict=True):
            if not axis.takes(side):
                choices = " or ".join(str(size) for size in axis.nearest(side))
                raise ValueError(
                    f"{self._sized()} cannot take an image of {what} {side}: the nearest valid sizes "
                    f"are {choices}"
                )
        rows, columns = self.sizes
        return height - rows.lost, width - columns.lost

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest valid image (height, width) whose logits cover (height, width)."""
        rows, columns = self.sizes
        return rows.input(height), columns.input(width)

    def valid_input_sizes(self, limit: int) -> list[int]:
        """Return the sides up to `limit` of all square images that the network accepts."""
        rows, columns = self.sizes
        return sorted(set(rows.up_to(limit)) & set(columns.up_to(limit)))

    def _black(self, height: int, width: int) -> Array:
        """A black image (1, H, W, C) such as the network takes."""
        image = np.zeros((1, height, width, self.in_channels), self.dtype)
        return to_device(image, self.device)

    def _sized(self) -> str:
        """The network, with the settings that decide on sizes, for an error message."""
        return str(self)

    def _describe(self) -> str:
        return ", ".join(f"{name}={short(value)}" for name, value in self.config.items())


def check_labels(network: Network | type[Network]) -> None:
    """Raise ValueError if a network, or a class of them, does not give logits for pixels."""
    if network.gives_instead:
        name = network.__name__ if isinstance(network, type) else str(network)
        raise ValueError(
            f"{name} gives {network.gives_instead}; such networks are trained and used by tinyunet "
            "paint, in Python by tinyunet.fit_painter"
        )
