"""What is found out about a network whose class does not say it: its channels, an output's size."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, to_device
from tinyunet.layers.layer import Layer

SIDE = 64  # pixels of the image that a network is shown to see which of its layers runs first


def channels(model: Layer) -> int:
    """Return the channels of the image: those of the first layer to run that says how many it takes.

    Raises
    ------
    ValueError
        If no layer says it, or one with parameters, defined before all that do, does not.
    """
    saying: list[Layer] = []
    for name, layer in model.named_layers():
        if layer is not model and getattr(layer, "in_channels", None):
            saying.append(layer)
        elif layer.params and not saying:
            where = f"{name}, {layer}," if name else str(layer)
            raise ValueError(
                f"{where} does not say how many channels it takes: in the constructor, set "
                "self.in_channels, the channels of the image"
            )
    if not saying:
        raise ValueError(
            f"no layer of {model} says how many channels it takes: set its in_channels"
        )
    return getattr(_first_to_run(model, saying), "in_channels")  # noqa: B009


class _Runs(Exception):
    """A layer is about to run."""


def _first_to_run(model: Layer, layers: list[Layer]) -> Layer:
    """Return which of the layers runs first; the one defined first if none gets to it."""

    def stop(layer: Layer) -> Any:
        def forward(*inputs: Any, **options: Any) -> Any:
            raise _Runs(layer)

        return forward

    defined_first = layers[0]
    image = np.zeros((1, SIDE, SIDE, getattr(defined_first, "in_channels")), model.dtype)  # noqa: B009
    layers = list({id(layer): layer for layer in layers}.values())
    for layer in layers:
        layer.forward = stop(layer)  # type: ignore[method-assign]
    try:
        # What else goes wrong comes again, and is told, where sizes are tried.
        with contextlib.suppress(Exception):
            try:
                model.predict(to_device(image, model.device))
            except _Runs as runs:
                return runs.args[0]
    finally:
        for layer in layers:
            del layer.forward
    return defined_first


def output_tried(model: Layer, image: Array) -> tuple[int, int]:
    """Return the (height, width) of a network's output for an image (1, H, W, C).

    Raises
    ------
    TypeError
        If the output is no array (1, H, W, K).
    ValueError
        If it is empty.
    """
    y = model.predict(image)
    if getattr(y, "ndim", 0) != 4 or len(y) != 1:
        got = f"shape {y.shape}" if hasattr(y, "shape") else f"type {type(y).__name__}"
        raise TypeError(
            f"{model} gives an output of {got} for an image {image.shape}, not logits "
            "(1, H, W, classes)"
        )
    if 0 in y.shape:
        raise ValueError(f"{model} leaves no output: {y.shape}")
    return y.shape[1], y.shape[2]
