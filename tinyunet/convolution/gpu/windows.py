"""Patches as a GPU likes them: no copy of the window if it can be avoided, and few, large kernels."""

from __future__ import annotations

import math
from types import ModuleType

from tinyunet.convolution.geometry import Geometry
from tinyunet.convolution.windows import add_each_place, as_rows, views
from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.engine.elementwise import fused, gated
from tinyunet.engine.threads import Band

MANY = 1 << 25  # numbers in patches, from which a GPU's time to copy them exceeds Python's


def patches(x: Array, band: Band, geometry: Geometry, gate: MaybeArray = None) -> Array:
    """Return the patches of a band of output rows: (pixels in the band, kh * kw * C_in).

    With a `gate`, a pixel of x counts only where gate > 0.
    """
    x = x if gate is None else gated(x, gate)
    shape, inside, there = geometry.window(x.shape, band)
    window = x[there]
    if window.shape != shape:
        window = array_module(x).zeros(shape, x.dtype)
        window[inside] = x[there]
    seen = views(window, geometry)
    if seen.size < MANY:
        return as_rows(seen, array_module(x).empty(seen.shape, x.dtype))
    return _gathered(seen).reshape(-1, math.prod(seen.shape[3:]))


def add_patches(dx: Array, dpatches: Array, band: Band, geometry: Geometry) -> None:
    """Add a band's patch gradients to the pixels they came from."""
    shape, inside, there = geometry.window(dx.shape, band)
    window = part = dx[there]
    if part.shape != shape:
        window = array_module(dx).zeros(shape, dx.dtype)
    seen = views(window, geometry)
    add_each_place(seen, dpatches.reshape(seen.shape))
    if window is not part:
        part += window[inside]


def _gathered(seen: Array) -> Array:
    """Return a copy of the patches (n, rows, W_out, kh, kw, C), made a kernel row at a time.

    To find out where a number lies costs a GPU more than to copy it. A fused copy of several views
    of the same shape finds out once for all of them.
    """
    xp, columns = array_module(seen), range(seen.shape[4])
    found = xp.empty(seen.shape, seen.dtype)
    for p in range(seen.shape[3]):
        sources, targets = ([array[:, :, :, p, q] for q in columns] for array in (seen, found))
        fused(_copies, xp)(*sources, *targets)
    return found


def _copies(xp: ModuleType, *arrays: Array) -> None:
    """Copy the first half of the arrays into the second."""
    half = len(arrays) // 2
    for x, out in zip(arrays[:half], arrays[half:], strict=True):
        out[...] = x
