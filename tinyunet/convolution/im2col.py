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

With a stride, `phases.py` makes a convolution of dy, too.

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

from tinyunet.convolution import phases, windows
from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.gpu import windows as gpu_windows
from tinyunet.convolution.windows import tiled
from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.elementwise import bias_and_relu, fill, gated
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, bands, each, num_threads, total

BAND = 1 << 19  # numbers in one band of patches, 2 MiB of float32: in less, calls are too short
LEAST = 1 << 16  # less is done before another thread has begun
MEETING = 2  # dy's patches make dw only if dy has at most so many times the channels of x
ADDING = 4  # how much longer it takes to add patches up than to copy them
GPU_BAND = 1 << 28  # on a GPU, which likes large pieces: 1 GiB holds the paper's largest layer


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry, relu: bool = False) -> Array:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (kh, kw, C_in, C_out)."""
    xp = array_module(x)
    matrix = w.reshape(-1, w.shape[3])  # (kh*kw*C_in, C_out)
    y = empty(xp, (x.shape[0], *geometry.output_size(*x.shape[1:3]), w.shape[3]), x.dtype)

    def convolve(band: Band) -> None:
        seen = patches(x, band, geometry)
        xp.matmul(seen, matrix, out=like(seen, y[band]))
        bias_and_relu(y[band].reshape(-1, y.shape[3]), b, relu, y.shape[2])

    each(convolve, cut(y.shape, copied(x, geometry), w.shape[3], xp), xp)
    return y


def gradients(
    x: Array, dy: Array, w: Array, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return dw (kh, kw, C_in, C_out), db (C_out,) and dx (N, H, W, C_in), in one pass if possible."""
    if _meet(x, dy, geometry):
        return _from_patches_of_dy(x, dy, w.shape, geometry, gate, w)
    dw, db = weight_gradient(x, dy, w.shape, geometry, gate)
    return dw, db, input_gradient(dy, w, x.shape, geometry, gate)


