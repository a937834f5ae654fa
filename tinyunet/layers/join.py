"""Where two paths of a U-Net meet: CenterCrop, Concat and Add.

A fork in the forward pass is a sum in the backward pass: each of these hands every input its own
gradient, and the network adds up what comes back to a value that went two ways.
"""

from __future__ import annotations

import itertools

from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.engine.elementwise import copy, fill
from tinyunet.engine.memory import empty
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class CenterCrop(Layer):
    """The middle of an image: y = x[:, top:top + h, left:left + w].

    top = (H - h) // 2 and left = (W - w) // 2, so an odd pixel is cut at the bottom and right.
    Pixels that were cut off do not matter, so their gradient is 0.
    """

    def forward(self, x: Array, size: tuple[int, int]) -> Array:
        """Return the middle (N, h, w, C) of x (N, H, W, C), for `size` = (h, w)."""
        self._check_image(x)
        (height, width), (h, w) = x.shape[1:3], size
        if not (1 <= h <= height and 1 <= w <= width):
            raise ValueError(f"{self} cannot cut {h}x{w} out of an input of shape {x.shape}")
        top, left = (height - h) // 2, (width - w) // 2
        middle = slice(None), slice(top, top + h), slice(left, left + w)
        y = x[middle]
        self._keep(y, x.shape, middle)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C): dy in the middle, 0 around it; dy itself if nothing was cut off."""
        shape, middle = self._take(dy)
        if not input_gradient:
            return None
        if dy.shape == shape:
            return dy
        dx = empty(array_module(dy), shape, dy.dtype)
        fill(dx, 0)
        copy(dx[middle], dy)
        return dx

    def write_nodes(self, graph: Graph, x: str, size: str) -> str:
        """Add what ONNX calls Slice; nothing where the image is as large already."""
        large = graph.size(x)
        if large == size:
            return x
        start = graph.node("Div", graph.node("Sub", large, size), graph.constant([2, 2]))
        return graph.node("Slice", x, start, graph.node("Add", start, size), graph.constant([2, 3]))


class Concat(Layer):
    """Images of the same size, one after the other along the channels."""

    def forward(self, *images: Array) -> Array:
        """Return (N, H, W, C1 + C2 + ...) from images (N, H, W, C1), (N, H, W, C2), ..."""
        _check_same(self, images, dims=3)
        xp, channels = array_module(images[0]), [image.shape[3] for image in images]
        y = empty(xp, (*images[0].shape[:3], sum(channels)), images[0].dtype)
        for image, end in zip(images, itertools.accumulate(channels), strict=True):
            copy(y[..., end - image.shape[3] : end], image)
        self._keep(y, channels)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> tuple[Array, ...] | None:
        """Return each image's own channels of dy."""
        (channels,) = self._take(dy)
        if not input_gradient:
            return None
        ends = itertools.accumulate(channels)
        return tuple(dy[..., end - c : end] for c, end in zip(channels, ends, strict=True))

    def write_nodes(self, graph: Graph, *images: str) -> str:
        """Add what ONNX calls the same."""
        return graph.node("Concat", *images, axis=1)


class Add(Layer):
    """The sum of images of the same shape: y = x1 + x2 + ..., so every dx is dy.

    Backward hands out dy itself, once for each image: do not write into one of them.
    """

    def forward(self, *images: Array) -> Array:
        """Return the sum of images (N, H, W, C)."""
        _check_same(self, images, dims=4)
        y = images[0] + images[1]
        for image in images[2:]:
            y += image
        self._keep(y, len(images))
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> tuple[Array, ...] | None:
        """Return dy once for every image."""
        (count,) = self._take(dy)
        return (dy,) * count if input_gradient else None

    def write_nodes(self, graph: Graph, *images: str) -> str:
        """Add what ONNX calls the same, for two images at a time."""
        y = images[0]
        for image in images[1:]:
            y = graph.node("Add", y, image)
        return y


def _check_same(layer: Layer, images: tuple[Array, ...], dims: int) -> None:
    """Raise unless there are two images or more with the same first `dims` sides and the same kind."""
    if len(images) < 2:
        raise ValueError(f"{layer} joins two inputs or more, got {len(images)}")
    for image in images:
        layer._check_image(image)
    if len({image.shape[:dims] for image in images}) > 1:
        shapes = ", ".join(str(image.shape) for image in images)
        raise ValueError(f"{layer} needs inputs of the same size, got {shapes}: crop them first")
    if len({(image.dtype, array_module(image)) for image in images}) > 1:
        kinds = ", ".join(f"{image.dtype} ({array_module(image).__name__})" for image in images)
        raise TypeError(f"{layer} needs inputs of one dtype and device, got {kinds}")
