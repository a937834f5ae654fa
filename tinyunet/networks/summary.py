"""What a network is made of: shapes, parameters, memory, and how far each layer sees."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, device_name, to_device
from tinyunet.layers import (
    Add,
    CenterCrop,
    Concat,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    MaxPool2d,
    ReLU,
)
from tinyunet.layers.layer import Layer
from tinyunet.networks.unet import UNet

MB = 1e6  # bytes
INPUT = -1  # stands for the image where calls are numbered


@dataclass(frozen=True)
class Row:
    """One layer of a summary.

    Attributes
    ----------
    name
        As in the names of its parameters: ``encoder.0.conv1``.
    kind
        Its class, and the window it looks through.
    shape
        (H, W, C) of its output.
    parameters
        How many learned numbers it has.
    receptive_field
        The (height, width) in pixels of the part of the image that a pixel of its output depends
        on: see `summarize`. None where that cannot be known.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    receptive_field: tuple[int, int] | None


@dataclass(frozen=True)
class Summary:
    """A network, layer by layer; print it.

    Attributes
    ----------
    model
        The network's class and settings.
    input_shape, output_shape
        (H, W, C).
    rows
        The layers in the order in which they run.
    parameters, parameter_tensors
        How many learned numbers there are, and in how many arrays.
    parameter_mb, activation_mb
        Their memory, and that of all arrays which a training forward pass keeps for the backward
        pass, for one image of this size. In MB (10^6 bytes).
    """

    model: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    rows: list[Row]
    parameters: int
    parameter_tensors: int
    parameter_mb: float
    activation_mb: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers, strings, tuples and dicts, fit for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        cells = [("layer", "kind", "output", "parameters", "sees")]
        cells.append(("(image)", "", _by(self.input_shape), "", "1"))
        for row in self.rows:
            count = f"{row.parameters:,}" if row.parameters else ""
            field = "?" if row.receptive_field is None else _square(row.receptive_field)
            cells.append((row.name, row.kind, _by(row.shape), count, field))
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        lines = [self.model]
        for name, kind, *numbers in cells:
            left = f"{name:{widths[0]}}  {kind:{widths[1]}}"
            right = (f"{n:>{w}}" for n, w in zip(numbers, widths[2:], strict=True))
            lines.append("  ".join([left, *right]))
        lines[2:2] = ["-" * len(lines[1])]
        lines.append(lines[2])
        lines.append(
            f"{self.parameters:,} parameters in {self.parameter_tensors} arrays: "
            f"{self.parameter_mb:.1f} MB, their gradients as much again"
        )
        lines.append(
            f"an image of {_by(self.input_shape)} gives {_by(self.output_shape)} and keeps "
            f"{self.activation_mb:.1f} MB for the backward pass"
        )
        lines.append("sees: the side of the square of image pixels that an output pixel depends on")
        return "\n".join(lines)


def summarize(model: Layer, height: int | None = None, width: int | None = None) -> Summary:
    """Run a network on one black image and note what each of its layers does.

    The receptive field is counted backwards. Take r neighbouring pixels (in a row, or a column) of a
    layer's output; they depend on

        convolution           (r - 1) * stride + span       of its input, span = (k - 1) * dilation + 1
        max-pooling           r * k
        up-convolution        (r + k - 2) // stride + 1     at most
        all others            r

    and so on with the layers before, down to the image, along the longest path there is: in a U-Net
    down to the bottom and up again. For an up-convolution "at most" matters: with k = stride = 2, two
    neighbours may come from one pixel or from two. Which it is depends on where they lie in the grid
    of the pooling, so pixels of one output see fields of different sizes, and this is the largest.
    In the paper's network, four of every 16 output rows see 188 pixels and the others 204. The usual
    forward rule, r += (span - 1) * jump, where pooling doubles the jump and an up-convolution halves
    it, is exact down to the bottom, 140 pixels, but ends with the mean: 200.

    Parameters
    ----------
    model
        A `UNet`, or any layer with one input. It is copied and not changed.
    height, width
        Of the image, in pixels. By default a U-Net's smallest valid size; a lone height means a
        square.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        If the network does not take that size, or is no `UNet` and no size is given.
    """
    model = copy.deepcopy(model).train()  # a forward pass moves the random state of dropout
    x = _black_image(model, height, width)
    leaves = {
        name: layer
        for name, layer in model.named_layers()
        if not any(True for _ in layer.children())
    }
    calls = _Calls(x)
    for name, layer in leaves.items():
        layer.forward = calls.recorded(name, layer)
    y = model.forward(x)
    kept = _nbytes([layer._kept for layer in leaves.values()])
    for layer in leaves.values():
        del layer.forward  # it refers to the layer: a cycle that would keep the memory for a while

    parameters = dict(model.named_parameters())
    return Summary(
        model=str(model),
        input_shape=x.shape[1:],
        output_shape=y.shape[1:],
        rows=calls.rows(),
        parameters=model.num_parameters,
        parameter_tensors=len(parameters),
        parameter_mb=sum(array.nbytes for array in parameters.values()) / MB,
        activation_mb=kept / MB,
    )


