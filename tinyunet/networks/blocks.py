"""What several networks are built of: a normalised convolution, and the sum where paths meet again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray
from tinyunet.engine.elementwise import add
from tinyunet.layers import BatchNorm2d, Conv2d, ReLU
from tinyunet.layers.layer import Layer


class ConvNorm(Layer):
    """A convolution without bias, batch norm, and perhaps a ReLU.

    Batch norm takes a bias away with the mean, and has one of its own.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, rng, **options
        As for `Conv2d`.
    relu
        Whether a ReLU follows.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        relu: bool = True,
        rng: np.random.Generator | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.conv = Conv2d(in_channels, out_channels, kernel_size, bias=False, rng=rng, **options)
        self.norm = BatchNorm2d(out_channels)
        self.relu = ReLU() if relu else None

    def forward(self, x: Array) -> Array:
        """Return (N, H', W', out_channels)."""
        y = self.norm(self.conv(x))
        return y if self.relu is None else self.relu(y)

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, in_channels)."""
        if self.relu is not None:
            dy = self.relu.backward(dy)
        return self.conv.backward(self.norm.backward(dy), input_gradient=input_gradient)


def summed(gradients: list[Array]) -> Array:
    """Return the gradient of a value that went several ways: the sum of all that came back.

    A lone one is returned as it is, and none is written into.
    """
    if len(gradients) == 1:
        return gradients[0]
    total = gradients[0] + gradients[1]
    for gradient in gradients[2:]:
        add(total, gradient)
    return total


def of_heads(model: Layer, dy: Any, count: int) -> list[Array]:
    """Return the gradients of a network's heads, given as a list, or as one array for one head.

    Raises
    ------
    ValueError
        If they are not one for each of `count` heads.
    """
    if count == 1:
        return [dy]
    if not isinstance(dy, list | tuple) or len(dy) != count:
        got = f"{len(dy)}" if isinstance(dy, list | tuple) else f"one {type(dy).__name__}"
        raise ValueError(
            f"{model}.backward needs a list of {count} gradients, one a head, got {got}: the loss "
            "DeepSupervision gives it"
        )
    return list(dy)
