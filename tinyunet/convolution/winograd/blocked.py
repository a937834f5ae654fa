"""Winograd's convolution in blocks that stay in cache: a quarter of the multiplications, and fast.

`plain.py` is the same in a few lines, and `matrices.py` derives it: a tile X of (m + 2) x (m + 2) input
pixels gives a tile Y of m x m output pixels,

    Y = A^T [(G w G^T) . (B^T X B)] A

and the gradients follow the chain rule through the same maps:

    dX is the same convolution of dY, with the kernel turned and its channels exchanged
    dw = G^T [sum over tiles of (B^T X B)^T (A dY A^T)] G

With channels, each of the (m + 2)^2 products "." is a matrix product over C_in, for all tiles at once.
There are two ways to share the work among threads (`blocks.py` cuts it):

    by blocks     a block of tiles is copied into scratch memory, transformed (`block_transforms.py`),
                  multiplied, transformed back, and given its bias and ReLU while in a core's cache
    by channels   where the kernels weigh more than the images, as deep in a U-Net: all tiles are
                  transformed once, then each thread makes some of the output channels

For NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.winograd.block_transforms import (
    kernels,
    sandwich,
    sum_of_tiles,
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
    return _convolve(dy, turned(w), (2 - top, 2 - left), x_shape[1:3], gate=gate)


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
    m = plan.f.m
    bt, a = plan.f.cast("BT", dtype), plan.f.cast("A", dtype)

    def transform(block: Block, v: np.ndarray, products: np.ndarray) -> np.ndarray:
        """V = B^T X B and A dY A^T of a block, and its share of db."""
        tiles_in(bt, window(x, block, m, 2, top, left), m, v)
        tiles_in(a, window(dy, block, m, 0, 0, 0, gate), m, products)
        return sum_of_tiles(products)

    dw = empty(np, w_shape, dtype)
    add_up = _gradient_by_channels if plan.few(c_in, c_out) else _gradient_by_blocks
    return dw, add_up(plan, transform, dw)


def _convolve(
    x: np.ndarray,
    w: np.ndarray,
    padding: tuple[int, int],
    size: tuple[int, int],
    bias: np.ndarray | None = None,
    relu: bool = False,
    gate: np.ndarray | None = None,
) -> np.ndarray:
    """Convolve x (times gate > 0), padded at the top and left, to an output of `size`."""
    c_in, c_out = w.shape[2:]
    y = empty(np, (x.shape[0], *size, c_out), x.dtype)
    plan = Plan.of(x.shape[0], *size, summed=c_in)
    bt, at = plan.f.cast("BT", x.dtype), plan.f.cast("A", x.dtype, True)

    def transform(block: Block, v: np.ndarray) -> None:
        """V = B^T X B of a block."""
        tiles_in(bt, window(x, block, plan.f.m, 2, *padding, gate), plan.f.m, v)

    def finish(products: np.ndarray, block: Block, channels: slice = slice(None)) -> None:
        """Y = A^T products A of a block, with bias and ReLU."""
        some_bias = None if bias is None else bias[channels]
        tiles_out(at, products, block, y[..., channels], some_bias, relu)

    share_out = _convolve_by_channels if plan.few(c_in, c_out) else _convolve_by_blocks
    share_out(plan, transform, w, finish)
    return y


def turned(w: np.ndarray) -> np.ndarray:
    """The kernel that leads from dy to dx: turned by half a circle, its channels exchanged."""
    return w[::-1, ::-1].swapaxes(2, 3)


# ---------------------------------------------------------------------- by blocks of tiles


def _convolve_by_blocks(plan: Plan, transform: Callable, w: np.ndarray, finish: Callable) -> None:
    """Each block goes all the way."""
    u = kernels(plan.f, w)  # this thread's scratch memory, which all threads read
    points, c_in, c_out = u.shape

    def convolve(block: Block) -> None:
        v = scratch("V", (points, block.tiles, c_in), w.dtype)
        transform(block, v)
        products = scratch("M", (points, block.tiles, c_out), w.dtype)
        finish(np.matmul(v, u, out=products), block)

    each(convolve, plan.blocks(block_tiles(c_in, c_out)))


def _gradient_by_blocks(plan: Plan, transform: Callable, dw: np.ndarray) -> np.ndarray:
    """Set dw and return db: each block has its share in both."""
    t, (c_in, c_out), dtype = plan.f.t, dw.shape[2:], dw.dtype

    def share(block: Block) -> tuple[np.ndarray, np.ndarray]:
        v = scratch("V", (t * t, block.tiles, c_in), dtype)
        products = scratch("M", (t * t, block.tiles, c_out), dtype)
        db = transform(block, v, products)
        out = scratch("dU", (t * t, c_in, c_out), dtype)
        return np.matmul(v.swapaxes(1, 2), products, out=out), db

    du, db = total(share, plan.blocks(block_tiles(c_in, c_out)))
    sandwich(plan.f.cast("G", dtype, True), du.reshape(t, t, -1), dw.reshape(3, 3, -1))
    return db


# ---------------------------------------------------------------------- by output channels


def _convolve_by_channels(plan: Plan, transform: Callable, w: np.ndarray, finish: Callable) -> None:
    """All tiles are transformed first, then y is made slice by slice of its channels."""
    t, (c_in, c_out) = plan.f.t, w.shape[2:]
    everything = Block(0, plan.n, 0, plan.rows, 0, plan.columns)
    v = empty(np, (t, t, plan.tiles, c_in), w.dtype)
    each(lambda block: transform(block, v[:, :, tile_range(plan, block)]), row_blocks(plan, c_in))

    def multiply(channels: slice) -> None:
        u = kernels(plan.f, w[..., channels])
        products = scratch("M", (t * t, plan.tiles, u.shape[2]), w.dtype)
        np.matmul(v.reshape(t * t, plan.tiles, c_in), u, out=products)
        finish(products, everything, channels)

    each(multiply, channel_slices(c_out, plan.tiles))


def _gradient_by_channels(plan: Plan, transform: Callable, dw: np.ndarray) -> np.ndarray:
    """Set dw and return db: all tiles are transformed first, then dw is made slice by slice."""
    t, (c_in, c_out), dtype = plan.f.t, dw.shape[2:], dw.dtype
    gt = plan.f.cast("G", dtype, True)
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
    return db
