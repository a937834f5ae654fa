"""Which part of the image, and of every map on the way, a pixel of the output can depend on."""

from __future__ import annotations

import numpy as np

from tinyunet.inside.record import Call, Record
from tinyunet.layers import (
    AdaptiveAvgPool2d,
    CenterCrop,
    Conv2d,
    ConvTranspose2d,
    CropAt,
    InstanceNorm2d,
    MaxPool2d,
    MaxUnpool2d,
    Upsample,
)
from tinyunet.layers.average import bin_means
from tinyunet.layers.leaky import LeakyReLU
from tinyunet.layers.resize import interpolation
from tinyunet.networks.receptive_field import PIXELWISE

Span = tuple[int, int]  # the first and the last row, or column


def fields(
    record: Record, row: int, column: int, number: int | None = None
) -> dict[int, tuple[Span, Span]]:
    """Return the rows and columns on which a pixel of the logits depends, of each map and the image.

    Of another call's output than the logits, if there is a `number`.

    They are exact for the pixel, borders and the poolings' grid included: the frame of all that it can
    see along the longest way. Only calls on the way are in it. Where a layer is not ours, all of its
    input is taken.
    """
    number = record.last if number is None else number
    if number is None:
        return {}
    down, across = (_spans(record, number, place, axis) for axis, place in enumerate((row, column)))
    return {number: (down[number], across[number]) for number in down}


def _spans(record: Record, start: int, place: int, axis: int) -> dict[int, Span]:
    """The same along one axis."""
    found: dict[int, Span] = {start: (place, place)}
    for number in range(start, -1, -1):
        if number not in found:
            continue
        call = record.calls[number]
        for maker, shape in zip(call.makers, call.inputs, strict=True):
            if maker is None:
                continue
            side = shape[1 + axis]
            first, last = _read(call, found[number], side, axis)
            span = max(first, 0), min(last, side - 1)
            if span[0] > span[1]:  # zeros around the image alone
                continue
            known = found.get(maker, span)
            found[maker] = min(known[0], span[0]), max(known[1], span[1])
    return found


def _read(call: Call, span: Span, side: int, axis: int) -> Span:
    """Which rows (or columns) of an input of `side` those in `span` of the output are made of."""
    layer, (first, last) = call.layer, span
    new = call.shape[1 + axis]
    if isinstance(layer, Conv2d):
        g = layer.geometry
        begin = first * g.stride[axis] - g.padding[axis][0]
        return begin, begin + (last - first) * g.stride[axis] + g.span[axis] - 1
    if isinstance(layer, MaxPool2d):
        k, s, p = layer.kernel_size[axis], layer.stride[axis], layer.padding[axis]
        return first * s - p, last * s - p + k - 1
    if isinstance(layer, ConvTranspose2d):
        g = layer.geometry
        k, s, p = g.kernel[axis], g.stride[axis], g.padding[axis][0]
        return -((k - 1 - first - p) // s), (last + p) // s
    if isinstance(layer, MaxUnpool2d):
        k, s, p = (
            layer._pool.kernel_size[axis], layer._pool.stride[axis], layer._pool.padding[axis],
        )  # fmt: skip
        return -((k - 1 - first - p) // s), (last + p) // s
    if isinstance(layer, CenterCrop) and side != new:
        top = (side - new) // 2
        return first + top, last + top
    if isinstance(layer, CropAt):
        return first + layer.offset[axis], last + layer.offset[axis]
    if isinstance(layer, Upsample):
        factor = None if call.options else (layer.scale_factor or (None, None))[axis]
        return _columns(interpolation(side, new, layer.align_corners, factor), span)
    if isinstance(layer, AdaptiveAvgPool2d):
        return _columns(bin_means(side, new), span)
    if call.passes or (isinstance(layer, PIXELWISE | LeakyReLU) and side == new):
        return span
    return 0, side - 1  # all of it: means over the image, or not known


def _columns(matrix: np.ndarray, span: Span) -> Span:
    """Which columns of a matrix (new, side) the rows of a span need."""
    used = np.flatnonzero(matrix[span[0] : span[1] + 1].any(axis=0))
    return int(used[0]), int(used[-1])


def cut(array: np.ndarray, box: tuple[Span, Span]) -> np.ndarray:
    """Return the part of an array (H, W, ...) that lies in a frame."""
    (top, bottom), (left, right) = box
    return array[top : bottom + 1, left : right + 1]


def known(record: Record) -> bool:
    """Whether every layer's reach is known, so that the frames are no larger than they must be."""
    spatial = (
        Conv2d | MaxPool2d | ConvTranspose2d | MaxUnpool2d | CenterCrop | CropAt | Upsample
        | AdaptiveAvgPool2d | InstanceNorm2d | LeakyReLU
    )  # fmt: skip
    return record.complete and all(
        call.passes or isinstance(call.layer, spatial | PIXELWISE) for call in record.calls
    )
