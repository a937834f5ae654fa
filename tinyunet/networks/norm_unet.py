"""A U-Net with batch norm between each 3x3 convolution and its ReLU, as most of PyTorch's have it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.layers import Dropout
from tinyunet.layers.layer import Layer
from tinyunet.networks.blocks import ConvNorm
from tinyunet.networks.listing import Listing
from tinyunet.networks.outline import Outline
from tinyunet.networks.unet import DoubleConv, UNet
from tinyunet.networks.unet_shapes import unet_outline


class NormUNet(UNet):
    """`UNet`, whose 3x3 convolutions have no bias but a batch norm, and then the ReLU.

    The paper is older than batch norm. Those who wrote U-Nets later mostly put one behind each
    convolution; `tinyunet.load_torch` makes this network of their weights. The parameters are those of
    `UNet`, but for the padding's default; forward and backward are its, too: only what stands for
    `DoubleConv` differs.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        *,
        base_channels: int = 64,
        depth: int = 4,
        padding: str = "same",
        skip: str = "concat",
        dropout: float = 0.0,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__(
            in_channels, num_classes, base_channels=base_channels, depth=depth, padding=padding,
            skip=skip, dropout=dropout, seed=seed, dtype=dtype,
        )  # fmt: skip
        for up in self.ups if padding == "valid" else []:
            up.idle = frozenset({"bias"})  # the same for all pixels: the next norm takes it off

    def _double(self, *channels_and_options: Any) -> Layer:
        return DoubleConvNorm(*channels_and_options)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters and statistics, after a check of each setting."""
        plain = unet_outline(config)
        listing = Listing(config["dtype"])
        for name, shape in plain.parameters.items():
            block, _, key = name.rpartition(".")
            if not block.endswith(("conv1", "conv2")):
                listing.parameters[name] = shape
            elif key == "weight":
                listing.parameters[f"{block}.conv.weight"] = shape
                listing.norm(f"{block}.norm", shape[3])
        listing.generators = plain.generators
        return listing.outline()


class DoubleConvNorm(DoubleConv):
    """Two 3x3 convolutions, each with batch norm and a ReLU, and perhaps dropout after them."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        padding: str,
        rng: np.random.Generator,
        dropout: Dropout | None = None,
    ) -> None:
        super(DoubleConv, self).__init__()
        self.conv1 = ConvNorm(in_channels, out_channels, padding=padding, rng=rng)
        self.conv2 = ConvNorm(out_channels, out_channels, padding=padding, rng=rng)
        self.dropout = dropout
