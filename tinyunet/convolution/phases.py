"""The transpose of a convolution with a stride, as a convolution without one: nothing is added up.

Along one axis, with stride s and a kernel of k rows, output row i reads rows s i .. s i + k - 1 of the
padded input. So what reaches row s i + a of those, with a = 0 .. s - 1, is

    dX[s i + a] = sum over t of dy[i - t] w[s t + a]        t = 0 .. T - 1, T = k / s, rounded up

For each phase a that is a convolution of dy, at stride 1, with every s-th row of the kernel, turned.
All phases read the same patches of dy, so one convolution with s * s times the channels makes all of
them; then they only have to be put between each other.

Shi et al., Is the deconvolution layer the same as a convolutional layer?, 2016 (arXiv:1609.07009).
"""

from __future__ import annotations

import numpy as np

from tinyunet.convolution.geometry import Geometry
from tinyunet.engine.elementwise import fill
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import each

WASTE = 48  # channels of dy: with more, products with zeros cost more than adding patches up


def suit(w_shape: tuple, geometry: Geometry) -> bool:
    """Whether this way is faster for weights (kh, kw, C_in, C_out) than to add patches up."""
    steps = list(zip(geometry.kernel, geometry.stride, strict=True))
    whole = all(k % s == 0 for k, s in steps)  # then no weight is missing in any phase
    overlap = any(k > s for k, s in steps)
    return overlap and geometry.dilation == (1, 1) and (whole or w_shape[3] <= WASTE)


def kernel(w: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, Geometry]:
    """Return the weights (T, T, C_out, s * s * C_in) that make all phases of dx, and their geometry."""
    (kh, kw, c_in, c_out), (sy, sx) = w.shape, geometry.stride
    ty, tx = -(-kh // sy), -(-kw // sx)
    whole = np.zeros((ty * sy, tx * sx, c_in, c_out), w.dtype)
    whole[:kh, :kw] = w
    phases = whole.reshape(ty, sy, tx, sx, c_in, c_out)[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    around = Geometry((ty, tx), (1, 1), ((ty - 1, ty - 1), (tx - 1, tx - 1)), (1, 1))
    return phases.reshape(ty, tx, c_out, -1), around


def put_between(phases: np.ndarray, x_shape: tuple, geometry: Geometry) -> np.ndarray:
    """Return dx (N, H, W, C_in) from its phases (N, H_out + T - 1, W_out + T - 1, s * s * C_in)."""
    dx = empty(np, x_shape, phases.dtype)
    phases = phases.reshape(*phases.shape[:3], *geometry.stride, x_shape[3])
    rows, columns = (
        [_places(phase, stride, before, there, side) for phase in range(stride)]
        for stride, (before, _), there, side in zip(
            geometry.stride, geometry.padding, phases.shape[1:3], x_shape[1:3], strict=True
        )
    )
    if sum(n for *_, n in rows) < x_shape[1] or sum(n for *_, n in columns) < x_shape[2]:
        fill(dx, 0)  # no window reads the last rows or columns

    def place(image: int) -> None:
        for a, (to_rows, from_rows, _) in enumerate(rows):
            for b, (to_columns, from_columns, _) in enumerate(columns):
                dx[image, to_rows, to_columns] = phases[image, from_rows, from_columns, a, b]

    each(place, range(len(dx)), np, dx.size)
    return dx


def _places(
    phase: int, stride: int, before: int, there: int, side: int
) -> tuple[slice, slice, int]:
    """Which rows of dx a phase fills, from which of its own, and how many."""
    first = max(0, -(-(before - phase) // stride))
    start = first * stride + phase - before
    n = max(0, min(there - first, -(-(side - start) // stride)))
    return slice(start, start + n * stride, stride), slice(first, first + n), n
