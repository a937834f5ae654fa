"""PSPNet (Zhao et al. 2017, arXiv:1612.01105): means over the whole scene tell what a pixel can be."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, to_device
from tinyunet.engine.elementwise import add
from tinyunet.layers import Conv2d, Dropout, Sequential, Upsample
from tinyunet.layers.layer import Layer
from tinyunet.networks.blocks import ConvNorm, of_heads
from tinyunet.networks.network import Network
from tinyunet.networks.pyramid import PyramidPooling
from tinyunet.networks.receptive_field import view
from tinyunet.networks.resnet import dilated_resnet
from tinyunet.networks.sizes import Sizes


class PyramidNetwork(Network, known=False):
    """What PSPNet and its small form share: all but the stages that see the image.

        x ── stages ── last stage ── pyramid ── 3x3, 1x1 ── resize ── logits
                   └──────────────── 3x3, 1x1 ── resize ── auxiliary logits, in training

    Parameters
    ----------
    stages
        Layers one after the other, from the image to a map whose sides are ``step`` times smaller.
    step
        Sides of images are step * n + 1, so that every pixel of the small map lies on one of the image:
        the resize aligns the corners, and a zoom by z makes h + (h - 1) * (z - 1) of a side h.
    channels, width
        Of the last stage, of which each branch of the pyramid has a quarter; and of the head's 3x3.
    in_channels, num_classes, bins, dropout, rng
        As for `PSPNet`, the generator in the place of the seed.
    auxiliary
        A second head, on what goes into the last stage; or None.
    """

    def __init__(
        self,
        stages: list[Layer],
        step: int,
        channels: int,
        width: int,
        *,
        in_channels: int,
        num_classes: int,
        bins: Sequence[int],
        dropout: float,
        rng: np.random.Generator,
        auxiliary: Layer | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        side = Sizes(step + 1, step, 0)
        self.sizes = side, side
        self.pads, self.tile_stride = True, step
        branch = -(-channels // 4)
        self.stages = stages
        self.pyramid = PyramidPooling(channels, branch, bins, rng) if len(bins) else None
        self.head = head(channels + len(bins) * branch, width, num_classes, dropout, rng)
        self.resize = Upsample(align_corners=True)
        self.auxiliary = auxiliary
        self.head_weights = None if auxiliary is None else (1.0, 0.4)
        self.auxiliary_resize = Upsample(align_corners=True)

    def forward(self, x: Array) -> Array | list[Array]:  # type: ignore[override]  # of two heads
        """Return logits (N, H, W, num_classes) for images (N, H, W, in_channels).

        In training, with an auxiliary head, a list: the logits, and the auxiliary ones.
        """
        self._check_size(x)
        size = x.shape[1:3]
        for stage in self.stages:
            before, x = x, stage(x)
        if self.pyramid is not None:
            x = self.pyramid(x)
        y = self.resize(self.head(x), size)
        if self.auxiliary is None or not self.training:
            return y
        return [y, self.auxiliary_resize(self.auxiliary(before), size)]

    def backward(self, dy: Any, *, input_gradient: bool = True) -> MaybeArray:
        """Set every parameter's gradient from dL/d(logits), a list of two where forward gave two.

        Returns dL/d(images).
        """
        dy, *dauxiliary = of_heads(self, dy, 1 if self.auxiliary is None else 2)
        dx = self.head.backward(self.resize.backward(dy))
        if self.pyramid is not None:
            dx = self.pyramid.backward(dx)
        dx = self.stages[-1].backward(dx)
        if self.auxiliary is not None:
            add(dx, self.auxiliary.backward(self.auxiliary_resize.backward(*dauxiliary)))
        for stage in reversed(self.stages[1:-1]):
            dx = stage.backward(dx)
        return self.stages[0].backward(dx, input_gradient=input_gradient)

    @functools.cached_property
    def reach(self) -> int:
        """How far a pixel sees but for the pyramid, whose means are over all of an image, or tile.

        As far as the last stage; its neighbours for the head's 3x3, and again for the resize.
        """
        noise = np.random.default_rng(0).random((1, *self.input_size(8, 8), self.in_channels))
        stages = Sequential(*self.stages)
        field = view(stages, to_device(noise.astype(self.dtype), self.device)).field
        return max(field or (0, 0)) // 2 + 2 * self.tile_stride

    def _check_size(self, x: Array) -> None:
        self._check_image(x, self.in_channels)
        self.output_size(*x.shape[1:3])

    def _sized(self) -> str:
        return type(self).__name__


class PSPNet(PyramidNetwork):
    """A residual network whose last stages stay fine, and the pyramid.

    The defaults are the authors' PSPNet50 for ADE20K, 473 pixels in and out: 46,782,550 parameters.
    With ``blocks=(3, 4, 23, 3)`` it is PSPNet101. They concatenate the pyramid's branches from fine to
    coarse: ``bins=(6, 3, 2, 1)``.

    Parameters
    ----------
    in_channels, num_classes
        Channels of the image and of the logits.
    base_channels
        Of the first convolution; the last stage has 32 times as many.
    blocks
        Bottlenecks of stages 2, 3, 4 and 5: see `dilated_resnet`.
    bins
        Of the pyramid, each with a quarter of the last stage's channels; ``()`` for no pyramid.
    stride_in
        Which convolution of a bottleneck has the stride: ``"1x1"``, as the authors', or ``"3x3"``.
    auxiliary
        Whether there is a second head, on stage 4, of 2,398,358 parameters. A forward pass in training
        then returns a list, the logits and the auxiliary ones, and backward takes the list of their
        gradients; in eval that head rests. The paper's loss is
        ``DeepSupervision(SoftmaxCrossEntropy(), [1, 0.4])``.
    dropout
        The probability for the dropout before the last convolution.
    seed
        Draws the weights and the dropout masks.
    dtype
        ``"float32"`` or ``"float64"``.

    Notes
    -----
    A bin of the whole image gives batch norm one value an image: in training, it needs two images.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 150,
        *,
        base_channels: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        bins: Sequence[int] = (1, 2, 3, 6),
        stride_in: str = "1x1",
        auxiliary: bool = False,
        dropout: float = 0.1,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        if base_channels < 1:
            raise ValueError(f"base_channels must be at least 1, got {base_channels}")
        if len(blocks) != 4 or min(blocks) < 1:
            raise ValueError(f"blocks must be four numbers above 0, got {blocks}")
        rng, base = np.random.default_rng(seed), base_channels
        stages = dilated_resnet(in_channels, base, blocks, stride_in, rng)
        second = None
        if auxiliary:  # a generator of its own: without it, all other weights are the same
            second = head(16 * base, 4 * base, num_classes, dropout, rng.spawn(1)[0])
        super().__init__(
            stages, 8, 32 * base, 8 * base,
            in_channels=in_channels, num_classes=num_classes, bins=bins, dropout=dropout, rng=rng,
            auxiliary=second,
        )  # fmt: skip
        self.astype(dtype)


