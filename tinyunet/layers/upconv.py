"""ConvTranspose2d, the U-Net's up-convolution: a convolution run backwards."""

from __future__ import annotations

import numpy as np

from tinyunet import convolution
from tinyunet.convolution import im2col
from tinyunet.engine.arrays import Array, MaybeArray, array_module, pair
from tinyunet.engine.elementwise import add_bias, sum_pixels
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, total
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
        rng = np.random.default_rng(0) if rng is None else rng
        weight = rng.normal(0, np.sqrt(2 / fan_in), (in_channels, kh, kw, out_channels))
        self.params["weight"] = weight.astype(np.float32)
        if bias:
            self.params["bias"] = np.zeros(out_channels, np.float32)

    def forward(self, x: Array) -> Array:
        """Return y (N, H', W', out_channels) from x (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        y_shape = (x.shape[0], *self.output_size(*x.shape[1:3]), self.out_channels)
        if min(y_shape) < 1:
            raise ValueError(f"{self} leaves no output for an input of shape {x.shape}")
        matrix = self.params["weight"].reshape(self.in_channels, -1)  # (C_in, kh*kw*C_out)

        def patches(band: Band) -> Array:  # what each pixel adds to the output
            return x[band].reshape(-1, self.in_channels) @ matrix

        y = im2col.spread(patches, x, y_shape, self.geometry)
        if "bias" in self.params:
            add_bias(y, self.params["bias"])
        self._keep(y, x)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set the gradients of weight and bias and return dx (N, H, W, in_channels)."""
        (x,) = self._take(dy)
        xp, weight = array_module(dy), self.params["weight"]
        matrix = weight.reshape(self.in_channels, -1)
        dx = empty(xp, x.shape, dy.dtype) if input_gradient else None

        def share(band: Band) -> tuple[Array]:  # dx, and this band's part of dw
            dpatches = im2col.patches(dy, band, self.geometry)
            if dx is not None:
                xp.matmul(dpatches, matrix.T, out=dx[band].reshape(-1, self.in_channels))
            return (x[band].reshape(-1, self.in_channels).T @ dpatches,)

        (dw,) = total(share, im2col.cut(x.shape, matrix.shape[::-1], xp), xp)
        self.grads["weight"] = dw.reshape(weight.shape)
        if "bias" in self.params:
            self.grads["bias"] = sum_pixels(dy)
        return dx

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the output's (height, width) for an input's."""
        g = self.geometry
        sides = zip((height, width), g.stride, g.padding, g.kernel, strict=True)
        h, w = ((side - 1) * s - sum(pad) + k for side, s, pad, k in sides)
        return h, w

    def _describe(self) -> str:
        g = self.geometry
        channels = f"in_channels={self.in_channels}, out_channels={self.out_channels}"
        padding = f", padding={g.padding}" if g.padding != ((0, 0), (0, 0)) else ""
        return f"{channels}, kernel_size={g.kernel}, stride={g.stride}{padding}"
