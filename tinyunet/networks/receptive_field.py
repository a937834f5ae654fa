"""How far each layer of a network sees, counted backwards from its output.

Take r neighbouring pixels (in a row, or a column) of a
layer's output; they depend on

    convolution           (r - 1) * stride + span       of its input, span = (k - 1) * dilation + 1
    max-pooling           (r - 1) * stride + k
    up-convolution        (r + k - 2) // stride + 1     at most
    all others            r

and so on with the layers before, down to the image, along the longest path there is: in a U-Net
down to the bottom and up again. For an up-convolution "at most" matters: with k = stride = 2, two
neighbours may come from one pixel or from two. Which it is depends on where they lie in the grid
of the pooling, so pixels of one output see fields of different sizes, and this is the largest.
In the paper's network, four of every 16 output rows see 188 pixels and the others 204. The usual
forward rule, r += (span - 1) * jump, where pooling doubles the jump and an up-convolution halves
it, is exact down to the bottom, 140 pixels, but ends with the mean: 200.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from tinyunet.engine.arrays import Array
from tinyunet.layers import (
    Add,
    BatchNorm2d,
    CenterCrop,
    Concat,
    Conv2d,
    ConvTranspose2d,
    CropAt,
    Dropout,
    MaxPool2d,
    ReLU,
    Scale,
    Sigmoid,
)
from tinyunet.layers.layer import Layer

IMAGE = -1  # stands for the image where calls are numbered
# Layers whose output pixels depend on one pixel of each input. (A batch's statistics depend on all, but
# are constants once a network is trained.)
PIXELWISE = Add | BatchNorm2d | CenterCrop | Concat | CropAt | Dropout | ReLU | Scale | Sigmoid


def receptive_field(model: Layer, x: Array) -> tuple[int, int] | None:
    """Return the (height, width) in pixels that one pixel of a network's output depends on.

    None where that cannot be known: where something other than our layers makes an array. The model
    is not changed.
    """
    with recorded_calls(model, x) as calls:
        y = model.predict(x)
    return calls.field(calls.maker.get(id(y)))


@contextlib.contextmanager
def recorded_calls(model: Layer, x: Array) -> Iterator[Calls]:
    """Take note of every layer that runs on an image `x` (N, H, W, C) while the context lasts."""
    leaves = {
        id(layer): (name, layer)  # once, also where a layer has two names
        for name, layer in reversed(list(model.named_layers()))
        if not any(True for _ in layer.children())
    }
    calls = Calls(x)
    for name, layer in leaves.values():
        layer.forward = calls.recorded(name, layer)  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        for _, layer in leaves.values():
            del layer.forward  # it refers to the layer: a cycle that would keep the memory


class Calls:
    """Which layer ran on what: the network as a graph of calls, in order.

    Attributes
    ----------
    made
        Of each call the layer's name, the layer, its output, and by which calls its inputs were made.
    maker
        By the id of an array the number of the call that made it.
    """

    def __init__(self, x: Array) -> None:
        self.made: list[tuple[str, Layer, Array, list[int | None]]] = []
        self.maker = {id(x): IMAGE}

    def recorded(self, name: str, layer: Layer) -> Callable[..., Array]:
        """Return the layer's forward pass, with a note taken of each call."""
        forward = layer.forward

        def forward_and_note(*inputs: Any, **options: Any) -> Array:
            y = forward(*inputs, **options)
            makers = [self.maker.get(id(x)) for x in inputs if hasattr(x, "shape")]
            self.maker[id(y)] = len(self.made)
            self.made.append((name, layer, y, makers))  # y stays alive, so its id stays its own
            return y

        return forward_and_note

    def field(self, number: int | None) -> tuple[int, int] | None:
        """The (height, width) of the image on which a pixel of a call's output depends."""
        sides = self._seen(number, 1, 0), self._seen(number, 1, 1)
        return None if sides[0] is None or sides[1] is None else (sides[0], sides[1])

    @functools.cache  # noqa: B019
    def _seen(self, number: int | None, pixels: int, axis: int) -> int | None:
        """How many image pixels in a row `pixels` neighbours of a call's output depend on."""
        if number == IMAGE:
            return pixels
        if number is None:  # made by something other than a layer
            return None
        _, layer, _, makers = self.made[number]
        read = _pixels_read(layer, pixels, axis)
        before = [None if read is None else self._seen(maker, read, axis) for maker in makers]
        known = [side for side in before if side is not None]
        return max(known) if known and len(known) == len(before) else None


def _pixels_read(layer: Layer, pixels: int, axis: int) -> int | None:
    """How many input pixels in a row `pixels` output pixels depend on; derived above."""
    if isinstance(layer, Conv2d):
        return (pixels - 1) * layer.geometry.stride[axis] + layer.geometry.span[axis]
    if isinstance(layer, MaxPool2d):
        return (pixels - 1) * layer.stride[axis] + layer.kernel_size[axis]
    if isinstance(layer, ConvTranspose2d):
        kernel, stride = layer.geometry.kernel[axis], layer.geometry.stride[axis]
        return (pixels + kernel - 2) // stride + 1
    if isinstance(layer, PIXELWISE):
        return pixels
    return None
