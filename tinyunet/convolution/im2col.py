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

from collections.abc import Iterator

from tinyunet.arrays import Array, array_module
from tinyunet.convolution.geometry import Geometry

BAND = 1 << 19  # numbers in one band of patches: 2 MiB of float32, about a core's L2 cache


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry, relu: bool = False) -> Array:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (kh, kw, C_in, C_out)."""
    xp = array_module(x)
    matrix = w.reshape(-1, w.shape[3])  # (kh*kw*C_in, C_out)
    y = xp.empty((x.shape[0], *geometry.output_size(*x.shape[1:3]), w.shape[3]), x.dtype)
    for images, rows in _bands(y.shape, matrix.shape):
        band = patches(x, images, rows, geometry) @ matrix
        if b is not None:
            band += b
        if relu:
            xp.maximum(band, 0, out=band)
        y[images, rows] = band.reshape(y[images, rows].shape)
    return y


def input_gradient(
    dy: Array, w: Array, x_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> Array:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    matrix = w.reshape(-1, w.shape[3])
    dx = array_module(dy).zeros(x_shape, dy.dtype)
    for images, rows in _bands(dy.shape, matrix.shape):
        add_patches(dx, _gated(dy, gate, images, rows) @ matrix.T, images, rows, geometry)
    return dx


def weight_gradient(
    x: Array, dy: Array, w_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array]:
    """Return dw (kh, kw, C_in, C_out) and db (C_out,), summed over the batch."""
    xp = array_module(x)
    matrix_shape = (w_shape[0] * w_shape[1] * w_shape[2], w_shape[3])
    dw, db = xp.zeros(matrix_shape, x.dtype), xp.zeros(w_shape[3], x.dtype)
    for images, rows in _bands(dy.shape, matrix_shape):
        g = _gated(dy, gate, images, rows)
        dw += patches(x, images, rows, geometry).T @ g
        db += xp.ones(len(g), g.dtype) @ g  # the sum over pixels, as a product: it is faster
    return dw.reshape(w_shape), db


def patches(x: Array, images: slice, rows: slice, geometry: Geometry) -> Array:
    """Return the patches of a band of output rows: (pixels in the band, kh * kw * C_in)."""
    if geometry.pointwise:
        return x[images, rows].reshape(-1, x.shape[3])
    xp = array_module(x)
    window, inside, span = _window_of(x.shape, images, rows, geometry)
    band = xp.zeros(window, x.dtype)
    band[inside] = x[images, span[0], span[1]]
    views = xp.lib.stride_tricks.sliding_window_view(band, geometry.span, axis=(1, 2))
    (sy, sx), (dy, dx) = geometry.stride, geometry.dilation
    views = views[
        :, ::sy, ::sx, :, ::dy, ::dx
    ]  # (n, rows, W_out, C_in, kh, kw), nothing copied yet
    size = geometry.kernel[0] * geometry.kernel[1] * x.shape[3]
    return views.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size)


def add_patches(dx: Array, dpatches: Array, images: slice, rows: slice, geometry: Geometry) -> None:
    """Add a band's patch gradients to the pixels they came from: the transpose of `patches`."""
    if geometry.pointwise:
        dx[images, rows] += dpatches.reshape(dx[images, rows].shape)
        return
    window, inside, span = _window_of(dx.shape, images, rows, geometry)
    band = array_module(dx).zeros(window, dx.dtype)
    (kh, kw), (sy, sx), (dil_y, dil_x) = geometry.kernel, geometry.stride, geometry.dilation
    height = rows.stop - rows.start
    width = geometry.output_size(*dx.shape[1:3])[1]
    dpatches = dpatches.reshape(-1, height, width, kh, kw, dx.shape[3])
    for p in range(kh):
        for q in range(kw):
            down = slice(p * dil_y, p * dil_y + sy * (height - 1) + 1, sy)
            across = slice(q * dil_x, q * dil_x + sx * (width - 1) + 1, sx)
            band[:, down, across] += dpatches[:, :, :, p, q]
    dx[images, span[0], span[1]] += band[inside]


def _bands(y_shape: tuple, matrix_shape: tuple) -> Iterator[tuple[slice, slice]]:
    """Cut the output into (images, rows) whose patches hold about BAND numbers.

    A band is never so small that adding up its share of dw costs more than computing it.
    """
    n, height, width, _ = y_shape
    row = width * matrix_shape[0]
    size = max(BAND, matrix_shape[0] * matrix_shape[1] // 4)
    if height * row <= size:  # several whole images
        step = max(1, size // (height * row))
        for i in range(0, n, step):
            yield slice(i, min(i + step, n)), slice(0, height)
        return
    step = max(1, size // row)
    for i in range(n):
        for top in range(0, height, step):
            yield slice(i, i + 1), slice(top, min(top + step, height))


def _window_of(x_shape: tuple, images: slice, rows: slice, geometry: Geometry) -> tuple:
    """Return what a band of output rows reads of x.

    Three things: the shape of the window with its padding; where in the window the image lies; and
    which rows and columns of the image those are.
    """
    n, height, width, channels = x_shape
    (sy, sx), ((above, _), (left, _)) = geometry.stride, geometry.padding
    tall = (rows.stop - 1 - rows.start) * sy + geometry.span[0]
    wide = (geometry.output_size(height, width)[1] - 1) * sx + geometry.span[1]
    window_rows, image_rows = _overlap(rows.start * sy - above, tall, height)
    window_columns, image_columns = _overlap(-left, wide, width)
    count = len(range(*images.indices(n)))
    inside = slice(None), window_rows, window_columns
    return (count, tall, wide, channels), inside, (image_rows, image_columns)


def _overlap(start: int, length: int, side: int) -> tuple[slice, slice]:
    """Return the part of the window [start, start + length) that lies in an image of `side`.

    Once counted from the window's first pixel, once from the image's.
    """
    first, last = (min(max(edge, 0), side) for edge in (start, start + length))
    return slice(first - start, last - start), slice(first, last)


def _gated(dy: Array, gate: Array | None, images: slice, rows: slice) -> Array:
    """Return the band of dy as (pixels, C_out), times (gate > 0) where a ReLU was fused."""
    g = dy[images, rows]
    if gate is not None:
        g = g * (gate[images, rows] > 0)
    return g.reshape(-1, dy.shape[3])
