"""The transforms of Winograd's convolution for one block of tiles, in a core's cache.

Every transform multiplies by a small matrix from both sides, for all tiles and channels at once: first
along the rows of the tiles, then along their columns, each as one batched product on a strided view.

A tile of m x m outputs reads itself and a halo of 2 pixels to the right and below, which belong to its
neighbours' tiles as well; so for m = 4, a line of two tiles with the pixels that each of them reads:

    tile 1   0 1 2 3 4 5
    tile 2           4 5 6 7 8 9
"""

from __future__ import annotations

import math

import numpy as np

from tinyunet.convolution.winograd.blocks import Block
from tinyunet.convolution.winograd.matrices import Transform
from tinyunet.engine.arrays import sliding_windows
from tinyunet.engine.memory import row, scratch

# OpenBLAS multiplies up to M * N * K = 10^6 without packing: faster for thin matrices.
SMALL = 10**6


def window(
    x: np.ndarray,
    block: Block,
    m: int,
    halo: int,
    top: int,
    left: int,
    gate: np.ndarray | None = None,
) -> np.ndarray:
    """Copy the pixels under a block of m x m tiles, and a halo, into cache; zeros outside."""
    height, width, channels = x.shape[1:]
    i, j = block.y0 * m - top, block.x0 * m - left
    h, w = (block.y1 - block.y0) * m + halo, (block.x1 - block.x0) * m + halo
    window = scratch("window", (block.n1 - block.n0, h, w, channels), x.dtype)
    rows, columns = slice(max(i, 0), min(i + h, height)), slice(max(j, 0), min(j + w, width))
    if (rows.stop - rows.start, columns.stop - columns.start) != (h, w):
        window[:] = 0
    inside = window[:, rows.start - i : rows.stop - i, columns.start - j : columns.stop - j]
    there = slice(block.n0, block.n1), rows, columns
    if gate is None:
        np.copyto(inside, x[there])
    else:
        counts = scratch("gate", inside.shape, np.bool_)
        np.multiply(x[there], np.greater(gate[there], 0, out=counts), out=inside)
    return window


def tiles_in(matrix: np.ndarray, window: np.ndarray, m: int, out: np.ndarray) -> None:
    """out[a, b, tile] = sum over i, j of matrix[a, i] matrix[b, j] window[tile's pixel (i, j)].

    First rows, then columns, as batched products on strided views: overlapping tiles are never
    copied. window (n, h, w, C), matrix (t, k), out (t, t, tiles, C).
    """
    (n, h, w, c), (t, k) = window.shape, matrix.shape
    rows, columns = (h - k) // m + 1, (w - k) // m + 1
    parts = _pieces(w, c, SMALL // (t * k))
    half = scratch("rows", (n, rows, t, w, c), window.dtype)
    lines = sliding_windows(window.reshape(n, h, parts, -1), (k,), (1,))[:, ::m]
    np.matmul(
        matrix,
        lines.swapaxes(3, 4),  # (n, rows, parts, k, w / parts * c)
        out=half.reshape(n, rows, t, parts, -1).swapaxes(2, 3),
    )
    pixels = sliding_windows(half, (k,), (3,))[:, :, :, ::m]
    np.matmul(
        matrix,
        pixels.transpose(2, 0, 1, 3, 5, 4),  # (t, n, rows, columns, k, c)
        out=out.reshape(t, t, n, rows, columns, c).transpose(0, 2, 3, 4, 1, 5),
    )


def tiles_out(
    at: np.ndarray,
    products: np.ndarray,
    block: Block,
    y: np.ndarray,
    bias: np.ndarray | None,
    relu: bool,
) -> None:
    """y[block] = A^T products A, then bias and ReLU while it is in cache."""
    n, rows, columns = block.n1 - block.n0, block.y1 - block.y0, block.x1 - block.x0
    (m, t), c = at.shape, y.shape[3]
    parts = _pieces(block.tiles, c, SMALL // (t * m))
    half = scratch("rows", (m, t, block.tiles, c), y.dtype)
    np.matmul(
        at,
        products.reshape(t, t, parts, -1).transpose(1, 2, 0, 3),
        out=half.reshape(m, t, parts, -1).transpose(1, 2, 0, 3),
    )
    image = scratch("image", (n, m * rows, m * columns, c), y.dtype)
    np.matmul(
        at,
        half.reshape(m, t, n, rows, columns, c).transpose(0, 2, 3, 4, 1, 5),
        out=image.reshape(n, rows, m, columns, m, c).transpose(2, 0, 1, 3, 4, 5),
    )
    place = y[block.n0 : block.n1, m * block.y0 : m * block.y1, m * block.x0 : m * block.x1]
    image = image[:, : place.shape[1], : place.shape[2]]  # ragged edges
    width = image.shape[2]
    if bias is not None:
        image += row(bias, width, c, y.dtype).reshape(width, c)
    if relu:
        np.maximum(image, row(0, width, c, y.dtype).reshape(width, c), out=place)
    else:
        np.copyto(place, image)


def sum_of_tiles(d: np.ndarray) -> np.ndarray:
    """The sum of dy over the pixels of all tiles A dY A^T (t, t, tiles, C), or (t * t, tiles, C).

    At the point 1, A dY A^T is the plain sum over the tile: it makes db for free.
    """
    *points, tiles, channels = d.shape
    t = math.isqrt(math.prod(points))
    return np.ones(tiles, d.dtype) @ d.reshape(t, t, tiles, channels)[1, 1]


def kernels(f: Transform, w: np.ndarray) -> np.ndarray:
    """G w G^T as (t * t, C_in, C_out), in this thread's scratch memory."""
    a, b = w.shape[2:]
    kernels = scratch("w", (3, 3, a, b), w.dtype)
    np.copyto(kernels, w)
    u = scratch("U", (f.t, f.t, a * b), w.dtype)
    sandwich(f.cast("G", w.dtype), kernels.reshape(3, 3, -1), u)
    return u.reshape(-1, a, b)


def sandwich(matrix: np.ndarray, d: np.ndarray, out: np.ndarray) -> None:
    """out = matrix d matrix^T on the two leading axes: d (k, k, n) -> out (m, m, n)."""
    (m, k), n = matrix.shape, d.shape[2]
    parts = _pieces(n, 1, SMALL // (m * k))
    half = scratch("rows", (m, k, parts, n // parts), d.dtype)
    np.matmul(
        matrix, d.reshape(k, k, parts, -1).transpose(1, 2, 0, 3), out=half.transpose(1, 2, 0, 3)
    )
    np.matmul(matrix, half.swapaxes(1, 2), out=out.reshape(m, m, parts, -1).swapaxes(1, 2))


def _pieces(n: int, size: int, limit: int) -> int:
    """The smallest divisor of n that cuts n * size numbers into pieces of about `limit` at most."""
    parts = max(1, -(-n * size // limit))
    while n % parts:
        parts += 1
    return parts
