"""What is measured: a task is a network or a single convolution, its input, and what to do with it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import numpy as np

from tinyunet.bench.relatives import RELATIVES
from tinyunet.layers import Conv2d
from tinyunet.losses import Loss, SoftmaxCrossEntropy
from tinyunet.networks.network import Network
from tinyunet.networks.summary import summarize
from tinyunet.networks.unet import UNet

# Each network's settings, and the shape (N, H, W, C) of its input.
NETWORKS = {
    "paper": ({}, (1, 572, 572, 1)),
    "small": ({"base_channels": 16, "padding": "same"}, (8, 128, 128, 1)),
    "default": ({"base_channels": 8, "depth": 3, "padding": "same"}, (8, 128, 128, 1)),
}
# The paper's 3x3 convolutions: (side of the input, input channels, output channels).
LAYERS = [
    (572, 1, 64),
    (570, 64, 64),
    (282, 128, 128),
    (138, 256, 256),
    (66, 512, 512),
    (30, 1024, 1024),
    (392, 128, 64),
]


@dataclass(frozen=True)
class Task:
    """One thing to measure.

    Attributes
    ----------
    net
        ``"paper"``, ``"small"``, ``"default"`` (the default recipe's), one of `RELATIVES`, or
        ``"conv"`` for one 3x3 convolution with a ReLU.
    mode
        ``"train"``: forward, backward and, for a network, an SGD step; ``"predict"``: forward only.
    shape
        (N, H, W, C) of the input.
    channels
        Output channels of a convolution.
    algorithm
        How tinyunet computes a convolution: see `tinyunet.convolution`; ``"whole patches"`` stands
        for im2col with the patch matrix of the whole image in one piece.
    """

    net: str
    mode: str
    shape: tuple[int, int, int, int]
    channels: int = 0
    algorithm: str = "auto"

    @property
    def name(self) -> str:
        """A few words for a table."""
        n, height, width, channels = self.shape
        size = f"{n} x {height} x {width} x {channels}"
        if self.net == "conv":
            return f"{self.mode} {channels} -> {self.channels}, {n} x {height} x {width}"
        return f"{self.net} net, {self.mode}, {size}"

    def to_dict(self) -> dict:
        """Return the attributes as plain data."""
        return asdict(self)

    def model(self) -> Network | Conv2d:
        """Make the network or layer, always with the same weights."""
        if self.net in RELATIVES:
            return RELATIVES[self.net].make()
        if self.net == "conv":
            algorithm = "im2col" if self.algorithm == "whole patches" else self.algorithm
            return Conv2d(self.shape[3], self.channels, activation="relu", algorithm=algorithm)
        return UNet(self.shape[3], **NETWORKS[self.net][0])

    def loss(self) -> Loss:
        """What a network is wrong by."""
        return RELATIVES[self.net].loss() if self.net in RELATIVES else SoftmaxCrossEntropy()

    def input(self) -> np.ndarray:
        """The input: positive numbers, as images and activations are."""
        return np.random.default_rng(1).random(self.shape, np.float32)

    def labels(self, size: tuple[int, int]) -> np.ndarray:
        """Classes (N, H, W) to learn: a pattern, the same for both libraries."""
        n = np.arange(self.shape[0])[:, None, None]
        y, x = np.ogrid[: size[0], : size[1]]
        return ((y // 7 + x // 9 + n) % 2).astype(np.int64)

    def gflop(self) -> float:
        """How many 10^9 operations a direct computation takes, products and sums.

        The convolutions' alone: all else is below one percent. A backward pass costs twice a
        forward pass; what leads to the image's gradient alone is not computed.
        """
        model = self.model()
        n, height, width, _ = self.shape
        rows = summarize(model, height, width).rows
        parameters = dict(model.named_parameters())
        forward, first = 0.0, None
        for row in rows:
            weight = parameters.get(f"{row.name}.weight" if row.name else "weight")
            if weight is None:
                continue
            touched = row.shape[0] * row.shape[1]
            if re.match("ups", row.name):  # kernel = stride: every input pixel is touched once
                touched //= weight.shape[1] * weight.shape[2]
            operations = 2 * n * touched * weight.size / 1e9
            forward += operations
            first = operations if first is None else first
        if self.mode == "predict":
            return forward
        return 3 * forward - (first if self.net != "conv" else 0)


def network_task(net: str, mode: str, n: int | None = None, side: int | None = None) -> Task:
    """The task of a named network, with its usual input unless told otherwise."""
    if net not in NETWORKS:
        raise ValueError(f"--net must be one of {', '.join(NETWORKS)} or all, got {net!r}")
    if mode not in ("train", "predict"):
        raise ValueError(f"--mode must be train, predict or both, got {mode!r}")
    usual, height, width, channels = NETWORKS[net][1]
    return Task(net, mode, (n or usual, side or height, side or width, channels))


def relative_task(net: str) -> Task:
    """The training step of one of the U-Net's relatives, at the size of a lesson."""
    return Task(net, "train", RELATIVES[net].shape)


def layer_task(side: int, channels_in: int, channels_out: int, mode: str, algorithm: str) -> Task:
    """The task of one 3x3 convolution."""
    return Task("conv", mode, (1, side, side, channels_in), channels_out, algorithm)
