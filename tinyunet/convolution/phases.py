"""The transpose of a convolution with a stride, as a convolution without one: nothing is added up.

Along one axis, with stride s and a kernel of k rows, output row i reads rows s i .. s i + k - 1 of the
padded input. So what reaches row s i + a of those, with a = 0 .. s - 1, is

    dX[s i + a] = sum over t of dy[i - t] w[s t + a]        t = 0 .. T - 1, T = k / s, rounded up

For each phase a that is a convolution of dy, at stride 1, with every s-th row of the kernel, turned.
All phases read the same patches of dy, so one convolution with s * s times the channels makes all of
them; then they only have to be put between each other. Where k is no multiple of s, some phases have
fewer weights, and zeros in their places: next to an infinite dy they give NaN.

Shi et al., Is the deconvolution layer the same as a convolutional layer?, 2016 (arXiv:1609.07009).
"""

from __future__ import annotations

import math

import numpy as np

from tinyunet.convolution.geometry import Geometry
from tinyunet.engine.elementwise import fill
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import each

# What a number costs, in times of one in a patch of dy that is copied: measured.
ADDED = 6  # in a patch of dx that is added up
WEIGHT = 16  # copied into its phase
PRODUCT = 1 / 8


def suit(dy_shape: tuple, w_shape: tuple, geometry: Geometry) -> bool:
    """Whether dx is made faster of its phases than by adding patches up.

    For dy (N, H_out, W_out, C_out) and weights (kh, kw, C_in, C_out). Both ways multiply, but phases
    with zeros, too, and a frame of T - 1 pixels around dy.
    """
    if geometry.stride == (1, 1) or geometry.dilation != (1, 1):
        return False
    (n, height, width, c_out), (kh, kw, c_in, _) = dy_shape, w_shape
    ty, tx = _taps(geometry)
    pixels, framed = n * height * width, n * (height + ty - 1) * (width + tx - 1)
    weights = ty * tx * math.prod(geometry.stride) * c_in * c_out
    more = framed * weights - pixels * kh * kw * c_in * c_out
    cost = framed * ty * tx * c_out + WEIGHT * weights + PRODUCT * more
    return cost < ADDED * pixels * kh * kw * c_in


def kernel(w: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, Geometry]:
    """Return the weights (T, T, C_out, s * s * C_in) that make all phases of dx, and their geometry."""
    (kh, kw, c_in, c_out), (sy, sx), (ty, tx) = w.shape, geometry.stride, _taps(geometry)
    if (kh, kw) != (ty * sy, tx * sx):
        w = np.pad(w, ((0, ty * sy - kh), (0, tx * sx - kw), (0, 0), (0, 0)))
    by_tap = w.reshape(ty, sy, tx, sx, c_in, c_out)[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    frame = (ty - 1, ty - 1), (tx - 1, tx - 1)
    return by_tap.reshape(ty, tx, c_out, -1), Geometry((ty, tx), (1, 1), frame, (1, 1))


def put_between(found: np.ndarray, x_shape: tuple, geometry: Geometry) -> np.ndarray:
    """Return dx (N, H, W, C_in) from its phases (N, H_out + T - 1, W_out + T - 1, s * s * C_in).

    They take as much memory again as dx.
    """
    (sy, sx), ((above, _), (left, _)) = geometry.stride, geometry.padding
    n, height, width, c_in = x_shape
    found = found.reshape(*found.shape[:3], sy, sx, c_in)
    rows = [_places(a, sy, above, found.shape[1], height) for a in range(sy)]
    columns = [_places(b, sx, left, found.shape[2], width) for b in range(sx)]
    dx = empty(np, x_shape, found.dtype)
    if _count(rows) < height or _count(columns) < width:
        fill(dx, 0)  # no window reads the last rows or columns

    def place(image: int) -> None:
        for a, (to_rows, of_rows) in enumerate(rows):
            for b, (to_columns, of_columns) in enumerate(columns):
                dx[image, to_rows, to_columns] = found[image, of_rows, of_columns, a, b]

    each(place, range(n), np, dx.size)
    return dx


def _taps(geometry: Geometry) -> tuple[int, int]:
    """T along both axes: how many weights of a phase there are."""
    ty, tx = (-(-k // s) for k, s in zip(geometry.kernel, geometry.stride, strict=True))
    return ty, tx


def _places(phase: int, stride: int, before: int, count: int, side: int) -> tuple[slice, slice]:
    """Which rows of dx a phase of `count` rows fills, and from which of its own.

    `before` rows of padding lie before the `side` rows of dx.
    """
    first = max(0, -(-(before - phase) // stride))  # the first that does not lie in the padding
    start = first * stride + phase - before
    n = max(0, min(count - first, -(-(side - start) // stride)))
    return slice(start, start + n * stride, stride), slice(first, first + n)


def _count(places: list[tuple[slice, slice]]) -> int:
    """How many rows of dx are filled."""
    return sum(own.stop - own.start for _, own in places)
