"""The transposed convolution: y = A^T x + b, where A is a convolution from y's shape to x's.

With a row of A's patch matrix for each pixel of x (see `im2col.py`), and w as (C_in, kh * kw * C_out):

    y   = patches^T(x @ w) + b
    dx  = patches(dy) @ w.T
    dw  = x.T @ patches(dy)
    db  = sum of dy

That is a convolution's input gradient. With the U-Net's kernel and stride, 2 and 2, patches tile y:
every pixel lies in just one. Then the bias is added to the patches, and db summed over them, while they
are in cache.
"""

from __future__ import annotations

import math

from tinyunet.convolution import im2col
from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.im2col import copied, cut, like, outer, patches, spread, summed
from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.elementwise import add_bias, bias_and_relu, sum_pixels
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, total


def output_size(height: int, width: int, geometry: Geometry) -> tuple[int, int]:
    """Return y's (height, width) for x's: (side - 1) * stride - padding + kernel."""
    g = geometry
    sides = zip((height, width), g.stride, g.padding, g.kernel, strict=True)
    h, w = ((side - 1) * s - sum(pad) + k for side, s, pad, k in sides)
    return h, w


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry) -> Array:
    """Return y (N, H', W', C_out) from x (N, H, W, C_in) and w (C_in, kh, kw, C_out)."""
    y_shape = x.shape[0], *output_size(*x.shape[1:3], geometry), w.shape[3]
    if not geometry.tiles(y_shape[1:3]):
        y = im2col.input_gradient(x, w.transpose(1, 2, 3, 0), y_shape, geometry)
        if b is not None:
            add_bias(y, b)
        return y
    matrix = w.reshape(w.shape[0], -1)
    places = None if b is None else array_module(x).tile(b, math.prod(geometry.kernel))

    def dpatches(band: Band) -> Array:  # what each pixel adds to the output
        added = _pixels(x, band) @ matrix
        bias_and_relu(added, places, False, x.shape[2])
        return added

    return spread(dpatches, x, y_shape, geometry)


def gradients(
    x: Array, dy: Array, w: Array, geometry: Geometry, input_gradient: bool = True
) -> tuple[Array, Array, Array | None]:
    """Return dw (C_in, kh, kw, C_out), db (C_out,) and dx (N, H, W, C_in), or None in its place.

    In one function, since all read the same patches of dy.
    """
    xp, matrix = array_module(dy), w.reshape(w.shape[0], -1)
    dx = empty(xp, x.shape, dy.dtype) if input_gradient else None
    tiles = geometry.tiles(dy.shape[1:3])

    def share(band: Band) -> tuple[Array, ...]:  # dx, and this band's part of dw and db
        seen = patches(dy, band, geometry)
        if dx is not None:
            xp.matmul(seen, matrix.T, out=like(seen, dx[band]))
        dw = outer(x[band], seen)
        return (dw, summed(seen)) if tiles else (dw,)

    dw, *places = total(share, cut(x.shape, copied(dy, geometry), len(matrix), xp), xp)
    db = places[0].reshape(-1, w.shape[3]).sum(0) if tiles else sum_pixels(dy)
    return dw.reshape(w.shape), db, dx


def input_gradient(dy: Array, w: Array, geometry: Geometry) -> Array:
    """Return dx (N, H, W, C_in) alone: the convolution A of dy."""
    return im2col.forward(dy, w.transpose(1, 2, 3, 0), None, geometry)


def _pixels(x: Array, band: Band) -> Array:
    """Return a band's pixels as rows: (pixels in the band, C)."""
    return x[band].reshape(-1, x.shape[3])
