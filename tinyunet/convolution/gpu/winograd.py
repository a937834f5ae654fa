"""Winograd's convolution as a GPU likes it: every step over all tiles at once.

The mathematics is that of `winograd/plain.py`, derived in `winograd/matrices.py`. In `blocked.py` a
block of tiles stays in a core's cache from the image to the output; here each step is one large piece
of work:

    V = B^T X B     along rows, then along columns: a pass adds up shifted views of the image
    M = V U         (m + 2)^2 matrix products over the channels, as one batch
    Y = A^T M A     along columns, then along rows, where the bias and the ReLU come in as well

A pass is one function of whole arrays, which `elementwise.fused` makes one kernel of. On an H100 this
takes 0.4 to 0.7 of im2col's time for the large layers of the paper's network; small ones would wait
for Python, which starts twice as many kernels here.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import ModuleType

from tinyunet.convolution import im2col
from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.winograd.matrices import TRANSFORMS
from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.elementwise import fused, gated
from tinyunet.engine.threads import Band, bands, total

F = TRANSFORMS[4]  # larger tiles are no faster here, and they round more
MATRICES = {"B^T": F.BT, "A": F.A, "A^T": F.A.T, "G": F.G, "G^T": F.G.T}
NUMBERS = 1 << 28  # in the transformed tiles of a piece of work: 1 GiB of float32
# For dw, two transforms and a transposing copy come before the products: with fewer channels or
# multiplications, im2col is faster.
WIDE, MANY = 128, 2 * 10**10


def forward(x: Array, w: Array, b: Array | None, geometry: Geometry, relu: bool = False) -> Array:
    """Return y (N, H_out, W_out, C_out) from x (N, H, W, C_in) and w (3, 3, C_in, C_out)."""
    (top, _), (left, _) = geometry.padding
    return _convolve(x, w, (top, left), geometry.output_size(*x.shape[1:3]), b, relu)


def input_gradient(
    dy: Array, w: Array, x_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> Array:
    """Return dx (N, H, W, C_in). With a `gate`, dy counts only where gate > 0 (a fused ReLU)."""
    (top, _), (left, _) = geometry.padding
    turned = w[::-1, ::-1].swapaxes(2, 3)
    return _convolve(
        dy if gate is None else gated(dy, gate), turned, (2 - top, 2 - left), x_shape[1:3]
    )


def weight_gradient(
    x: Array, dy: Array, w_shape: tuple, geometry: Geometry, gate: Array | None = None
) -> tuple[Array, Array]:
    """Return dw (3, 3, C_in, C_out) and db (C_out,), summed over the batch."""
    if min(w_shape[2:]) < WIDE or x.size * w_shape[3] * 9 < MANY:
        return im2col.weight_gradient(x, dy, w_shape, geometry, gate)
    xp, ((top, _), (left, _)) = array_module(x), geometry.padding
    dy = dy if gate is None else gated(dy, gate)

    def share(band: Band) -> tuple[Array, Array]:
        v = tiles_in("B^T", _frame(x, band, (top, left), dy.shape, 2))
        d = tiles_in("A", _frame(dy, band, (0, 0), dy.shape, 0))
        v, d = (tiles.reshape(F.t**2, -1, tiles.shape[-1]) for tiles in (v, d))
        at_one = d[F.t + 1]  # at the point 1, A dY A^T is the plain sum over the tile
        return xp.matmul(v.swapaxes(1, 2), d), xp.ones(len(at_one), d.dtype) @ at_one

    du, db = total(share, _cut(dy.shape, x.shape[3]), xp)
    return sandwich("G^T", du.reshape(F.t, F.t, *w_shape[2:])), db


def _convolve(
    x: Array,
    w: Array,
    padding: tuple[int, int],
    size: tuple[int, int],
    bias: Array | None = None,
    relu: bool = False,
) -> Array:
    """Convolve x, padded at the top and left, to an output of `size`."""
    xp, (c_in, c_out) = array_module(x), w.shape[2:]
    y = xp.empty((x.shape[0], *size, c_out), x.dtype)
    u = sandwich("G", w).reshape(-1, c_in, c_out)
    for images, rows in _cut(y.shape, c_in):
        v = tiles_in("B^T", _frame(x, (images, rows), padding, y.shape, 2))
        products = xp.matmul(v.reshape(-1, v[0, 0].size // c_in, c_in), u)
        part = y[images, rows.start * F.m : rows.stop * F.m]
        tiles_out(products.reshape(*v.shape[:-1], c_out), part, bias, relu)
        del v, products  # before the next piece asks for as much
    return y


def _cut(y_shape: tuple, channels: int) -> list[Band]:
    """Cut an output (N, H, W, C) into bands of (images, rows of tiles) of about NUMBERS."""
    n, height, width, c_out = y_shape
    rows, columns = -(-height // F.m), -(-width // F.m)
    return bands((n, rows, columns * F.t**2 * max(channels, c_out)), size=NUMBERS)


def _frame(x: Array, band: Band, padding: tuple[int, int], y_shape: tuple, halo: int) -> Array:
    """Return x under the tiles of a band, and a halo of pixels after them; zeros where x ends."""
    images, rows = band
    first = rows.start * F.m - padding[0]
    tall, wide = (rows.stop - rows.start) * F.m + halo, -(-y_shape[2] // F.m) * F.m + halo
    part = x[images, max(first, 0) : first + tall, : wide - padding[1]]
    above, left = max(-first, 0), padding[1]
    if part.shape[1:3] == (tall, wide):
        return part
    frame = array_module(x).zeros((part.shape[0], tall, wide, x.shape[3]), x.dtype)
    frame[:, above : above + part.shape[1], left : left + part.shape[2]] = part
    return frame


# ---------------------------------------------------------------------- passes


def tiles_in(name: str, x: Array) -> Array:
    """out[a, b, tile] = sum over i, j of matrix[a, i] matrix[b, j] x[tile's pixel (i, j)].

    x (N, H, W, C), matrix (t, k), out (t, t, N, rows, columns, C).
    """
    xp, (t, k), (n, height, width, c) = array_module(x), MATRICES[name].shape, x.shape
    rows, columns = (height - k) // F.m + 1, (width - k) // F.m + 1
    combine = fused(sums(name), xp)

    def pixel(i: int, tiles: int) -> slice:  # the i-th of every tile
        return slice(i, i + F.m * (tiles - 1) + 1, F.m)

    half = xp.empty((t, n, rows, width, c), x.dtype)
    combine(*(x[:, pixel(i, rows)] for i in range(k)), *half)
    out = xp.empty((t, t, n, rows, columns, c), x.dtype)
    combine(*(half[:, :, :, pixel(j, columns)] for j in range(k)), *(out[:, b] for b in range(t)))
    return out


def tiles_out(products: Array, y: Array, bias: Array | None, relu: bool) -> None:
    """y = A^T products A, then the bias and the ReLU.

    products (t, t, N, rows, columns, C), y (N, H, W, C).
    """
    xp, (n, rows, columns, c), (height, width) = array_module(y), products.shape[2:], y.shape[1:3]
    half = xp.empty((F.t, n, rows, columns, F.m, c), y.dtype)
    fused(sums("A^T"), xp)(
        *(products[:, b] for b in range(F.t)), *(half[:, :, :, :, q] for q in range(F.m))
    )
    half = half.reshape(F.t, n, rows, columns * F.m, c)[:, :, :, :width]
    whole, rest = divmod(height, F.m)  # tiles that end inside y, and rows of those that do not
    for first, last, count in ((0, whole, F.m), (whole, rows, rest)):
        if first < last:
            fused(sums("A^T", count, bias is not None, relu), xp)(
                *half[:, :, first:last],
                *([] if bias is None else [bias]),
                *(y[:, first * F.m + p : last * F.m : F.m] for p in range(count)),
            )


def sandwich(name: str, d: Array) -> Array:
    """matrix d matrix^T on the two leading axes: d (k, k, A, B) -> (m, m, A, B)."""
    xp, (m, k) = array_module(d), MATRICES[name].shape
    combine = fused(sums(name), xp)
    half, out = (xp.empty((m, side, *d.shape[2:]), d.dtype) for side in (k, m))
    combine(*d, *half)
    combine(*(half[:, i] for i in range(k)), *(out[:, i] for i in range(m)))
    return out


@functools.cache
def sums(name: str, count: int | None = None, bias: bool = False, relu: bool = False) -> Callable:
    """Return a function of as many inputs as a matrix has columns, and an output for each row.

    It sets every output to the sum of the inputs, each times its number in the row; the first `count`
    rows if not all. With a bias, that is one more input, after the others.
    """
    rows = MATRICES[name][:count].tolist()

    def combine(xp: ModuleType, *arrays: Array) -> None:
        inputs, outputs = arrays[: len(rows[0])], arrays[-len(rows) :]
        for row, out in zip(rows, outputs, strict=True):
            terms = [x if c == 1 else c * x for c, x in zip(row, inputs, strict=True) if c]
            value = functools.reduce(operator.add, terms)
            if bias:
                value = value + arrays[len(inputs)]
            out[...] = xp.maximum(value, 0) if relu else value

    return combine
