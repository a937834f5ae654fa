"""The bilinear kernel, and a transposed convolution that interpolates with it (FCN's upsampling)."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import pair
from tinyunet.layers.upconv import ConvTranspose2d


class BilinearConvTranspose2d(ConvTranspose2d):
    """A transposed convolution whose kernel is bilinear and fixed, each channel to itself.

    With stride f and kernel size k = 2f (or 2f - 1) it enlarges f times by interpolation: the spread
    kernels of neighbouring pixels are tents that overlap and sum to 1. With padding f / 2 that is
    `Upsample(scale_factor=f)`, except within f / 2 of the border, where it fades to 0: outside there
    are no pixels.

        y  = A^T x       see `ConvTranspose2d`
        dx = A dy        and no gradient for A

    Parameters
    ----------
    channels
        Of the images (N, H, W, channels), in and out.
    kernel_size, stride, padding
        An int or a (height, width) pair; see `ConvTranspose2d`.

    Notes
    -----
    ``params["weight"]`` is (channels, kh, kw, channels), 0 but from a channel to itself, and frozen: it
    counts and is saved, but no gradient is computed.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | tuple[int, int] = 4,
        *,
        stride: int | tuple[int, int] = 2,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__(
            channels, channels, kernel_size, stride=stride, padding=padding, bias=False
        )
        self.params["weight"][...] = bilinear_weight(channels, kernel_size)
        self.frozen = frozenset({"weight"})


def bilinear_kernel(kernel_size: int | tuple[int, int]) -> np.ndarray:
    """Return the weights (kh, kw) of bilinear interpolation.

    Along a side of k: w[i] = 1 - |i - c| / f with f = (k + 1) // 2 and the middle c, which is f - 1 for
    an odd k and f - 1/2 for an even one. k = 4 gives 1/4 3/4 3/4 1/4, k = 3 gives 1/2 1 1/2.
    """

    def along(k: int) -> np.ndarray:
        f = (k + 1) // 2
        return 1 - abs(np.arange(k) - (k - 1) / 2) / f

    height, width = pair(kernel_size, "kernel_size", 1)
    return np.outer(along(height), along(width))


def bilinear_weight(channels: int, kernel_size: int | tuple[int, int]) -> np.ndarray:
    """Return the weight (C, kh, kw, C) of a `ConvTranspose2d` that starts as interpolation."""
    kernel, one = bilinear_kernel(kernel_size), np.eye(channels)
    return kernel[None, :, :, None] * one[:, None, None, :]