def input_gradient(
    dy: Array, w: Array, x_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> Array:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    turned = geometry.turned()
    if turned and _few_patches(dy, x_shape):  # the other way to write it, without adding patches up
        dy = dy if gate is None else gated(dy, gate)
        return forward(dy, w[::-1, ::-1].swapaxes(2, 3), None, turned)
    if array_module(dy) is np and phases.suit(dy.shape, w.shape, geometry):
        kernel, around = phases.kernel(w, geometry)
        dy = dy if gate is None else gated(dy, gate)
        return phases.put_between(forward(dy, kernel, None, around), x_shape, geometry)
    matrix = w.reshape(-1, w.shape[3])

    def dpatches(band: Band) -> Array:
        return _gated(dy, gate, band) @ matrix.T

    return spread(dpatches, dy, x_shape, geometry)


def weight_gradient(
    x: Array, dy: Array, w_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array]:
    """Return dw (kh, kw, C_in, C_out) and db (C_out,), summed over the batch."""
    if _meet(x, dy, geometry):  # to the same bits as with dx
        return _from_patches_of_dy(x, dy, w_shape, geometry, gate)[:2]
    xp = array_module(x)

    def share(band: Band) -> tuple[Array, Array]:
        g = _gated(dy, gate, band)
        return outer(g, patches(x, band, geometry)).T, summed(g)

    dw, db = total(share, cut(dy.shape, copied(x, geometry), dy.shape[3], xp), xp)
    return dw.reshape(w_shape), db


def _from_patches_of_dy(
    x: Array,
    dy: Array,
    w_shape: tuple,
    geometry: Geometry,
    gate: Array | None,
    w: Array | None = None,
) -> tuple[Array, Array, Array | None]:
    """Return dw and db, and with the weights dx, from one copy of dy's patches."""
    xp, (kh, kw, c_in, c_out) = array_module(x), w_shape
    turned, place = geometry.turned(), geometry.meeting_place()
    once = slice(place * c_out, (place + 1) * c_out)
    if w is not None:
        matrix = w[::-1, ::-1].swapaxes(2, 3).reshape(-1, c_in)
        dx = empty(xp, x.shape, x.dtype)

    def share(band: Band) -> tuple[Array, Array]:
        """Set a band of dx, and return its share of dw, turned, and of db."""
        seen = patches(dy, band, turned, gate)
        if w is not None:
            xp.matmul(seen, matrix, out=like(seen, dx[band]))
        return outer(x[band], seen), summed(seen[..., once])

    dw, db = total(share, cut(x.shape, copied(dy, turned), c_in, xp), xp)
    dw = dw.reshape(c_in, kh, kw, c_out)[:, ::-1, ::-1].transpose(1, 2, 0, 3)
    return xp.ascontiguousarray(dw), db, None if w is None else dx


def _meet(x: Array, dy: Array, geometry: Geometry) -> bool:
    """Whether dy's patches make dw as well as dx: where pixels meet, and not many more channels."""
    few = dy.shape[3] <= MEETING * x.shape[3] and _few_patches(dy, x.shape)
    return few and geometry.turned() is not None and geometry.meeting_place() is not None


def _few_patches(dy: Array, x_shape: tuple) -> bool:
    """Whether dx is faster to compute as a convolution of dy with the turned kernel.

    It then copies patches of dy, one for each pixel of x. The product above makes patches of x, one
    for each pixel of dy, and adds them up, which takes `ADDING` times as long. A GPU always is faster.
    """
    numbers = math.prod(x_shape[:3]) * dy.shape[3], math.prod(dy.shape[:3]) * x_shape[3]
    return array_module(dy) is not np or numbers[0] <= ADDING * numbers[1]


def spread(
    dpatches: Callable[[Band], Array], dy: Array, x_shape: tuple, geometry: Geometry
) -> Array:
    """Return dx (N, H, W, C): the sum of all bands' patch gradients, each at its pixels."""
    xp = array_module(dy)
    dx = empty(xp, x_shape, dy.dtype)
    pieces = cut(dy.shape, math.prod(geometry.kernel) * x_shape[3], dy.shape[3], xp)
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

    Or (n, rows, W_out, kh * kw * C_in), a matrix for each output row, where they `overlap`. With a
    `gate`, a pixel of x counts only where gate > 0. Valid until this thread's next patches.
    """
    if geometry.tiles(x.shape[1:3]):
        seen = tiled(x, band, geometry)
        seen = seen if gate is None else gated(seen, tiled(gate, band, geometry))
        return seen.reshape(-1, math.prod(geometry.kernel) * x.shape[3])
    return _windows(array_module(x)).patches(x, band, geometry, gate)


def like(seen: Array, pixels: Array) -> Array:
    """Return pixels (n, rows, W_out, C) as a matrix, or one for each row, as their patches are."""
    return pixels.reshape(*seen.shape[:-1], -1)


def outer(pixels: Array, seen: Array) -> Array:
    """Return the sum over pixels (n, rows, W_out, C) of their products with their patches (C, size)."""
    products = like(seen, pixels).swapaxes(-1, -2) @ seen
    return products if products.ndim == 2 else products.reshape(-1, *products.shape[2:]).sum(0)


def summed(pixels: Array) -> Array:
    """Return the sum of pixels (..., C): as products with ones, which are faster than a sum."""
    sums = array_module(pixels).ones(pixels.shape[-2], pixels.dtype) @ pixels
    return sums if sums.ndim == 1 else sums.reshape(-1, sums.shape[-1]).sum(0)


def _windows(xp: ModuleType) -> ModuleType:
    return windows if xp is np else gpu_windows


def cut(y_shape: tuple, copied: int, channels: int, xp: ModuleType = np) -> list[Band]:
    """Cut the output into bands of (images, rows) whose patches hold about BAND numbers.

    `copied` is how many each output pixel needs. A band is never so small that adding up its share of
    dw, for so many `channels` at the patches' other side, costs more than computing it. For CuPy's
    arrays they hold about GPU_BAND: every band costs a GPU the same few launches.
    """
    n, height, width, _ = y_shape
    size = max(BAND if xp is np else GPU_BAND, copied * channels // 4)
    if xp is np:  # something for every thread
        size = min(size, max(LEAST, -(-n * height * width * copied // num_threads())))
    return bands((n, height, width * copied), size=size)


def copied(x: Array, geometry: Geometry) -> int:
    """Return how many numbers `patches` copies of x for each output pixel."""
    xp = array_module(x)
    if xp is np and windows.overlap(x.shape, geometry):
        return geometry.stride[0] * geometry.kernel[1] * x.shape[3]
    return math.prod(geometry.kernel) * x.shape[3]


def _gated(dy: Array, gate: Array | None, band: Band) -> Array:
    """Return the band of dy as (pixels, C_out), times (gate > 0) where a ReLU was fused."""
    g = dy[band] if gate is None else gated(dy[band], gate[band])
    return g.reshape(-1, dy.shape[3])
