"""3x3 convolutions with a quarter of the multiplications: Winograd's, in blocks that stay in cache.

The maths is derived in `transform.py`: a tile X of (m + 2) x (m + 2) input pixels gives a tile Y of
m x m output pixels,

    Y = A^T [(G w G^T) . (B^T X B)] A

and the gradients follow the chain rule through the same maps:

    dX is the same convolution of dY, with the kernel turned and its channels exchanged
    dw = G^T [sum over tiles of (B^T X B)^T (A dY A^T)] G

With channels, each of the (m + 2)^2 products "." is a matrix product over C_in, for all tiles at once.
The tiles are worked on in blocks (`tiles.py`): every block is copied into scratch memory, transformed,
multiplied, transformed back, and given its bias and ReLU while it is in a core's cache. For NumPy only.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.tiles import (
    Block,
    Plan,
    block_tiles,
    channel_slices,
    row_blocks,
    tile_range,
)
from tinyunet.convolution.transform import Transform
from tinyunet.memory import empty, row, scratch
from tinyunet.parallel import each, total

# OpenBLAS multiplies up to M * N * K = 10^6 without packing: faster for thin matrices.
SMALL = 10**6


# ---------------------------------------------------------------------- the three functions


def forward(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry, relu: bool = False
) -> np.ndarray:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (3, 3, C_in, C_out)."""
    (top, _), (left, _) = geometry.padding
    size = geometry.output_size(*x.shape[1:3])
    return _convolve(x, w, (top, left), size, bias=b, relu=relu)


def input_gradient(
    dy: np.ndarray,
    w: np.ndarray,
    x_shape: tuple,
    geometry: Geometry,
    gate: np.ndarray | None = None,
) -> np.ndarray:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    (top, _), (left, _) = geometry.padding
    return _convolve(dy, w, (2 - top, 2 - left), x_shape[1:3], gate=gate, turned=True)


