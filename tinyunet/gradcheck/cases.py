"""The layers and the ways of computing them that `tinyunet gradcheck` checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet import layers as nn
from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.layers.layer import Layer


class PoolAndBack(Layer):
    """A max-pooling and its unpooling, which has no meaning without it."""

    def __init__(self, kernel_size: int | tuple[int, int] = (2, 3), **options: Any) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(kernel_size, **options)
        self.unpool = nn.MaxUnpool2d(self.pool)

    def forward(self, x: Array) -> Array:
        """Keep the largest pixel of each window and zero the others."""
        return self.unpool(self.pool(x))

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dy at the largest pixels."""
        return self.pool.backward(self.unpool.backward(dy), input_gradient=input_gradient)


def scaled(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """Give a new normalisation other scales and statistics than ones and zeros, which hide mistakes."""
    rng = np.random.default_rng(4)
    for array in (norm.params["weight"], norm.buffers["running_var"]):
        array[...] = rng.uniform(0.5, 2, array.shape)
    norm.buffers["running_mean"][...] = rng.standard_normal(norm.num_features)
    return norm


def cases() -> dict[str, tuple[Callable, list[tuple]]]:
    """Return each case's name, what makes its layer, and its inputs' shapes.

    Sides, strides and kernels differ in height and width, so that swapped axes show.
    """
    image = (2, 7, 6, 3)
    return {
        "Conv2d 3x3": (lambda: nn.Conv2d(3, 4), [image]),
        "Conv2d 3x3 same, ReLU": (
            lambda: nn.Conv2d(3, 4, padding="same", activation="relu"),
            [image],
        ),
        "Conv2d 1x1": (lambda: nn.Conv2d(3, 4, 1), [image]),
        "Conv2d 3x2, stride 2x1, dilated": (
            lambda: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2)),
            [image],
        ),
        "Conv2d by loops": (lambda: nn.Conv2d(3, 4, padding=1, algorithm="naive"), [image]),
        "ConvTranspose2d 2x2, stride 2": (lambda: nn.ConvTranspose2d(3, 4), [(2, 3, 4, 3)]),
        "ConvTranspose2d 4x3, stride 2x1": (
            lambda: nn.ConvTranspose2d(3, 4, (4, 3), stride=(2, 1), padding=1),
            [(2, 3, 4, 3)],
        ),
        "Conv2d 4x4, stride 2": (lambda: nn.Conv2d(3, 4, 4, stride=2, padding=1), [image]),
        "ConvTranspose2d 4x4, stride 2": (
            lambda: nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1),
            [(2, 3, 4, 3)],
        ),
        "MaxPool2d": (nn.MaxPool2d, [(2, 6, 4, 3)]),
        "MaxUnpool2d": (PoolAndBack, [(2, 4, 6, 3)]),
        "MaxPool2d 3x3, stride 2, padding": (lambda: nn.MaxPool2d(3, stride=2, padding=1), [image]),
        "MaxUnpool2d of partial windows": (lambda: PoolAndBack(2, ceil_mode=True), [image]),
        "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((3, 4)), [image]),
        "Upsample": (lambda: nn.Upsample((9, 11)), [(2, 4, 5, 2)]),
        "Upsample, corners aligned": (
            lambda: nn.Upsample((9, 11), align_corners=True),
            [(2, 4, 5, 2)],
        ),
        "BilinearConvTranspose2d": (
            lambda: nn.BilinearConvTranspose2d(2, (4, 3), padding=1),
            [(2, 3, 4, 2)],
        ),
        "BatchNorm2d": (lambda: scaled(nn.BatchNorm2d(3)), [image]),
        "BatchNorm2d, running statistics": (
            lambda: scaled(nn.BatchNorm2d(3, statistics="running")),
            [image],
        ),
        "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3, affine=True), [image]),
        "ReLU": (nn.ReLU, [image]),
        "LeakyReLU": (lambda: nn.LeakyReLU(0.2), [image]),
        "Sigmoid": (nn.Sigmoid, [image]),
        "Tanh": (nn.Tanh, [image]),
        "Scale": (lambda: nn.Scale(0.3), [image]),
        "Dropout": (lambda: nn.Dropout(0.4), [image]),
        "Dropout2d": (lambda: nn.Dropout2d(0.4), [image]),
        "Concat": (nn.Concat, [(2, 3, 4, 2), (2, 3, 4, 3)]),
        "Add": (nn.Add, [image, image]),
        "Sequential": (
            lambda: nn.Sequential(nn.Conv2d(3, 4), nn.ReLU(), nn.Conv2d(4, 2)),
            [(2, 7, 6, 3)],
        ),
    }


def algorithms() -> dict[str, tuple[Callable, tuple[int, ...]]]:
    """Return each way in which a convolution is computed: its name, its layer, and an input's shape.

    Training takes Winograd for wide layers and large images, which none of `cases` is. Its tiles are
    small or large, its images are cut into blocks or its channels shared out, so there is one of each.
    """

    def winograd(*channels: int, **options: Any) -> Callable:
        return lambda: nn.Conv2d(*channels, algorithm="winograd", **options)

    return {
        "Conv2d by im2col, ReLU": (
            lambda: nn.Conv2d(3, 4, padding=1, activation="relu", algorithm="im2col"),
            (2, 7, 6, 3),
        ),
        "Winograd, small tiles, ReLU": (
            winograd(9, 10, padding=1, activation="relu"),
            (2, 13, 22, 9),
        ),
        "Winograd, wide padding": (winograd(3, 2, padding=(2, 0)), (3, 6, 9, 3)),
        "Winograd, large tiles": (winograd(8, 12, activation="relu"), (1, 71, 85, 8)),
        "Winograd, many channels": (
            winograd(160, 208, padding=1, activation="relu"),
            (2, 9, 14, 160),
        ),
        "Conv2d as training computes it": (
            lambda: nn.Conv2d(8, 9, padding="same", activation="relu"),
            (2, 50, 52, 8),
        ),
    }
