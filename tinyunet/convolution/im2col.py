"""Convolution as one matrix product: any kernel, stride, padding and dilation.

Write the pixels that an output pixel reads as a row of kh * kw * C_in numbers ("image to columns",
after Chellapilla et al. 2006). With one row for each output pixel, a convolution is a product:

    y    = patches(x) @ w           (P, kh*kw*C_in) @ (kh*kw*C_in, C_out)
    dw   = patches(x).T @ dy
    dx   = patches^T(dy @ w.T)      the transpose of `patches` adds every entry back to its pixel

The patch matrix is kh * kw times as large as the image. It is never built whole: the output is
computed in bands of rows, so that one band's patches stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from types import ModuleType

import numpy as np

from tinyunet.convolution.geometry import Geometry
from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.elementwise import bias_and_relu, fill, fused, gated
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, bands, each, total

BAND = 1 << 18  # numbers in one band of patches: 1 MiB of float32, half a core's L2 cache
GPU_BAND = 1 << 28  # on a GPU, which likes large pieces: 1 GiB holds the paper's largest layer
MANY = 1 << 25  # numbers in patches, from which a GPU's time to copy them exceeds Python's
FEW = 8  # with fewer channels, as in a first layer, the patch matrix is laid out by columns


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry, relu: bool = False) -> Array:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (kh, kw, C_in, C_out)."""
    xp = array_module(x)
    matrix = w.reshape(-1, w.shape[3])  # (kh*kw*C_in, C_out)
    y = empty(xp, (x.shape[0], *geometry.output_size(*x.shape[1:3]), w.shape[3]), x.dtype)

    def convolve(band: Band) -> None:
        part = xp.matmul(patches(x, band, geometry), matrix, out=y[band].reshape(-1, w.shape[3]))
        bias_and_relu(part, b, relu, y.shape[2])

    each(convolve, cut(y.shape, matrix.shape, xp), xp)
    return y


