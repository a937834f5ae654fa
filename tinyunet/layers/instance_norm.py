"""InstanceNorm2d: every channel of every image with mean 0 and variance 1."""

from __future__ import annotations

import numpy as np

from tinyunet.engine import budget
from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class InstanceNorm2d(Layer):
    """Give every channel of every image mean 0 and variance 1: batch normalisation of one image each.

    Over the M = H * W values of a channel of an image, in training and in eval alike (Ulyanov, Vedaldi
    and Lempitsky 2016, arXiv:1607.08022):

        mean = sum(x) / M
        var  = sum((x - mean)^2) / M
        xh   = (x - mean) / root,  root = sqrt(var + eps)
        y    = weight * xh + bias                            with ``affine=True``; else y = xh

    With dxh = weight * dy, and sums over an image's channel (see `BatchNorm2d` for the way there):

        dx      = (dxh - sum(dxh) / M - xh * sum(dxh * xh) / M) / root
        dweight = sum over all images of sum(dy * xh),  dbias = sum over all images of sum(dy)

    With one image a batch, `BatchNorm2d` does the same in training. There are no running statistics.

    Parameters
    ----------
    num_features
        Channels of the images (N, H, W, num_features).
    eps
        Keeps the root from 0.
    affine
        Whether there are a learned scale and offset for each channel, ``params["weight"]`` and
        ``["bias"]`` (num_features,). Names and defaults are PyTorch's.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, *, affine: bool = False) -> None:
        super().__init__()
        if num_features < 1:
            raise ValueError(f"InstanceNorm2d needs at least 1 channel, got {num_features}")
        if not eps >= 0:
            raise ValueError(f"InstanceNorm2d's eps must not be negative, got {eps}")
        self.num_features, self.eps, self.affine = num_features, eps, affine
        if affine:
            budget.spend(2, num_features)
            self.params["weight"] = np.ones(num_features, np.float32)
            self.params["bias"] = np.zeros(num_features, np.float32)

    def forward(self, x: Array) -> Array:
        """Return y of x's shape (N, H, W, C)."""
        self._check_image(x, self.num_features)
        if x.shape[1] * x.shape[2] == 1:
            raise ValueError(
                f"{self} got one pixel an image: shape {x.shape}. That has no variance: leave the "
                "normalisation out where maps are that small"
            )
        # About a number near the mean: see `BatchNorm2d`.
        centred = x - _means(x).astype(x.dtype)
        off = _means(centred)
        root = array_module(x).sqrt(_means(centred * centred) - off * off + self.eps)
        xh = (centred - off.astype(x.dtype)) / root.astype(x.dtype)
        y = self.params["weight"] * xh + self.params["bias"] if self.affine else xh
        self._keep(y, xh, root)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set the gradients of weight and bias, if there are any, and return dx (N, H, W, C)."""
        xh, root = self._take(dy)
        dxh = dy
        if self.affine:
            sums = {"weight": (dy * xh).sum((0, 1, 2), dtype="float64")}
            sums["bias"] = dy.sum((0, 1, 2), dtype="float64")
            self.grads = {name: total.astype(dy.dtype) for name, total in sums.items()}
            dxh = dy * self.params["weight"]
        if not input_gradient:
            return None
        mean, along = (_means(part).astype(dy.dtype) for part in (dxh, dxh * xh))
        return (dxh - mean - xh * along) / root.astype(dy.dtype)

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls InstanceNormalization, which always has a scale and an offset."""
        ones, zeros = np.ones(self.num_features), np.zeros(self.num_features)
        weight, bias = (
            (graph.parameter(self, "weight"), graph.parameter(self, "bias"))
            if self.affine
            else (graph.constant(ones), graph.constant(zeros))
        )
        return graph.node("InstanceNormalization", x, weight, bias, epsilon=self.eps)

    def _describe(self) -> str:
        parts = [f"num_features={self.num_features}"]
        parts += [f"eps={self.eps}"] if self.eps != 1e-5 else []
        parts += ["affine=True"] if self.affine else []
        return ", ".join(parts)


def _means(x: Array) -> Array:
    """Return each image's means over its pixels, (N, 1, 1, C) in float64."""
    return x.mean((1, 2), dtype="float64", keepdims=True)
