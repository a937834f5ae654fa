"""ConvTranspose2d, the U-Net's up-convolution: a convolution run backwards.

Its arithmetic lives in `tinyunet/convolution/transposed.py`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyunet import convolution
from tinyunet.convolution import transposed
from tinyunet.engine import budget
from tinyunet.engine.arrays import Array, MaybeArray, pair
from tinyunet.engine.elementwise import sum_pixels
from tinyunet.layers.graph import Graph, onnx_pads
from tinyunet.layers.layer import Layer


class ConvTranspose2d(Layer):
    """A transposed convolution: every input pixel spreads out over a kernel's worth of output.

    A convolution is linear, so it is a matrix A, and its gradient with respect to the input is A^T.
    A transposed convolution computes y = A^T x + b, where A is the convolution with the same kernel,
    stride and padding that leads from y's shape to x's. The chain rule then needs nothing new:

        dx = A dy                                that convolution itself
        dw = its weight gradient, with x and dy exchanged
        db = the sum of dy

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input (N, H, W, in_channels) and output (N, H', W', out_channels), where
        H' = (H - 1) * stride - 2 * padding + kernel height.
    kernel_size, stride
        An int or a (height, width) pair. The U-Net's 2 and 2 double the side without overlaps.
    padding
        Rows and columns cut off each side of the output: an int or a pair.
    bias
        Whether to add a learned number to each output channel.
    rng
        Draws the weights; by default a generator seeded with 0. Gaussian with standard deviation
        sqrt(2 / N), where N counts the input values that reach one output value:
        in_channels * (kh / stride) * (kw / stride), rounded up. Biases are 0.

    Notes
    -----
    ``params["weight"]`` is (in_channels, kh, kw, out_channels), ``params["bias"]`` (out_channels,).
    """

    TORCH_AXES: ClassVar = {"weight": (0, 3, 1, 2)}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 2,
        *,
        stride: int | tuple[int, int] = 2,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if in_channels < 1 or out_channels < 1:
            raise ValueError(
                f"ConvTranspose2d needs at least 1 channel: {in_channels} -> {out_channels}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.geometry = convolution.geometry(kernel_size, stride, pair(padding, "padding", 0))

        (kh, kw), (sy, sx) = self.geometry.kernel, self.geometry.stride
        fan_in = in_channels * -(-kh // sy) * -(-kw // sx)
        budget.spend(in_channels, kh, kw, out_channels)
        rng = np.random.default_rng(0) if rng is None else rng
        weight = rng.normal(0, np.sqrt(2 / fan_in), (in_channels, kh, kw, out_channels))
        self.params["weight"] = weight.astype(np.float32)
        if bias:
            self.params["bias"] = np.zeros(out_channels, np.float32)

    def forward(self, x: Array) -> Array:
        """Return y (N, H', W', out_channels) from x (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        if min(self.output_size(*x.shape[1:3])) < 1:
            raise ValueError(f"{self} leaves no output for an input of shape {x.shape}")
        weight, bias = self.params["weight"], self.params.get("bias")
        y = transposed.forward(x, weight, bias, self.geometry)
        self._keep(y, x)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set the gradients of weight and bias and return dx (N, H, W, in_channels)."""
        (x,) = self._take(dy)
        weight = self.params["weight"]
        if "weight" in self.frozen:
            self.grads = {"bias": sum_pixels(dy)} if "bias" in self.params else {}
            return transposed.input_gradient(dy, weight, self.geometry) if input_gradient else None
        dw, db, dx = transposed.gradients(x, dy, weight, self.geometry, input_gradient)
        self.grads = {"weight": dw, "bias": db} if "bias" in self.params else {"weight": dw}
        return dx

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the output's (height, width) for an input's."""
        return transposed.output_size(height, width, self.geometry)

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls ConvTranspose."""
        g = self.geometry
        weights = [graph.parameter(self, key) for key in self.params]
        return graph.node(
            "ConvTranspose", x, *weights, kernel_shape=g.kernel, strides=g.stride,
            pads=onnx_pads(g.padding),
        )  # fmt: skip

    def _describe(self) -> str:
        g = self.geometry
        channels = f"in_channels={self.in_channels}, out_channels={self.out_channels}"
        padding = f", padding={g.padding}" if g.padding != ((0, 0), (0, 0)) else ""
        return f"{channels}, kernel_size={g.kernel}, stride={g.stride}{padding}"
