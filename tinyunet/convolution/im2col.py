"""Convolution as one matrix product: any kernel, stride, padding and dilation.

Write the pixels that an output pixel reads as a row of kh * kw * C_in numbers ("image to columns",
after Chellapilla et al. 2006). With one row for each output pixel, a convolution is a product:

    y    = patches(x) @ w           (P, kh*kw*C_in) @ (kh*kw*C_in, C_out)
    dw   = patches(x).T @ dy
    dx   = patches^T(dy @ w.T)      the transpose of `patches` adds every entry back to its pixel

With stride 1, dx is also a convolution of dy with the kernel turned by 180 degrees, which adds nothing
up and is mostly faster. A pixel of x and one of dy that meet in patches(x) meet in patches(dy) as well,
so these make both gradients:

    dx           = patches(dy) @ w turned
    dw.T turned  = x.T @ patches(dy)

The patch matrix is kh * kw times as large as the image. It is never built whole: the output is
computed in bands of rows, so that one band's patches stay in the processor's cache. `windows.py` copies
a band's patches, and adds them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby
from types import ModuleType

import numpy as np

from tinyunet.convolution import windows
from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.gpu import windows as gpu_windows
from tinyunet.convolution.windows import tiled
from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.elementwise import bias_and_relu, fill, gated
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, bands, each, num_threads, total

BAND = 1 << 19  # numbers in one band of patches, 2 MiB of float32: in less, calls are too short
LEAST = 1 << 16  # less is done before another thread has begun
ADDING = 4  # how much longer it takes to add patches up than to copy them
GPU_BAND = 1 << 28  # on a GPU, which likes large pieces: 1 GiB holds the paper's largest layer


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


def gradients(
    x: Array, dy: Array, w: Array, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return dw (kh, kw, C_in, C_out), db (C_out,) and dx (N, H, W, C_in), in one pass if possible."""
    turned, place = geometry.turned(), _meeting_place(geometry)
    if turned is None or place is None or not _few_patches(dy, x.shape):
        dw, db = weight_gradient(x, dy, w.shape, geometry, gate)
        return dw, db, input_gradient(dy, w, x.shape, geometry, gate)
    xp, (kh, kw, c_in, c_out) = array_module(x), w.shape
    matrix = w[::-1, ::-1].swapaxes(2, 3).reshape(-1, c_in)
    dx = empty(xp, x.shape, x.dtype)
    once = slice(place * c_out, (place + 1) * c_out)

    def share(band: Band) -> tuple[Array, Array]:
        """Set a band of dx, and return its share of dw, turned, and of db."""
        seen = patches(dy, band, turned, gate)
        xp.matmul(seen, matrix, out=dx[band].reshape(-1, c_in))
        return x[band].reshape(-1, c_in).T @ seen, xp.ones(len(seen), dy.dtype) @ seen[:, once]

    dw, db = total(share, cut(x.shape, matrix.shape, xp), xp)
    dw = dw.reshape(c_in, kh, kw, c_out)[:, ::-1, ::-1].transpose(1, 2, 0, 3)
    return xp.ascontiguousarray(dw), db, dx


def input_gradient(
    dy: Array, w: Array, x_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> Array:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    turned = geometry.turned()
    if turned and _few_patches(dy, x_shape):  # the other way to write it, without adding patches up
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


def _few_patches(dy: Array, x_shape: tuple) -> bool:
    """Whether dx is faster to compute as a convolution of dy with the turned kernel.

    It then copies patches of dy, one for each pixel of x. The product above makes patches of x, one
    for each pixel of dy, and adds them up, which takes `ADDING` times as long. A GPU always is faster.
    """
    numbers = math.prod(x_shape[:3]) * dy.shape[3], math.prod(dy.shape[:3]) * x_shape[3]
    return array_module(dy) is not np or numbers[0] <= ADDING * numbers[1]


def _meeting_place(geometry: Geometry) -> int | None:
    """The place of the turned kernel where pixel (i, j) of x meets pixel (i, j) of dy.

    None if there is no such place, or if dy is larger than x, so that not all of dy is met there.
    """
    place = 0
    for kernel, span, (before, after), step in zip(
        geometry.kernel, geometry.span, geometry.padding, geometry.dilation, strict=True
    ):
        index, between = divmod(span - 1 - before, step)
        if between or before + after > span - 1:
            return None
        place = place * kernel + index
    return place


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
            view = tiled(dx, band, geometry)
            view[...] = dpatches(band).reshape(view.shape)

        each(place, pieces, xp)
        return dx
    fill(dx, 0)

    def add(group: list[Band]) -> None:
        for band in group:
            _windows(xp).add_patches(dx, dpatches(band), band, geometry)

    # Windows of neighbouring bands may overlap in dx: then one thread adds up all of an image.
    if geometry.span[0] <= geometry.stride[0]:
        each(add, [[band] for band in pieces], xp)
    else:
        each(add, [list(group) for _, group in groupby(pieces, lambda band: band[0].start)], xp)
    return dx


def patches(x: Array, band: Band, geometry: Geometry, gate: Array | None = None) -> Array:
    """Return the patches of a band of output rows: (pixels in the band, kh * kw * C_in).

    With a `gate`, a pixel of x counts only where gate > 0. Valid until this thread's next patches.
    """
    if geometry.tiles(x.shape[1:3]):
        seen = tiled(x, band, geometry)
        seen = seen if gate is None else gated(seen, tiled(gate, band, geometry))
        return seen.reshape(-1, math.prod(geometry.kernel) * x.shape[3])
    return _windows(array_module(x)).patches(x, band, geometry, gate)


def _windows(xp: ModuleType) -> ModuleType:
    return windows if xp is np else gpu_windows


def cut(y_shape: tuple, matrix_shape: tuple, xp: ModuleType = np) -> list[Band]:
    """Cut the output into bands of (images, rows) whose patches hold about BAND numbers.

    A band is never so small that adding up its share of dw costs more than computing it. For CuPy's
    arrays they hold about GPU_BAND: every band costs a GPU the same few launches.
    """
    n, height, width, _ = y_shape
    size = max(BAND if xp is np else GPU_BAND, matrix_shape[0] * matrix_shape[1] // 4)
    if xp is np:  # something for every thread
        numbers = n * height * width * matrix_shape[0]
        size = min(size, max(LEAST, -(-numbers // num_threads())))
    return bands((n, height, width * matrix_shape[0]), size=size)


def _gated(dy: Array, gate: Array | None, band: Band) -> Array:
    """Return the band of dy as (pixels, C_out), times (gate > 0) where a ReLU was fused."""
    g = dy[band] if gate is None else gated(dy[band], gate[band])
    return g.reshape(-1, dy.shape[3])