def weight_gradient(
    x: np.ndarray,
    dy: np.ndarray,
    w_shape: tuple,
    geometry: Geometry,
    gate: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return dw (3, 3, C_in, C_out) and db (C_out,), summed over the batch."""
    (top, _), (left, _) = geometry.padding
    (n, height, width, c_out), c_in, dtype = dy.shape, x.shape[3], x.dtype
    plan = Plan.of(n, height, width)
    m, t = plan.f.m, plan.f.t
    bt, a, gt = plan.f.cast("BT", dtype), plan.f.cast("A", dtype), plan.f.cast("G", dtype, True)

    def transform(block: Block, v: np.ndarray, products: np.ndarray) -> np.ndarray:
        """V = B^T X B and A dY A^T of a block, and its share of db."""
        _tiles_in(bt, _window(x, block, m, 2, top, left), m, v)
        _tiles_in(a, _window(dy, block, m, 0, 0, 0, gate), m, products)
        # At the point 1, A dY A^T is the plain sum over the tile: it makes db for free.
        at_one = products.reshape(t, t, -1, c_out)[1, 1]
        return np.ones(len(at_one), dtype) @ at_one

    dw = empty(np, w_shape, dtype)
    if plan.few(c_in, c_out):  # transform once, then share the output channels among the threads
        v = empty(np, (t, t, plan.tiles, c_in), dtype)
        products = empty(np, (t, t, plan.tiles, c_out), dtype)

        def prepare(block: Block) -> tuple[np.ndarray]:
            part = tile_range(plan, block)
            return (transform(block, v[:, :, part], products[:, :, part]),)

        def multiply(channels: slice) -> None:
            some = products[..., channels].reshape(t * t, plan.tiles, -1)
            du = scratch("dU", (t * t, c_in, some.shape[2]), dtype)
            np.matmul(v.reshape(t * t, plan.tiles, c_in).swapaxes(1, 2), some, out=du)
            out = scratch("dw", (3, 3, c_in * some.shape[2]), dtype)
            _sandwich(gt, du.reshape(t, t, -1), out)
            dw[..., channels] = out.reshape(3, 3, c_in, -1)

        (db,) = total(prepare, row_blocks(plan, max(c_in, c_out)))
        each(multiply, channel_slices(c_out, plan.tiles))
        return dw, db

    def share(block: Block) -> tuple[np.ndarray, np.ndarray]:
        v = scratch("V", (t * t, block.tiles, c_in), dtype)
        products = scratch("M", (t * t, block.tiles, c_out), dtype)
        db = transform(block, v, products)
        out = scratch("dU", (t * t, c_in, c_out), dtype)
        return np.matmul(v.swapaxes(1, 2), products, out=out), db

    du, db = total(share, plan.blocks(block_tiles(c_in, c_out)))
    _sandwich(gt, du.reshape(t, t, -1), dw.reshape(3, 3, -1))
    return dw, db


def _convolve(
    x: np.ndarray,
    w: np.ndarray,
    padding: tuple[int, int],
    size: tuple[int, int],
    bias: np.ndarray | None = None,
    relu: bool = False,
    gate: np.ndarray | None = None,
    turned: bool = False,
) -> np.ndarray:
    """Convolve x (times gate > 0), padded at the top and left, to an output of `size`.

    With `turned`, the kernel is turned by half a circle and its channels are exchanged.
    """
    c_in, c_out = (w.shape[3], w.shape[2]) if turned else w.shape[2:]
    dtype = x.dtype
    y = empty(np, (x.shape[0], *size, c_out), dtype)
    plan = Plan.of(x.shape[0], *size, summed=c_in)
    m, t = plan.f.m, plan.f.t
    bt, at = plan.f.cast("BT", dtype), plan.f.cast("A", dtype, True)

    def transform(block: Block, v: np.ndarray) -> None:
        _tiles_in(bt, _window(x, block, m, 2, *padding, gate), m, v)

    if plan.few(c_in, c_out):  # transform once, then share the output channels among the threads
        v = empty(np, (t, t, plan.tiles, c_in), dtype)
        each(
            lambda block: transform(block, v[:, :, tile_range(plan, block)]),
            row_blocks(plan, c_in),
        )

        def multiply(channels: slice) -> None:
            u = _kernels(plan.f, w[:, :, channels] if turned else w[..., channels], turned)
            products = scratch("M", (t * t, plan.tiles, u.shape[2]), dtype)
            np.matmul(v.reshape(t * t, plan.tiles, c_in), u, out=products)
            everything = Block(0, plan.n, 0, plan.rows, 0, plan.columns)
            some_bias = None if bias is None else bias[channels]
            _tiles_out(at, products, everything, y[..., channels], some_bias, relu)

        each(multiply, channel_slices(c_out, plan.tiles))
        return y

    u = _kernels(plan.f, w, turned)
    u = np.ascontiguousarray(u) if turned else u.copy()  # scratch belongs to this thread alone

    def convolve(block: Block) -> None:
        v = scratch("V", (t * t, block.tiles, c_in), dtype)
        transform(block, v)
        products = np.matmul(v, u, out=scratch("M", (t * t, block.tiles, c_out), dtype))
        _tiles_out(at, products, block, y, bias, relu)

    each(convolve, plan.blocks(block_tiles(c_in, c_out)))
    return y


# ---------------------------------------------------------------------- transforms of one block


def _window(
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
        np.greater(gate[there], 0, out=inside, casting="unsafe")
        inside *= x[there]
    return window


def _tiles_in(matrix: np.ndarray, window: np.ndarray, m: int, out: np.ndarray) -> None:
    """out[a, b, tile] = sum over i, j of matrix[a, i] matrix[b, j] window[tile's pixel (i, j)].

    First rows, then columns, as batched products on strided views: overlapping tiles are never
    copied. window (n, h, w, C), matrix (t, k), out (t, t, tiles, C).
    """
    (n, h, w, c), (t, k) = window.shape, matrix.shape
    rows, columns = (h - k) // m + 1, (w - k) // m + 1
    s = window.strides
    parts = _pieces(w, c, SMALL // (t * k))
    half = scratch("rows", (n, rows, t, w, c), window.dtype)
    np.matmul(
        matrix,
        as_strided(
            window,
            (n, rows, parts, k, w // parts * c),
            (s[0], m * s[1], w // parts * s[2], s[1], s[3]),
        ),
        out=half.reshape(n, rows, t, parts, -1).swapaxes(2, 3),
    )
    s = half.strides
    np.matmul(
        matrix,
        as_strided(half, (t, n, rows, columns, k, c), (s[2], s[0], s[1], m * s[3], s[3], s[4])),
        out=out.reshape(t, t, n, rows, columns, c).transpose(0, 2, 3, 4, 1, 5),
    )


def _tiles_out(
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


def _kernels(f: Transform, w: np.ndarray, turned: bool) -> np.ndarray:
    """G w G^T as (t * t, C_in, C_out), in this thread's scratch memory."""
    a, b = w.shape[2:]
    kernels = scratch("w", (3, 3, a, b), w.dtype)
    np.copyto(kernels, w[::-1, ::-1] if turned else w)
    u = scratch("U", (f.t, f.t, a * b), w.dtype)
    _sandwich(f.cast("G", w.dtype), kernels.reshape(3, 3, -1), u)
    u = u.reshape(-1, a, b)
    return u.swapaxes(1, 2) if turned else u


def _sandwich(matrix: np.ndarray, d: np.ndarray, out: np.ndarray) -> None:
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
