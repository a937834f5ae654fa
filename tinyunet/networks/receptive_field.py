"""How far each layer of a network sees, counted backwards from its output.

Take r neighbouring pixels (in a row, or a column) of a
layer's output; they depend on

    convolution           (r - 1) * stride + span       of its input, span = (k - 1) * dilation + 1
    max-pooling           (r - 1) * stride + k
    up-convolution        (r + k - 2) // stride + 1     at most; so does unpooling, k = stride
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
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
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
    MaxUnpool2d,
    ReLU,
    Scale,
    Sigmoid,
    Tanh,
)
from tinyunet.layers.layer import Layer

IMAGE = -1  # stands for the image where calls are numbered
# Layers whose output pixels depend on one pixel of each input. (A batch's statistics depend on all, but
# are constants once a network is trained.)
PIXELWISE = (
    Add | BatchNorm2d | CenterCrop | Concat | CropAt | Dropout | ReLU | Scale | Sigmoid | Tanh
)


@dataclass(frozen=True)
class View:
    """What the calls of a network's layers say of it.

    Attributes
    ----------
    field
        The (height, width) in pixels that one pixel of the output depends on. None where that cannot
        be known: where something other than our layers makes an array, or changes one.
    stride
        How far apart pixels are that meet all strides and poolings at the same places, along the
        height and the width.
    pads
        Whether zeros stand in for what lies beyond the border, or may do so: in a convolution, in an
        up-convolution whose kernels overlap, or in what is not known.
    """

    field: tuple[int, int] | None
    stride: tuple[int, int]
    pads: bool


def view(model: Layer, x: Array) -> View:
    """Run a network on an image (N, H, W, C) and say what was seen; the model is not changed.

    The image should be of random numbers: with a black one, sums in place would not show.
    """
    with recorded_calls(model, x) as calls:
        last = calls.number(model.predict(x))
    return View(calls.field(last), (calls.stride(0), calls.stride(1)), calls.pads(last))


@contextlib.contextmanager
def recorded_calls(model: Layer, x: Array, calls: Calls | None = None) -> Iterator[Calls]:
    """Take note, in `calls`, of every layer that runs on an image `x` (N, H, W, C) meanwhile."""
    leaves = {
        id(layer): (name, layer)  # once, also where a layer has two names
        for name, layer in reversed(list(model.named_layers()))
        if not any(True for _ in layer.children())
    }
    calls = Calls(x) if calls is None else calls
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
    image
        The image's (N, H, W, C).
    """

    def __init__(self, x: Array) -> None:
        self.made: list[tuple[str, Layer, Array, list[int | None]]] = []
        self.maker = {id(x): IMAGE}
        self.image = x.shape
        self._sums = {IMAGE: _sum(x)}

    def recorded(self, name: str, layer: Layer) -> Callable[..., Array]:
        """Return the layer's forward pass, with a note taken of each call."""
        forward = layer.forward

        def forward_and_note(*inputs: Any, **options: Any) -> Array:
            makers = [self.number(x) for x in inputs if hasattr(x, "shape")]
            y = forward(*inputs, **options)
            self.note(name, layer, y, makers)
            return y

        return forward_and_note

    def note(self, name: str, layer: Layer, y: Array, makers: list[int | None]) -> None:
        """Take note of a layer's call: what it gave, and which calls made what it got."""
        number = self.maker[id(y)] = len(self.made)
        self.made.append((name, layer, y, makers))  # y stays alive, so its id stays its own
        self._sums[number] = _sum(y)

    def number(self, x: Array) -> int | None:
        """The call that made an array; None if none did, or if it was changed since, as by +=."""
        number = self.maker.get(id(x))
        return None if number is None or self._sums[number] != _sum(x) else number

    def stride(self, axis: int) -> int:
        """The least common multiple of how far apart the pixels of all outputs are in the image.

        What something other than a layer made is taken to be as coarse as the output before it.
        """
        coarse: list[Fraction] = []
        for _, layer, _, makers in self.made:
            latest = coarse[-1] if coarse else Fraction(1)
            numbers: dict[int | None, Fraction] = {IMAGE: Fraction(1), None: latest}
            numbers.update(enumerate(coarse))
            before = max((numbers[maker] for maker in makers), default=latest)
            coarse.append(before * coarser(layer, axis))
        return math.lcm(*(distance.numerator for distance in coarse))

    def pads(self, last: int | None) -> bool:
        """Whether a layer puts zeros around its input, or something not known is at work."""
        makers = [maker for *_, before in self.made for maker in before]
        return None in (last, *makers) or any(_pads(layer) for _, layer, _, _ in self.made)

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
    if isinstance(layer, MaxUnpool2d):
        return (pixels + layer._pool.kernel_size[axis] - 2) // layer._pool.stride[axis] + 1
    if isinstance(layer, PIXELWISE):
        return pixels
    return None


def coarser(layer: Layer, axis: int) -> Fraction:
    """How many times as far apart the pixels of a layer's output are as those of its input."""
    if isinstance(layer, Conv2d):
        return Fraction(layer.geometry.stride[axis])
    if isinstance(layer, MaxPool2d):
        return Fraction(layer.stride[axis])
    if isinstance(layer, ConvTranspose2d):
        return Fraction(1, layer.geometry.stride[axis])
    return Fraction(1, layer._pool.stride[axis] if isinstance(layer, MaxUnpool2d) else 1)


def _pads(layer: Layer) -> bool:
    """Whether pixels at the border are made with zeros for neighbours; yes if that is not known."""
    if isinstance(layer, Conv2d):
        return layer.geometry.padding != ((0, 0), (0, 0))
    if isinstance(layer, ConvTranspose2d):  # where kernels overlap, the border lacks some
        sides = zip(layer.geometry.kernel, layer.geometry.stride, strict=True)
        return any(kernel > stride for kernel, stride in sides)
    return _pixels_read(layer, 1, 0) is None


def _sum(x: Array) -> Any:
    """A number that tells whether an array was changed; an array with NaN has one, too."""
    return repr(float(x.sum()))