class SmallPSPNet(PyramidNetwork):
    """The pyramid on a few plain convolutions, for lessons and experiments on what it adds.

    Two convolutions with stride 2 and one without lead to a quarter of the side, dilated ones follow:

        3x3 stride 2 ── 3x3 ── 3x3 stride 2 ── 3x3 of each dilation ── pyramid ── 3x3, 1x1 ── resize

    Parameters
    ----------
    in_channels, num_classes, bins, dropout, seed, dtype
        As for `PSPNet`.
    channels
        Of the first three convolutions; the others have the last number.
    dilations
        Of the convolutions after them, one each.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 3,
        *,
        channels: Sequence[int] = (16, 24, 32),
        dilations: Sequence[int] = (1, 1),
        bins: Sequence[int] = (1, 2, 3, 6),
        dropout: float = 0.0,
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        if len(channels) != 3 or min(channels) < 1:
            raise ValueError(f"channels must be three numbers above 0, got {channels}")
        if not len(dilations) or min(dilations) < 1:
            raise ValueError(f"dilations must be a number above 0 or more, got {dilations}")
        rng = np.random.default_rng(seed)
        first, second, last = channels
        stem = Sequential(
            ConvNorm(in_channels, first, stride=2, padding=1, rng=rng),
            ConvNorm(first, second, padding=1, rng=rng),
            ConvNorm(second, last, stride=2, padding=1, rng=rng),
        )
        dilated = (ConvNorm(last, last, padding=d, dilation=d, rng=rng) for d in dilations)
        super().__init__(
            [stem, Sequential(*dilated)], 4, last, last,
            in_channels=in_channels, num_classes=num_classes, bins=bins, dropout=dropout, rng=rng,
        )  # fmt: skip
        self.astype(dtype)


def head(
    in_channels: int, width: int, num_classes: int, dropout: float, rng: np.random.Generator
) -> Sequential:
    """A 3x3 convolution, dropout, and the logits by a 1x1 convolution, which alone has a bias."""
    return Sequential(
        ConvNorm(in_channels, width, 3, padding=1, rng=rng),
        Dropout(dropout, rng.spawn(1)[0]),
        Conv2d(width, num_classes, 1, rng=rng),
    )
