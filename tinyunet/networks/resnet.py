"""PSPNet's residual network (He et al. 2016, arXiv:1512.03385), with dilations for strides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.layers import Add, MaxPool2d, ReLU, Sequential
from tinyunet.layers.layer import Layer
from tinyunet.networks.blocks import ConvNorm


class Bottleneck(Layer):
    """A narrow 3x3 convolution between two 1x1, and a way around all three: y = relu(f(x) + x).

        x ── 1x1 ── 3x3 ── 1x1 ── + ── relu ── y
        └────── 1x1, or x itself ─┘

    Every convolution has batch norm, and the first two a ReLU. The sum hands its gradient to both ways
    unchanged, so it reaches x also where f passes nothing on.

    Parameters
    ----------
    in_channels, channels
        Of the input (N, H, W, in_channels), and of the 3x3 convolution; the output has 4 * channels.
    stride, dilation
        Of the block, and of its 3x3 convolution. The way around is x itself where neither the stride
        nor the channels forbid it.
    stride_in
        Which convolution has the stride: ``"1x1"``, the first one, or ``"3x3"``.
    rng
        Draws the weights.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        stride_in: str = "1x1",
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if stride_in not in ("1x1", "3x3"):
            raise ValueError(f'stride_in must be "1x1" or "3x3", got {stride_in!r}')
        rng = np.random.default_rng(0) if rng is None else rng
        first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
        self.reduce = ConvNorm(in_channels, channels, 1, stride=first, rng=rng)
        self.middle = ConvNorm(
            channels, channels, 3, stride=second, padding=dilation, dilation=dilation, rng=rng
        )
        self.expand = ConvNorm(channels, 4 * channels, 1, relu=False, rng=rng)
        self.around = None
        if stride > 1 or in_channels != 4 * channels:
            self.around = ConvNorm(in_channels, 4 * channels, 1, stride=stride, relu=False, rng=rng)
        self.add: Layer = Add()
        self.relu = ReLU()

    def forward(self, x: Array) -> Array:
        """Return (N, H', W', 4 * channels)."""
        y = self.expand(self.middle(self.reduce(x)))
        around = x if self.around is None else self.around(x)
        return self.relu(self.add(y, around))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, in_channels)."""
        dy, daround = self.add.backward(self.relu.backward(dy))
        if self.around is not None:
            daround = self.around.backward(daround, input_gradient=input_gradient)
        dy = self.middle.backward(self.expand.backward(dy))
        dx = self.reduce.backward(dy, input_gradient=input_gradient)
        if input_gradient:
            add(dx, daround)  # where forward forked, the gradients add
        return dx


def dilated_resnet(
    in_channels: int,
    base_channels: int,
    blocks: Sequence[int],
    stride_in: str,
    rng: np.random.Generator,
) -> list[Layer]:
    """Return its stages: the stem, and one of bottlenecks for each number of `blocks`.

    Side and channels of each, for an image of 473 pixels and 64 base channels:

        stem     3x3 stride 2, 3x3, 3x3; max-pooling 3x3 stride 2    119    128
        stage 2                                                      119    256
        stage 3  stride 2                                             60    512
        stage 4  dilation 2 in place of a stride                      60   1024
        stage 5  dilation 4                                           60   2048

    A convolution with dilation d after no stride sees the pixels that it would see after a stride d:
    the receptive field stays, and the map is 8 instead of 32 pixels coarse.
    """

    def conv(ins: int, outs: int, stride: int = 1) -> ConvNorm:
        return ConvNorm(ins, outs, 3, stride=stride, padding=1, rng=rng)

    base = base_channels
    pool = MaxPool2d(3, stride=2, padding=1)
    stem = Sequential(conv(in_channels, base, 2), conv(base, base), conv(base, 2 * base), pool)
    stages: list[Layer] = [stem]
    ins = 2 * base
    for level, count in enumerate(blocks):
        width, stride, dilation = base * 2**level, 2 if level == 1 else 1, max(1, 2 ** (level - 1))
        stage = []
        for number in range(count):
            stage.append(
                Bottleneck(
                    ins, width, stride=1 if number else stride, dilation=dilation,
                    stride_in=stride_in, rng=rng,
                )
            )  # fmt: skip
            ins = 4 * width
        stages.append(Sequential(*stage))
    return stages
