"""3x3 convolutions with a quarter of the multiplications: Winograd's, in blocks that stay in cache.

The mathematics is derived in `transform.py`: a tile X of (m + 2) x (m + 2) input pixels gives a tile Y
of m x m output pixels,

    Y = A^T [(G w G^T) . (B^T X B)] A

and the gradients follow the chain rule through the same maps:

    dX is the same convolution of dY, with the kernel turned and its channels exchanged
    dw = G^T [sum over tiles of (B^T X B)^T (A dY A^T)] G

With channels, each of the (m + 2)^2 products "." is a matrix product over C_in, for all tiles at once.
The tiles are worked on in blocks (`tiles.py` cuts them): every block is copied into scratch memory,
transformed (`block_transforms.py`), multiplied, transformed back, and given its bias and ReLU while it
is in a core's cache. For NumPy only.
"""

from __future__ import annotations

import numpy as np

from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.winograd.block_transforms import (
    kernels,
    sandwich,
    tiles_in,
    tiles_out,
    window,
)
from tinyunet.convolution.winograd.blocks import (
    Block,
    Plan,
    block_tiles,
    channel_slices,
    row_blocks,
    tile_range,
)
from tinyunet.engine.memory import empty, scratch
from tinyunet.engine.threads import each, total

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
        tiles_in(bt, window(x, block, m, 2, top, left), m, v)
        tiles_in(a, window(dy, block, m, 0, 0, 0, gate), m, products)
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
            sandwich(gt, du.reshape(t, t, -1), out)
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
    sandwich(gt, du.reshape(t, t, -1), dw.reshape(3, 3, -1))
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
        tiles_in(bt, window(x, block, m, 2, *padding, gate), m, v)

    if plan.few(c_in, c_out):  # transform once, then share the output channels among the threads
        v = empty(np, (t, t, plan.tiles, c_in), dtype)
        each(
            lambda block: transform(block, v[:, :, tile_range(plan, block)]),
            row_blocks(plan, c_in),
        )

        def multiply(channels: slice) -> None:
            u = kernels(plan.f, w[:, :, channels] if turned else w[..., channels], turned)
            products = scratch("M", (t * t, plan.tiles, u.shape[2]), dtype)
            np.matmul(v.reshape(t * t, plan.tiles, c_in), u, out=products)
            everything = Block(0, plan.n, 0, plan.rows, 0, plan.columns)
            some_bias = None if bias is None else bias[channels]
            tiles_out(at, products, everything, y[..., channels], some_bias, relu)

        each(multiply, channel_slices(c_out, plan.tiles))
        return y

    u = kernels(plan.f, w, turned)
    u = np.ascontiguousarray(u) if turned else u.copy()  # scratch belongs to this thread alone

    def convolve(block: Block) -> None:
        v = scratch("V", (t * t, block.tiles, c_in), dtype)
        transform(block, v)
        products = np.matmul(v, u, out=scratch("M", (t * t, block.tiles, c_out), dtype))
        tiles_out(at, products, block, y, bias, relu)

    each(convolve, plan.blocks(block_tiles(c_in, c_out)))
    return y
