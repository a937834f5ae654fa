"""Conv2d: shapes, parameters and the chain rule. The arithmetic lives in `tinyunet.convolution`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyunet import convolution
from tinyunet.engine import budget
from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.layers.graph import Graph, onnx_pads
from tinyunet.layers.layer import Layer


class Conv2d(Layer):
    """A 2-D convolution: every output pixel is a weighted sum of the input pixels under a kernel.

    With stride 1 and no padding, all of it in NumPy (n: image, i j: output pixel, p q: place in the
    kernel, c d: channel of the input and the output):

        X = sliding_window_view(x, (kh, kw), axis=(1, 2))  # (N, H', W', C_in, kh, kw), no copy
        y = np.einsum("nijcpq,pqcd->nijd", X, w) + b

    The gradients, by the chain rule (derived in `tinyunet/convolution/naive.py`). dw[p, q] sums
    x.T @ dy over all that the kernel read at (p, q), db sums dy, and dx is dy, with zeros around it,
    convolved with the turned kernel:

        dw, db = np.einsum("nijcpq,nijd->pqcd", X, dy), dy.sum((0, 1, 2))
        wide = np.pad(dy, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
        DY = sliding_window_view(wide, (kh, kw), axis=(1, 2))  # (N, H, W, C_out, kh, kw)
        dx = np.einsum("nijdpq,pqcd->nijc", DY, w[::-1, ::-1])

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input (N, H, W, in_channels) and output (N, H', W', out_channels).
    kernel_size, stride, dilation
        An int or a (height, width) pair.
    padding
        Rows and columns of zeros on each side: an int, a pair, ``"valid"`` (none) or ``"same"``.
    bias
        Whether to add a learned number to each output channel.
    activation
        ``None``, or ``"relu"`` for max(y, 0) fused into the convolution.
    algorithm
        ``"auto"``, ``"naive"``, ``"im2col"`` or ``"winograd"``: see `tinyunet.convolution`.
    rng
        Draws the weights; by default a generator seeded with 0. Gaussian with standard deviation
        sqrt(2 / (in_channels * kh * kw)) (He et al. 2015, as in the U-Net paper); biases are 0.

    Notes
    -----
    ``params["weight"]`` is (kh, kw, in_channels, out_channels), ``params["bias"]`` (out_channels,).
    """

    TORCH_AXES: ClassVar = {"weight": (3, 2, 0, 1)}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
        activation: str | None = None,
        algorithm: str = "auto",
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if in_channels < 1 or out_channels < 1:
            raise ValueError(f"Conv2d needs at least 1 channel: {in_channels} -> {out_channels}")
        if activation not in (None, "relu"):
            raise ValueError(f'activation must be None or "relu", got {activation!r}')
        self.in_channels, self.out_channels = in_channels, out_channels
        self.geometry = convolution.geometry(kernel_size, stride, padding, dilation)
        self.activation, self.algorithm = activation, algorithm
        convolution.check_algorithm(algorithm, self.geometry)

        kh, kw = self.geometry.kernel
        budget.spend(kh, kw, in_channels, out_channels)
        rng = np.random.default_rng(0) if rng is None else rng
        weight = rng.normal(
            0, np.sqrt(2 / (in_channels * kh * kw)), (kh, kw, in_channels, out_channels)
        )
        self.params["weight"] = weight.astype(np.float32)
        if bias:
            self.params["bias"] = np.zeros(out_channels, np.float32)

    def forward(self, x: Array) -> Array:
        """Return y (N, H', W', out_channels) from x (N, H, W, in_channels)."""
        self._check_image(x, self.in_channels)
        if min(self.geometry.output_size(*x.shape[1:3])) < 1:
            raise ValueError(f"{self} got an input smaller than its kernel: shape {x.shape}")
        weight, bias = self.params["weight"], self.params.get("bias")
        forward = convolution.choose(self.algorithm, x, weight, self.geometry).forward
        if self.activation is None:
            y, gate = forward(x, weight, bias, self.geometry), None
        elif self._held is None:
            y = gate = forward(x, weight, bias, self.geometry, relu=True)
        else:  # the ReLU's mask is given: see held_decisions
            z = forward(x, weight, bias, self.geometry)
            gate = self._decide(z > 0)
            y = array_module(z).where(gate, z, 0)
        self._keep(y, x, gate)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set the gradients of weight and bias and return dx (N, H, W, in_channels)."""
        x, gate = self._take(dy)
        weight, learns = self.params["weight"], not self.frozen >= self.params.keys()
        dw, db, dx = convolution.gradients(
            x, dy, gate, weight, self.geometry, self.algorithm, input_gradient, learns
        )
        self.grads = {
            k: d for k, d in (("weight", dw), ("bias", db)) if learns and k in self.params
        }
        return dx

    def decisions(self) -> list[Array]:
        """Return the mask of the fused ReLU."""
        if self.activation is None or self._kept is None:
            return []
        _, gate = self._kept[-1]
        return [gate > 0]

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls Conv, and Relu."""
        g = self.geometry
        weights = [graph.parameter(self, key) for key in self.params]
        y = graph.node(
            "Conv", x, *weights, kernel_shape=g.kernel, strides=g.stride, dilations=g.dilation,
            pads=onnx_pads(g.padding),
        )  # fmt: skip
        return y if self.activation is None else graph.node("Relu", y)

    def _describe(self) -> str:
        g = self.geometry
        parts = [f"in_channels={self.in_channels}, out_channels={self.out_channels}"]
        parts.append(f"kernel_size={g.kernel}")
        parts += [f"stride={g.stride}"] if g.stride != (1, 1) else []
        parts += [f"padding={g.padding}"] if g.padding != ((0, 0), (0, 0)) else []
        parts += [f"dilation={g.dilation}"] if g.dilation != (1, 1) else []
        parts += [f"activation={self.activation!r}"] if self.activation else []
        return ", ".join(parts)
