"""A U-Net of any widths with batch normalisation: what its relatives are measured against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.layers import Conv2d, ConvTranspose2d, MaxPool2d
from tinyunet.networks.network import Network
from tinyunet.networks.sizes import Sizes
from tinyunet.networks.unet import Skip
from tinyunet.networks.vgg_parts import ConvBlock


class NormalisedUNet(Network):
    """As `UNet` with same padding, and each 3x3 convolution followed by batch normalisation.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    widths
        Channels of each level; the last is the bottom's.
    seed, dtype
        As for `UNet`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 2,
        *,
        widths: Sequence[int] = (12, 24, 36, 48),
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        self.depth = len(widths) - 1
        self.pads, self.tile_stride, self.reach = True, 2**self.depth, 6 * 2**self.depth
        self.sizes = (Sizes(2**self.depth, 2**self.depth, 0),) * 2
        rng, before = np.random.default_rng(seed), [in_channels, *widths]

        def block(ins: int, outs: int) -> ConvBlock:
            return ConvBlock([ins, outs, outs], rng, batch_norm=True)

        self.encoder = [block(before[level], width) for level, width in enumerate(widths)]
        self.pools = [MaxPool2d(2) for _ in range(self.depth)]
        self.ups = [
            ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2, rng=rng)
            for level in range(self.depth)
        ]
        self.skips = [Skip("concat") for _ in range(self.depth)]
        self.decoder = [block(2 * width, width) for width in widths[:-1]]
        self.head = Conv2d(widths[0], num_classes, 1, rng=rng)
        self.astype(dtype)

    def forward(self, x: Array) -> Array:
        """Return logits (N, H, W, num_classes) for images (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        self.output_size(*x.shape[1:3])
        across = []
        for level in range(self.depth):
            across.append(self.encoder[level](x))
            x = self.pools[level](across[level])
        x = self.encoder[-1](x)
        for level in reversed(range(self.depth)):
            x = self.skips[level](across[level], self.ups[level](x))
            x = self.decoder[level](x)
        return self.head(x)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits) and return dL/d(images)."""
        dx, dacross = self.head.backward(dy), []
        for level in range(self.depth):
            dskip, dx = self.skips[level].backward(self.decoder[level].backward(dx))
            dacross.append(dskip)
            dx = self.ups[level].backward(dx)
        dx = self.encoder[-1].backward(dx)
        for level in reversed(range(self.depth)):
            dx = self.pools[level].backward(dx)
            add(dx, dacross[level])
            dx = self.encoder[level].backward(dx, input_gradient=input_gradient or level > 0)
        return dx
