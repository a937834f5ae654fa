"""What a network is made of: shapes, parameters, memory, and how far each layer sees."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_device
from tinyunet.engine.blas import one_blas_thread
from tinyunet.layers import BatchNorm2d
from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network
from tinyunet.networks.plain import as_network
from tinyunet.networks.receptive_field import Calls, recorded_calls

MB = 1e6  # bytes


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
        cells.append(("(image)", "", by(self.input_shape), "", "1"))
        for row in self.rows:
            count = f"{row.parameters:,}" if row.parameters else ""
            field = "?" if row.receptive_field is None else _square(row.receptive_field)
            cells.append((row.name, row.kind, by(row.shape), count, field))
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
            f"an image of {by(self.input_shape)} gives {by(self.output_shape)} and keeps "
            f"{self.activation_mb:.1f} MB for the backward pass"
        )
        lines.append("sees: the side of the square of image pixels that an output pixel depends on")
        return "\n".join(lines)


def summarize(model: Layer, height: int | None = None, width: int | None = None) -> Summary:
    """Run a network on one black image and note what each of its layers does.

    How the receptive field is counted is said in `tinyunet.networks.receptive_field`.

    Parameters
    ----------
    model
        A `Network`, or any layer with one input. It is copied and not changed.
    height, width
        Of the image, in pixels. By default the network's smallest valid size; a lone height means a
        square.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        If the network does not take that size.
    """
    model = as_network(copy.deepcopy(model))
    x = _black_image(model, height, width)
    model.train()  # on a copy: a forward pass moves the random state of dropout
    for _, layer in model.named_layers():
        if isinstance(
            layer, BatchNorm2d
        ):  # one image may have one value a channel, without variance
            layer.statistics = "running"
    with recorded_calls(model, x) as calls, one_blas_thread():  # its pool is slow on a busy machine
        heads = model.forward(x)
    y = heads[-1] if isinstance(heads, list | tuple) else heads
    kept = _nbytes([layer._kept for _, layer, _, _ in calls.made])

    parameters = dict(model.named_parameters())
    return Summary(
        model=str(model),
        input_shape=x.shape[1:],
        output_shape=y.shape[1:],
        rows=_rows(calls),
        parameters=model.num_parameters,
        parameter_tensors=len(parameters),
        parameter_mb=sum(array.nbytes for array in parameters.values()) / MB,
        activation_mb=kept / MB,
    )


def _rows(calls: Calls) -> list[Row]:
    """One row for each call; parameters count where a layer runs first."""
    rows, counted = [], set()
    for number, (name, layer, y, _) in enumerate(calls.made):
        parameters = 0 if name in counted else layer.num_parameters
        counted.add(name)
        rows.append(Row(name, _kind(layer), y.shape[1:], parameters, calls.field(number)))
    return rows


def _black_image(model: Network, height: int | None, width: int | None) -> Array:
    """Return zeros (1, H, W, C) that suit the network."""
    if height is None:
        height, width = model.input_size(1, 1) if width is None else (width, width)
    elif width is None:
        width = height
    image = np.zeros((1, height, width, model.in_channels), model.dtype)
    return to_device(image, model.device)


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
    kind += "" if window is None else " " + by(window)
    return kind + (" + ReLU" if getattr(layer, "activation", None) == "relu" else "")


def by(shape: tuple[int, ...]) -> str:
    """Sides in words: 512x512x3."""
    return "x".join(str(side) for side in shape)


def _square(sides: tuple[int, int]) -> str:
    return str(sides[0]) if sides[0] == sides[1] else by(sides)
