"""Winograd's convolution in a few lines: what `blocked.py` computes, without its blocks and threads.

`matrices.py` derives it. Cut the output into tiles of m x m pixels; each reads a tile X of the input
with a halo of 2 pixels, (m + 2) x (m + 2) in all, and neighbours overlap. Then

    Y = A^T [(G w G^T) . (B^T X B)] A

Backward is the chain rule through these linear maps, each transposed:

    with respect to X    dX is again such a convolution: of dY, with zeros around it and w turned
    with respect to w    the product "." gives each factor the other one times the gradient A dY A^T
                         that reaches it; sum that over all tiles, and go back through G

In the letters of einsum: a b is a point, n y x a tile (image, row, column), i j a pixel in it, c d a
channel of the input and output. For 3x3 kernels at stride 1 without dilation, and for NumPy only.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.winograd.matrices import TRANSFORMS

F = TRANSFORMS[4]  # m = 4; 6 works as well
einsum = functools.partial(np.einsum, optimize=True)  # as matrix products, and in a good order


def forward(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry, relu: bool = False
) -> np.ndarray:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (3, 3, C_in, C_out)."""
    height, width = geometry.output_size(*x.shape[1:3])
    v = einsum("ai,nyxcij,bj->abnyxc", F.BT, _tiles(_padded(x, geometry), 2), F.BT)  # B^T X B
    u = einsum("ai,ijcd,bj->abcd", F.G, w, F.G)  # G w G^T
    products = einsum("abnyxc,abcd->abnyxd", v, u)
    y = einsum("ai,abnyxd,bj->nyixjd", F.A, products, F.A)  # A^T M A
    n, rows, m, columns, _, channels = y.shape
    y = y.reshape(n, rows * m, columns * m, channels)[:, :height, :width].astype(x.dtype)
    y = y if b is None else y + b
    return np.maximum(y, 0) if relu else y


def input_gradient(
    dy: np.ndarray,
    w: np.ndarray,
    x_shape: tuple,
    geometry: Geometry,
    gate: np.ndarray | None = None,
) -> np.ndarray:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    dy = dy if gate is None else dy * (gate > 0)
    return forward(dy, w[::-1, ::-1].swapaxes(2, 3), None, geometry.turned())


def weight_gradient(
    x: np.ndarray,
    dy: np.ndarray,
    w_shape: tuple,
    geometry: Geometry,
    gate: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return dw (3, 3, C_in, C_out) and db (C_out,), summed over the batch."""
    dy = dy if gate is None else dy * (gate > 0)
    v = einsum("ai,nyxcij,bj->abnyxc", F.BT, _tiles(_padded(x, geometry), 2), F.BT)
    dproducts = einsum("ai,nyxdij,bj->abnyxd", F.A, _tiles(dy, 0), F.A)  # A dY A^T
    du = einsum("abnyxc,abnyxd->abcd", v, dproducts)
    dw = einsum("ai,abcd,bj->ijcd", F.G, du, F.G)  # G^T dU G
    return dw.astype(x.dtype), dy.sum((0, 1, 2))


def _padded(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    return np.pad(x, ((0, 0), *geometry.padding, (0, 0)))


def _tiles(x: np.ndarray, halo: int) -> np.ndarray:
    """Return the tiles (N, rows, columns, C, m + halo, m + halo) of x; the last may stand out."""
    down, across = (-(side - halo) % F.m for side in x.shape[1:3])
    x = np.pad(x, ((0, 0), (0, down), (0, across), (0, 0)))
    return sliding_window_view(x, (F.m + halo,) * 2, (1, 2))[:, :: F.m, :: F.m]
