"""The transposed convolution: y = A^T x + b, where A is a convolution from y's shape to x's.

With a row of A's patch matrix for each pixel of x (see `im2col.py`), and w as (C_in, kh * kw * C_out):

    y   = patches^T(x @ w) + b
    dx  = patches(dy) @ w.T
    dw  = x.T @ patches(dy)
    db  = sum of dy                 `elementwise.sum_pixels`
"""

from __future__ import annotations

from tinyunet.convolution import im2col
from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.im2col import cut, patches, spread
from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.elementwise import add_bias
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
    matrix = w.reshape(w.shape[0], -1)

    def dpatches(band: Band) -> Array:  # what each pixel adds to the output
        return _pixels(x, band) @ matrix

    y_shape = x.shape[0], *output_size(*x.shape[1:3], geometry), w.shape[3]
    y = spread(dpatches, x, y_shape, geometry)
    if b is not None:
        add_bias(y, b)
    return y


def gradients(
    x: Array, dy: Array, w: Array, geometry: Geometry, input_gradient: bool = True
) -> tuple[Array, Array | None]:
    """Return dw (C_in, kh, kw, C_out) and dx (N, H, W, C_in), or None in its place.

    In one function, since both read the same patches of dy.
    """
    xp, matrix = array_module(dy), w.reshape(w.shape[0], -1)
    dx = empty(xp, x.shape, dy.dtype) if input_gradient else None

    def share(band: Band) -> tuple[Array]:  # dx, and this band's part of dw
        seen = patches(dy, band, geometry)
        if dx is not None:
            xp.matmul(seen, matrix.T, out=_pixels(dx, band))
        return (_pixels(x, band).T @ seen,)

    (dw,) = total(share, cut(x.shape, matrix.shape[::-1], xp), xp)
    return dw.reshape(w.shape), dx


def input_gradient(dy: Array, w: Array, geometry: Geometry) -> Array:
    """Return dx (N, H, W, C_in) alone: the convolution A of dy."""
    return im2col.forward(dy, w.transpose(1, 2, 3, 0), None, geometry)


def _pixels(x: Array, band: Band) -> Array:
    """Return a band's pixels as rows: (pixels in the band, C)."""
    return x[band].reshape(-1, x.shape[3])
