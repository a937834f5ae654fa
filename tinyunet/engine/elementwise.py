"""Simple work on whole images, in bands of rows that stay in a core's cache, on several threads.

On a GPU the band here is everything, and `fused` makes one kernel of several operations.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, array_module
from tinyunet.engine.memory import row
from tinyunet.engine.threads import Band, bands, each, total

FUSED = 40  # arguments at most: an older CUDA takes 4 KiB of them, and an array may cost 96 bytes


@functools.cache
def fused(work: Callable[..., Any], xp: ModuleType) -> Callable[..., Any]:
    """Return ``work(xp, ...)`` as a function of its other arguments, arrays and numbers.

    NumPy runs it as it is. CuPy follows it once and makes one kernel of all its steps, so that a GPU
    reads every array once: `work` may calculate, write by ``out[...] =`` and ``+=``, return arrays,
    and ask whether an argument is None, but take no part of an array.
    """
    step_by_step = functools.partial(work, xp)
    if xp is np:
        return step_by_step
    kernel = xp.fuse(kernel_name=work.__name__)(lambda *arguments: work(xp, *arguments))

    def run(*arguments: Any) -> Any:
        return (kernel if len(arguments) <= FUSED else step_by_step)(*arguments)

    return run


def gated(dy: Array, gate: Array) -> Array:
    """Return dy * (gate > 0): the gradient of a ReLU."""
    return fused(_where_positive, array_module(dy))(dy, gate)


def _where_positive(xp: ModuleType, dy: Array, gate: Array) -> Array:
    return dy * (gate > 0)


def bias_and_relu(part: Array, bias: Array | None, relu: bool, width: int) -> None:
    """Add the bias to pixels (P, C), rows of `width` of them, and apply the ReLU, both in place."""
    xp, channels = array_module(part), part.shape[1]
    if xp is not np:
        if relu or bias is not None:
            fused(_add_and_rectify if relu else _add, xp)(part, bias)
        return
    part = part.reshape(-1, width * channels)  # see `row`: against long rows, NumPy is faster
    if bias is not None:
        part += row(bias, width, channels, part.dtype)
    if relu:
        np.maximum(part, row(0, width, channels, part.dtype), out=part)


def _add(xp: ModuleType, part: Array, bias: Array) -> None:
    part += bias


def _add_and_rectify(xp: ModuleType, part: Array, bias: Array | None) -> None:
    part[...] = xp.maximum(part if bias is None else part + bias, 0)


def over_bands(work: Callable[..., Any], *images: Array | None, size: int = 1 << 16) -> None:
    """Call ``work(*parts)`` with the same rows of all images (N, H, ...), band after band.

    A band has about `size` numbers of the first image. Of None, every part is None.
    """

    def on(band: Band) -> None:
        work(*(None if image is None else image[band] for image in images))

    xp = array_module(images[0])
    cut = bands(images[0].shape, xp, size)
    if len(cut) > 1:
        each(on, cut, xp, images[0].size)
    else:
        work(*images)


def add_bias(y: Array, bias: Array) -> None:
    """Add one number for each channel to images y (N, H, W, C), in place."""

    def work(part: Array) -> None:
        bias_and_relu(part.reshape(-1, y.shape[3]), bias, False, y.shape[2])

    over_bands(work, y)


def sum_pixels(dy: Array) -> Array:
    """Sum images (N, H, W, C) over everything but the channels: the gradient of a bias (C,).

    As a product with ones, which is faster than a sum.
    """
    xp = array_module(dy)

    def share(band: Band) -> tuple[Array]:
        pixels = dy[band].reshape(-1, dy.shape[3])
        return (xp.ones(len(pixels), dy.dtype) @ pixels,)

    return total(share, bands(dy.shape, xp), xp, dy.size)[0]


def add(x: Array, y: Array) -> None:
    """Add images y (N, H, W, C) to x in place."""
    over_bands(operator.iadd, x, y)


def fill(y: Array, value: float) -> None:
    """Set all of y (N, H, ...) to a value."""
    over_bands(lambda part: _assign(part, value), y)


def copy(y: Array, x: Array) -> None:
    """Copy images x (N, H, W, C) into y."""
    over_bands(_assign, y, x)


def _assign(part: Array, value: Array | float) -> None:
    part[...] = value
