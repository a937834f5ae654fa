"""The pyramid of PSPNet (Zhao et al. 2017, arXiv:1612.01105): what the surroundings look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.layers import AdaptiveAvgPool2d, Concat, Upsample
from tinyunet.layers.layer import Layer
from tinyunet.networks.blocks import ConvNorm, summed


class PyramidPooling(Layer):
    """Join to every pixel the means over the bins around it, fine and coarse.

        x ─┬─ mean over 1 x 1 bins ── 1x1 convolution ── resize ─┐
           ├─ mean over 2 x 2 bins ── 1x1 convolution ── resize ─┤
           ├─ ...                                                ├─ concat
           └─────────────────────────────────────────────────────┘

    Parameters
    ----------
    in_channels, channels
        Of x (N, H, W, in_channels), and of each branch: concat gives
        (N, H, W, in_channels + len(bins) * channels).
    bins
        Bins along a side, one number a branch.
    rng
        Draws the weights.

    Notes
    -----
    Batch norm in a branch of one bin sees one value of an image: in training there must be two images.
    """

    def __init__(
        self, in_channels: int, channels: int, bins: Sequence[int], rng: np.random.Generator
    ) -> None:
        super().__init__()
        self.means = [AdaptiveAvgPool2d(count) for count in bins]
        self.convs = [ConvNorm(in_channels, channels, 1, rng=rng) for _ in bins]
        self.resizes = [Upsample(align_corners=True) for _ in bins]
        self.join: Layer = Concat()

    def forward(self, x: Array) -> Array:
        """Return x and the branches, of its size, as channels."""
        branches = zip(self.means, self.convs, self.resizes, strict=True)
        return self.join(x, *(up(conv(mean(x)), x.shape[1:3]) for mean, conv, up in branches))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, in_channels)."""
        dx, *dbranches = self.join.backward(dy)
        back = [dx]
        branches = zip(self.means, self.convs, self.resizes, dbranches, strict=True)
        for mean, conv, up, d in branches:
            d = conv.backward(up.backward(d), input_gradient=input_gradient)
            if input_gradient:
                back.append(mean.backward(d))
        return summed(back) if input_gradient else None