def input_gradient(
    dy: Array, w: Array, x_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> Array:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    turned = geometry.turned()
    if array_module(dy) is not np and turned:  # faster there than adding patches up
        dy = dy if gate is None else gated(dy, gate)
        return forward(dy, w[::-1, ::-1].swapaxes(2, 3), None, turned)
    matrix = w.reshape(-1, w.shape[3])

    def dpatches(band: Band) -> Array:
        return _gated(dy, gate, band) @ matrix.T

    return spread(dpatches, dy, x_shape, geometry)


def weight_gradient(
    x: Array, dy: Array, w_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array]:
    """Return dw (kh, kw, C_in, C_out) and db (C_out,), summed over the batch."""
    xp = array_module(x)

    def share(band: Band) -> tuple[Array, Array]:
        g = _gated(dy, gate, band)
        # The sum over pixels as a product with ones: it is faster.
        return patches(x, band, geometry).T @ g, xp.ones(len(g), g.dtype) @ g

    matrix_shape = w_shape[0] * w_shape[1] * w_shape[2], w_shape[3]
    dw, db = total(share, cut(dy.shape, matrix_shape, xp), xp)
    return dw.reshape(w_shape), db


def spread(
    dpatches: Callable[[Band], Array], dy: Array, x_shape: tuple, geometry: Geometry
) -> Array:
    """Return dx (N, H, W, C): the sum of all bands' patch gradients, each at its pixels."""
    xp = array_module(dy)
    dx = empty(xp, x_shape, dy.dtype)
    size = geometry.kernel[0] * geometry.kernel[1] * x_shape[3]
    pieces = cut(dy.shape, (size, dy.shape[3]), xp)
    if geometry.tiles(x_shape[1:3]):  # every pixel lies in one window: nothing to add up

        def place(band: Band) -> None:
            view = _windows(dx, band, geometry)
            view[...] = dpatches(band).reshape(view.shape)

        each(place, pieces, xp)
        return dx
    fill(dx, 0)

    def add(group: list[Band]) -> None:
        for band in group:
            add_patches(dx, dpatches(band), band, geometry)

    # Windows of neighbouring bands may overlap in dx: then one thread adds up all of an image.
    if geometry.span[0] <= geometry.stride[0]:
        each(add, [[band] for band in pieces], xp)
    else:
        each(add, [list(group) for _, group in groupby(pieces, lambda band: band[0].start)], xp)
    return dx


def patches(x: Array, band: Band, geometry: Geometry) -> Array:
    """Return the patches of a band of output rows: (pixels in the band, kh * kw * C_in)."""
    size = geometry.kernel[0] * geometry.kernel[1] * x.shape[3]
    if geometry.tiles(x.shape[1:3]):
        return _windows(x, band, geometry).reshape(-1, size)
    xp = array_module(x)
    shape, inside, there = _window_of(x.shape, band, geometry)
    window = part = x[there]
    if xp is np or part.shape != shape:  # a CPU wants the band's pixels together, in its cache
        window = xp.zeros(shape, x.dtype)
        window[inside] = part
    height, width = band[1].stop - band[1].start, geometry.output_size(*x.shape[1:3])[1]
    if xp is not np and len(window) * height * width * size >= MANY:
        return _gathered(window, height, width, geometry)
    (kh, kw), (sy, sx), (dil_y, dil_x) = geometry.kernel, geometry.stride, geometry.dilation
    image, down, across, channel = window.strides
    views = xp.lib.stride_tricks.as_strided(  # nothing is copied yet
        window,
        (shape[0], height, width, kh, kw, shape[3]),
        (image, sy * down, sx * across, dil_y * down, dil_x * across, channel),
    )
    if x.shape[3] < FEW:  # copy long rows of pixels, not short rows of channels
        return views.transpose(3, 4, 5, 0, 1, 2).reshape(size, -1).T
    return views.reshape(-1, size)


def _gathered(window: Array, height: int, width: int, geometry: Geometry) -> Array:
    """Return the patches of `window`, copied a kernel row at a time: a GPU's share of `patches`.

    To find out where a number lies costs a GPU more than to copy it. A fused copy of several views
    of the same shape finds out once for all of them.
    """
    (kh, kw), channels = geometry.kernel, window.shape[3]
    found = array_module(window).empty((len(window), height, width, kh, kw, channels), window.dtype)
    for p in range(kh):
        views = [window[_read_by(p, q, height, width, geometry)] for q in range(kw)]
        fused(_copies, array_module(window))(*views, *(found[:, :, :, p, q] for q in range(kw)))
    return found.reshape(-1, kh * kw * channels)


def _copies(xp: ModuleType, *arrays: Array) -> None:
    """Copy the first half of the arrays into the second."""
    half = len(arrays) // 2
    for x, out in zip(arrays[:half], arrays[half:], strict=True):
        out[...] = x


def _windows(x: Array, band: Band, geometry: Geometry) -> Array:
    """Return the view (n, rows, W_out, kh, kw, C) of an image that windows tile without overlaps."""
    (kh, kw), (images, rows) = geometry.kernel, band
    part = x[images, rows.start * kh : rows.stop * kh]
    n, height, width, channels = part.shape
    return part.reshape(n, height // kh, kh, width // kw, kw, channels).transpose(0, 1, 3, 2, 4, 5)


def add_patches(dx: Array, dpatches: Array, band: Band, geometry: Geometry) -> None:
    """Add a band's patch gradients to the pixels they came from: the transpose of `patches`."""
    xp = array_module(dx)
    shape, inside, there = _window_of(dx.shape, band, geometry)
    window = part = dx[there]
    if xp is np or part.shape != shape:
        window = xp.zeros(shape, dx.dtype)
    kh, kw = geometry.kernel
    height, width = band[1].stop - band[1].start, geometry.output_size(*dx.shape[1:3])[1]
    dpatches = dpatches.reshape(-1, height, width, kh, kw, dx.shape[3])
    for p in range(kh):
        for q in range(kw):
            pixels = window[_read_by(p, q, height, width, geometry)]
            pixels += dpatches[:, :, :, p, q]
    if window is not part:
        part += window[inside]


def _read_by(p: int, q: int, height: int, width: int, geometry: Geometry) -> tuple[slice, ...]:
    """Where a window's pixels are that the kernel reads at (p, q), one for each output pixel."""
    (sy, sx), (dil_y, dil_x) = geometry.stride, geometry.dilation
    down = slice(p * dil_y, p * dil_y + sy * (height - 1) + 1, sy)
    across = slice(q * dil_x, q * dil_x + sx * (width - 1) + 1, sx)
    return slice(None), down, across


def cut(y_shape: tuple, matrix_shape: tuple, xp: ModuleType = np) -> list[Band]:
    """Cut the output into bands of (images, rows) whose patches hold about BAND numbers.

    A band is never so small that adding up its share of dw costs more than computing it. For CuPy's
    arrays they hold about GPU_BAND: every band costs a GPU the same few launches.
    """
    n, height, width, _ = y_shape
    band = BAND if xp is np else GPU_BAND
    return bands(
        (n, height, width * matrix_shape[0]),
        size=max(band, matrix_shape[0] * matrix_shape[1] // 4),
    )


def _window_of(x_shape: tuple, band: Band, geometry: Geometry) -> tuple:
    """Return what a band of output rows reads of x.

    Three things: the shape of the window with its padding; where in the window the image lies; and
    which images, rows and columns those are.
    """
    images, rows = band
    n, height, width, channels = x_shape
    (sy, sx), ((above, _), (left, _)) = geometry.stride, geometry.padding
    tall = (rows.stop - 1 - rows.start) * sy + geometry.span[0]
    wide = (geometry.output_size(height, width)[1] - 1) * sx + geometry.span[1]
    window_rows, image_rows = _overlap(rows.start * sy - above, tall, height)
    window_columns, image_columns = _overlap(-left, wide, width)
    count = len(range(*images.indices(n)))
    inside = slice(None), window_rows, window_columns
    return (count, tall, wide, channels), inside, (images, image_rows, image_columns)


def _overlap(start: int, length: int, side: int) -> tuple[slice, slice]:
    """Return the part of the window [start, start + length) that lies in an image of `side`.

    Once counted from the window's first pixel, once from the image's.
    """
    first, last = (min(max(edge, 0), side) for edge in (start, start + length))
    return slice(first - start, last - start), slice(first, last)


def _gated(dy: Array, gate: Array | None, band: Band) -> Array:
    """Return the band of dy as (pixels, C_out), times (gate > 0) where a ReLU was fused."""
    g = dy[band] if gate is None else gated(dy[band], gate[band])
    return g.reshape(-1, dy.shape[3])
