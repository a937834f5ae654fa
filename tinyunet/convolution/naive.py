"""Convolution by loops: the definition, and the oracle for every faster way.

A convolution, as neural networks use the word, slides a kernel over the image without turning it
(mathematicians call that a correlation). With x zero outside the image, for output pixel (i, j):

    y[i, j] = b + sum over p, q of  x[i * s + p * d - top, j * s + q * d - left] @ w[p, q]

A pixel is a row vector of channels, so the sum over input channels is the product with a matrix
w[p, q] of shape (C_in, C_out). Every product has three roles, and each gives one function here:

    dL/dx[u, v]  gathers  dy[i, j] @ w[p, q].T        from every (i, j, p, q) that read pixel (u, v)
    dL/dw[p, q]  gathers  outer(x[u, v], dy[i, j])    over all images and pixels
    dL/db        gathers  dy[i, j]                    over all images and pixels
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyunet.convolution.geometry import Geometry
from tinyunet.engine.arrays import Array, array_module


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry, relu: bool = False) -> Array:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (kh, kw, C_in, C_out)."""
    xp = array_module(x)
    n, h, width, _ = x.shape
    y = xp.zeros((n, *geometry.output_size(h, width), w.shape[3]), x.dtype)
    for i, j, p, q, u, v in _touches(x.shape, geometry):
        part = y[:, i, j]  # a view: `y[:, i, j] += ...` would also assign it, which a GPU may copy
        part += x[:, u, v] @ w[p, q]
    if b is not None:
        y += b
    return xp.maximum(y, 0) if relu else y


def input_gradient(
    dy: Array, w: Array, x_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> Array:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    dy = dy if gate is None else dy * (gate > 0)
    dx = array_module(dy).zeros(x_shape, dy.dtype)
    for i, j, p, q, u, v in _touches(x_shape, geometry):
        part = dx[:, u, v]
        part += dy[:, i, j] @ w[p, q].T
    return dx


def weight_gradient(
    x: Array, dy: Array, w_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array]:
    """Return dw (kh, kw, C_in, C_out) and db (C_out,), summed over the batch."""
    dy = dy if gate is None else dy * (gate > 0)
    dw = array_module(x).zeros(w_shape, x.dtype)
    for i, j, p, q, u, v in _touches(x.shape, geometry):
        part = dw[p, q]
        part += x[:, u, v].T @ dy[:, i, j]
    return dw, dy.sum((0, 1, 2))


def _touches(x_shape: tuple, geometry: Geometry) -> Iterator[tuple[int, ...]]:
    """Yield every (i, j, p, q, u, v): output pixel, kernel position, the input pixel that they read."""
    height, width = x_shape[1:3]
    out_height, out_width = geometry.output_size(height, width)
    (top, _), (left, _) = geometry.padding
    for i in range(out_height):
        for j in range(out_width):
            for p in range(geometry.kernel[0]):
                for q in range(geometry.kernel[1]):
                    u = i * geometry.stride[0] + p * geometry.dilation[0] - top
                    v = j * geometry.stride[1] + q * geometry.dilation[1] - left
                    if 0 <= u < height and 0 <= v < width:  # outside there are only zeros
                        yield i, j, p, q, u, v