class _Calls:
    """Which layer ran on what: the network as a graph of calls, in order."""

    def __init__(self, x: Array) -> None:
        self.made: list[tuple[str, Layer, Array, list[int | None]]] = []  # with the inputs' makers
        self.maker = {id(x): INPUT}

    def recorded(self, name: str, layer: Layer) -> Callable[..., Array]:
        """Return the layer's forward pass, with a note taken of each call."""
        forward = layer.forward

        def forward_and_note(*inputs: Any, **options: Any) -> Array:
            y = forward(*inputs, **options)
            arrays = [x for x in inputs if hasattr(x, "shape")]
            makers = [self.maker.get(id(x)) for x in arrays]
            self.maker[id(y)] = len(self.made)
            self.made.append((name, layer, y, makers))  # y stays alive, so its id stays its own
            return y

        return forward_and_note

    def rows(self) -> list[Row]:
        """Return the rows of the summary."""

        @functools.cache
        def seen(number: int | None, pixels: int, axis: int) -> int | None:
            """How many image pixels in a row `pixels` neighbours of a call's output depend on."""
            if number == INPUT:
                return pixels
            if number is None:  # made by something other than a layer
                return None
            _, layer, _, makers = self.made[number]
            read = _pixels_read(layer, pixels, axis)
            before = [None if read is None else seen(maker, read, axis) for maker in makers]
            return None if None in before else max(before)

        rows, counted = [], set()
        for number, (name, layer, y, _) in enumerate(self.made):
            parameters = 0 if name in counted else layer.num_parameters
            counted.add(name)
            sides = seen(number, 1, 0), seen(number, 1, 1)
            field = None if None in sides else sides
            rows.append(Row(name, _kind(layer), y.shape[1:], parameters, field))
        return rows


def _pixels_read(layer: Layer, pixels: int, axis: int) -> int | None:
    """How many input pixels in a row `pixels` output pixels depend on; derived in `summarize`."""
    if isinstance(layer, Conv2d):
        return (pixels - 1) * layer.geometry.stride[axis] + layer.geometry.span[axis]
    if isinstance(layer, MaxPool2d):
        return pixels * layer.kernel_size[axis]
    if isinstance(layer, ConvTranspose2d):
        kernel, stride = layer.geometry.kernel[axis], layer.geometry.stride[axis]
        return (pixels + kernel - 2) // stride + 1
    if isinstance(layer, Add | CenterCrop | Concat | Dropout | ReLU):
        return pixels
    return None


def _black_image(model: Layer, height: int | None, width: int | None) -> Array:
    """Return zeros (1, H, W, C) that suit the model's first layer."""
    if height is None and width is None:
        if not isinstance(model, UNet):
            raise ValueError(f"{type(model).__name__} has no smallest size: give height and width")
        height, width = model.input_size(1, 1)
    height = width if height is None else height
    width = height if width is None else width
    for _, layer in model.named_layers():
        if isinstance(layer, Conv2d | ConvTranspose2d):
            weight = layer.params["weight"]
            image = np.zeros((1, height, width, layer.in_channels), weight.dtype)
            return to_device(image, device_name(weight))
    raise ValueError(f"{model} has no convolution that tells how many channels its input has")


def _nbytes(kept: list) -> int:
    """Add up the bytes of all distinct arrays in nested tuples and lists."""
    owners = {}
    waiting = list(kept)
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | tuple):
            waiting.extend(value)
        elif hasattr(value, "nbytes") and hasattr(value, "base"):
            while isinstance(value.base, type(value)):  # a view keeps all of its owner alive
                value = value.base
            owners[id(value)] = value.nbytes
    return sum(owners.values())


def _kind(layer: Layer) -> str:
    kind = type(layer).__name__
    window = (
        layer.geometry.kernel if hasattr(layer, "geometry") else getattr(layer, "kernel_size", None)
    )
    kind += "" if window is None else " " + _by(window)
    return kind + (" + ReLU" if getattr(layer, "activation", None) == "relu" else "")


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)


def _square(sides: tuple[int, int]) -> str:
    return str(sides[0]) if sides[0] == sides[1] else _by(sides)
