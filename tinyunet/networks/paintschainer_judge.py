"""PaintsChainer's discriminator: a drawing is real, or painted by the network."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.rules import check, whole
from tinyunet.layers import Conv2d, ReLU, Sequential
from tinyunet.networks.listing import ANY, Listing
from tinyunet.networks.outline import Outline
from tinyunet.networks.painting import Stage, widths_of
from tinyunet.networks.paintschainer import EPS, WIDTHS
from tinyunet.networks.patchgan import Judge
from tinyunet.networks.sizes import Sizes


class PaintsChainerDiscriminator(Judge):
    """Strided and plain convolutions by turns, then one pair of logits, real and fake, for the image.

        x ── 4x4 s2, 32 ── 3x3, 32 ── 4x4 s2, 64 ── 3x3, 64 ── 4x4 s2, 128 ── 3x3, 128
          ── 4x4 s2, 256 ── 8x8, 2 ── logits

    Each but the last is followed by batch norm and a ReLU. The last is the authors' fully connected
    layer: on a larger image it gives a map of pairs. Its loss is `SoftmaxGANLoss`. The defaults are
    the authors' network for 128x128 images: 918,082 parameters.

    Parameters
    ----------
    in_channels
        Channels of the image. It sees no input beside it.
    size
        The side of the images: a multiple of 16, or of 2^levels.
    base_channels
        Of the first convolution; the next levels have 2, 4 and 8 times as many.
    widths
        In their place, the channels of each level.
    seed, dtype
        As for `UNet`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        size: int = 128,
        base_channels: int = 32,
        widths: Sequence[int] | None = None,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        super().__init__()
        widths, rng = widths_of(base_channels, WIDTHS[:4], widths), np.random.default_rng(seed)
        self.in_channels, self.num_classes, self.step = in_channels, 2, 2 ** len(widths)
        self.size, kernel = size, _kernel(size, self.step)
        self.stages = [
            Sequential(*stage.layers(rng, EPS), ReLU()) for stage in _verdict(in_channels, widths)
        ]
        self.stages.append(Conv2d(widths[-1], 2, kernel, rng=rng))
        self.astype(dtype)

    @classmethod
    def outline(cls, config: dict[str, Any]) -> Outline:
        """Return the shapes of all parameters, after a check of each setting."""
        rules = {
            key: ANY[key] for key in ("in_channels", "base_channels", "widths", "seed", "dtype")
        }
        rules["size"] = whole(1, 2**14, "a whole number from 1")
        check("network.config", config, rules, complete=True)
        listing = Listing(config["dtype"])
        widths = widths_of(config["base_channels"], WIDTHS[:4], config["widths"])
        stages = _verdict(config["in_channels"], widths)
        for i, stage in enumerate(stages):
            stage.list_in(listing, f"stages.{i}")
        kernel = _kernel(config["size"], 2 ** len(widths))
        listing.conv(f"stages.{len(stages)}", widths[-1], 2, kernel)
        return listing.outline()

    # ------------------------------------------------------------------ sizes

    @functools.cached_property
    def sizes(self) -> tuple[Sizes, Sizes]:
        """The heights and widths that it takes; the first gives one pair of logits."""
        side = Sizes(self.size, self.step, self.size - 1)
        return side, side

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many pairs of logits there are for an image of a valid size."""
        super().output_size(height, width)  # raises with the nearest valid sizes
        return (height - self.size) // self.step + 1, (width - self.size) // self.step + 1


def _verdict(ins: int, widths: list[int]) -> list[Stage]:
    """A discriminator's convolutions but the last."""
    found = []
    for width in widths:
        found += [Stage(ins, width), Stage(width, width, 3)]
        ins = width
    return found[:-1]


def _kernel(size: int, step: int) -> int:
    """The side of what is left of an image of a size, which a discriminator's last layer reads."""
    if size < step or size % step:
        raise ValueError(
            f"size must be a multiple of {step}, for the side is halved {step.bit_length() - 1} times, "
            f"got {size}"
        )
    return size // step
