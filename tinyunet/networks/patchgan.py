"""PatchGAN (Isola et al. 2017, arXiv:1611.07004): real or fake, patch by patch."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.rules import Rule, check, whole
from tinyunet.layers import LeakyReLU, Sequential
from tinyunet.layers.layer import Layer
from tinyunet.networks.listing import ANY, BLOCKS, SWITCH, Listing
from tinyunet.networks.network import Network
from tinyunet.networks.outline import Outline
from tinyunet.networks.painting import Stage, draw_weights, paints
from tinyunet.networks.sizes import Sizes

RULES: dict[str, Rule] = {
    **{key: ANY[key] for key in ("in_channels", "base_channels", "seed", "dtype")},
    "layers": whole(0, BLOCKS, f"a whole number from 0 to {BLOCKS}"),
    "port": SWITCH,
}


class Judge(Network, known=False):
    """What discriminators share: layers one after the other, and logits for windows, not for pixels."""

    gives_instead = "logits for windows, not one a pixel: it judges what another network paints"
    stages: list[Layer]

    def forward(self, x: Array) -> Array:
        """Return logits (N, H', W', num_classes) for images (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        self.output_size(*x.shape[1:3])
        for stage in self.stages:
            x = stage(x)
        return x

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits) and return dL/d(images)."""
        for stage in reversed(self.stages[1:]):
            dy = stage.backward(dy)
        return self.stages[0].backward(dy, input_gradient=input_gradient)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest image that it takes; it has no logits for each pixel of a larger one."""
        return super().input_size(1, 1) if height == width == 1 else (self.tile_stride,) * 2

    @property
    def tile_stride(self) -> int:
        """It has none."""
        raise ValueError(f"{self} gives {self.gives_instead}")

    def _describe(self) -> str:
        return paints(self)


class PatchGAN(Judge):
    """A few strided convolutions: each logit sees a patch of the image, and judges that alone.

        x ── 4x4 s2, 64 ── 4x4 s2, 128 ── 4x4 s2, 256 ── 4x4 s1, 512 ── 4x4 s1, 1 ── logits

    All have padding 1, and a leaky ReLU after them but the last; those between the first and the last
    have batch norm. Give it the input and the image to judge, joined as channels; or, unconditional,
    the image alone. The defaults are the authors' network, 2,769,601 parameters: a logit sees 70x70
    pixels, and of 256x256 there are 30x30 logits.

    Parameters
    ----------
    in_channels
        Channels of what it judges: 6 for two colour images, 3 for an unconditional one.
    base_channels
        Of the first convolution; the next ones have 2, 4 and 8 times as many.
    layers
        How many convolutions have stride 2. A logit sees 16, 34, 70, 142 or 286 pixels with 1 to 5;
        with 0, all convolutions are 1x1, and it sees a pixel.
    port
        Whether to leave out biases in front of a batch norm, as in the authors' PyTorch port:
        2,768,705 parameters.
    seed, dtype
        As for `Pix2PixGenerator`.
    """

    def __init__(
        self,
        in_channels: int = 6,
        *,
        base_channels: int = 64,
        layers: int = 3,
        port: bool = False,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        if base_channels < 1 or not 0 <= layers <= BLOCKS:
            raise ValueError(
                f"base_channels must be at least 1 and layers from 0 to {BLOCKS}, got "
                f"base_channels={base_channels} and layers={layers}"
            )
        self.in_channels, self.num_classes, self.layers = in_channels, 1, layers
        rng = np.random.default_rng(seed)
        *stages, last = _stages(in_channels, base_channels, layers, port)
        self.stages = [Sequential(*stage.layers(rng), LeakyReLU(0.2)) for stage in stages]
        self.stages += last.layers(rng)
        draw_weights(self, rng)
        self.astype(dtype)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        check("network.config", config, RULES, complete=True)
        listing = Listing(config["dtype"])
        keys = "in_channels", "base_channels", "layers", "port"
        *stages, last = _stages(*(config[key] for key in keys))
        for i, stage in enumerate(stages):
            stage.list_in(listing, f"stages.{i}")
        listing.conv(f"stages.{len(stages)}", last.ins, 1, last.kernel)
        return listing.outline()

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes: all that leave a logit. Two pixels if it sees one."""
        least = 3 * 2**self.layers if self.layers else 2
        side = Sizes(least, 1, least - 1)
        return side, side

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many logits there are for an image of a valid size, down and across."""
        super().output_size(height, width)  # raises with the nearest valid sizes
        if not self.layers:
            return height, width
        return height // 2**self.layers - 2, width // 2**self.layers - 2


def _stages(ins: int, base: int, layers: int, port: bool) -> list[Stage]:
    """All convolutions, from the image on."""
    found, kernel = [], 4 if layers else 1
    for i in range(max(layers, 1) + 1):
        outs, bias = base * min(2**i, 8), i == 0 or not port
        found.append(Stage(ins, outs, kernel, strided=i < layers, bias=bias, norm=i > 0))
        ins = outs
    return [*found, Stage(ins, 1, kernel, strided=False, norm=False)]
