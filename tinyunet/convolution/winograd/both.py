"""Both gradients of Winograd's convolution in one pass over dy, where both cut it into the same tiles.

`blocked.py` makes dx from dy's tiles with a halo of 2 pixels, and dw from those without it. Here each
block of dy is copied into cache, and gated, once: it makes its block of dx, then its share of dw.
"""

from __future__ import annotations

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
from tinyunet.convolution.winograd.blocked import input_gradient, turned, weight_gradient
from tinyunet.convolution.winograd.blocks import Block, Plan, block_tiles
from tinyunet.engine.memory import empty, scratch
from tinyunet.engine.threads import total


def gradients(
    x: np.ndarray,
    dy: np.ndarray,
    w: np.ndarray,
    geometry: Geometry,
    gate: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dw (3, 3, C_in, C_out), db (C_out,) and dx (N, H, W, C_in)."""
    (top, _), (left, _) = geometry.padding
    (c_in, c_out), dtype = w.shape[2:], x.dtype
    plan = Plan.of(*x.shape[:3], summed=c_out)
    if plan.few(c_in, c_out) or plan != Plan.of(*dy.shape[:3]):  # tiles of dx are not those of dw
        dw, db = weight_gradient(x, dy, w.shape, geometry, gate)
        return dw, db, input_gradient(dy, w, x.shape, geometry, gate)
    m, t = plan.f.m, plan.f.t
    bt, a, at = plan.f.cast("BT", dtype), plan.f.cast("A", dtype), plan.f.cast("A", dtype, True)
    u = kernels(plan.f, turned(w))
    dx = empty(np, x.shape, dtype)

    def share(block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Set a block of dx, and return its share of dU and db."""
        d = scratch("V", (t * t, block.tiles, c_out), dtype)
        v = scratch("M", (t * t, block.tiles, c_in), dtype)
        seen = window(dy, block, m, 2, 2 - top, 2 - left, gate)
        tiles_in(bt, seen, m, d)
        tiles_out(at, np.matmul(d, u, out=v), block, dx, None, False)
        rows, columns = seen.shape[1] - 2, seen.shape[2] - 2
        inner = seen[:, 2 - top : 2 - top + rows, 2 - left : 2 - left + columns]
        tiles_in(a, inner, m, d)
        tiles_in(bt, window(x, block, m, 2, top, left), m, v)
        du = np.matmul(v.swapaxes(1, 2), d, out=scratch("dU", (t * t, c_in, c_out), dtype))
        return du, sum_of_tiles(d)

    du, db = total(share, plan.blocks(block_tiles(c_in, c_out)))
    dw = empty(np, w.shape, dtype)
    sandwich(plan.f.cast("G", dtype, True), du.reshape(t, t, -1), dw.reshape(3, 3, -1))
    return dw, db, dx
