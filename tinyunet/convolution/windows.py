"""The windows of an image that a kernel sees, as rows of a patch matrix, and back to their pixels.

`patches` and `add_patches` are each other's transpose: one reads every pixel of a patch, the other adds
to it. Both work on a band of output rows. A GPU has its own: `gpu/windows.py`.

A patch and that of the pixel below have all rows but one in common. If the pixels of a column lie
together, their patches overlap in memory. With a kernel of 3 x 3, and a, b, ... for the 3 * C numbers
that patches read of one row:

    column      a b c d e ...     of output pixels: all that is copied
    patches     a b c             of the first output row's
                  b c d           of the second's

A matrix product takes no rows that overlap. But the patches of one output row lie a whole column apart:
so it is one product for each output row, and pays where these are long.
"""

from __future__ import annotations

import math

import numpy as np

from tinyunet.convolution.geometry import Geometry
from tinyunet.engine.arrays import Array, sliding_windows
from tinyunet.engine.elementwise import gated
from tinyunet.engine.memory import scratch
from tinyunet.engine.threads import Band

FEW = 8  # with fewer channels, as in a first layer, the patch matrix is laid out by columns
# Patches overlap for so many channels, in output rows of so many pixels: measured.
THIN, WIDE = range(FEW, 33), 64


def patches(
    x: np.ndarray, band: Band, geometry: Geometry, gate: np.ndarray | None = None
) -> np.ndarray:
    """Return the patches of a band of output rows: (pixels in the band, kh * kw * C_in).

    Or (n, rows, W_out, kh * kw * C_in) where they `overlap`. With a `gate`, a pixel of x counts only
    where gate > 0. Scratch memory: the next patches of this thread replace them.
    """
    shape, inside, there = geometry.window(x.shape, band)
    window = scratch("window", shape, x.dtype)  # the band's pixels together, in cache
    window[...] = 0
    window[inside] = x[there] if gate is None else gated(x[there], gate[there])
    if overlap(x.shape, geometry):
        return _overlapping(window, geometry)
    seen = views(window, geometry)
    return as_rows(seen, scratch("patches", seen.shape, x.dtype))


def overlap(x_shape: tuple, geometry: Geometry) -> bool:
    """Whether patches of x (N, H, W, C) overlap in memory."""
    wide = geometry.output_size(*x_shape[1:3])[1] >= WIDE
    (kh, _), (step, _) = geometry.kernel, geometry.dilation
    return wide and x_shape[3] in THIN and kh > 1 and step == 1


def _overlapping(window: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Return the patches (n, rows, W_out, kh * kw * C) of a padded window, column after column."""
    (sy, sx), (_, dil_x), (kh, _) = geometry.stride, geometry.dilation, geometry.kernel
    lines = sliding_windows(window, geometry.span[1:], (2,))[:, :, ::sx, :, ::dil_x]
    lines = lines.transpose(0, 2, 1, 4, 3)  # (n, W_out, tall, kw, C)
    columns = scratch("patches", lines.shape, window.dtype)
    columns[...] = lines
    columns = columns.reshape(*lines.shape[:3], -1)  # (n, W_out, tall, kw * C)
    seen = sliding_windows(columns, (kh,), (2,))[:, :, ::sy].transpose(0, 2, 1, 4, 3)
    return seen.reshape(*seen.shape[:3], -1)


def add_patches(dx: np.ndarray, dpatches: np.ndarray, band: Band, geometry: Geometry) -> None:
    """Add a band's patch gradients to the pixels they came from."""
    shape, inside, there = geometry.window(dx.shape, band)
    window = np.zeros(shape, dx.dtype)
    seen = views(window, geometry)
    add_each_place(seen, dpatches.reshape(seen.shape))
    dx[there] += window[inside]


def add_each_place(seen: Array, dpatches: Array) -> None:
    """Add to a view of patches (n, rows, W_out, kh, kw, C), place after place of the kernel.

    Patches overlap, but at one place of the kernel no pixel is seen twice.
    """
    for p in range(seen.shape[3]):
        for q in range(seen.shape[4]):
            pixels = seen[:, :, :, p, q]  # `seen[...] += ...` would also assign, maybe by a copy
            pixels += dpatches[:, :, :, p, q]


def as_rows(seen: Array, out: Array) -> Array:
    """Return patches (n, rows, W_out, kh, kw, C) copied into a matrix (pixels, kh * kw * C).

    `out` has room for them.
    """
    size = math.prod(seen.shape[3:])
    if seen.shape[5] < FEW:  # copy long rows of pixels, not short rows of channels
        seen = seen.transpose(3, 4, 5, 0, 1, 2)
        out = out.reshape(seen.shape)
        out[...] = seen
        return out.reshape(size, -1).T
    out[...] = seen
    return out.reshape(-1, size)


def tiled(x: Array, band: Band, geometry: Geometry) -> Array:
    """Return the view (n, rows, W_out, kh, kw, C) of an image that windows tile without overlaps."""
    (kh, kw), (images, rows) = geometry.kernel, band
    part = x[images, rows.start * kh : rows.stop * kh]
    n, height, width, channels = part.shape
    return part.reshape(n, height // kh, kh, width // kw, kw, channels).transpose(0, 1, 3, 2, 4, 5)


def views(window: Array, geometry: Geometry) -> Array:
    """Return the view (n, rows, W_out, kh, kw, C) of a padded window: all that output pixels read."""
    (sy, sx), (dil_y, dil_x) = geometry.stride, geometry.dilation
    everywhere = sliding_windows(window, geometry.span, (1, 2))  # (n, h, w, C, span, span)
    return everywhere[:, ::sy, ::sx, :, ::dil_y, ::dil_x].transpose(0, 1, 2, 4, 5, 3)
