"""BatchNorm2d: every channel with mean 0 and variance 1, then scaled and shifted as learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np

from tinyunet.engine import budget
from tinyunet.engine.arrays import Array, MaybeArray, array_module
from tinyunet.engine.elementwise import fused, over_bands, sum_pixels
from tinyunet.engine.memory import empty
from tinyunet.engine.threads import Band, bands, total
from tinyunet.engine.workers import joined
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer

BAND = 1 << 17  # numbers in a band: in smaller ones, small images spend their time in Python


class BatchNorm2d(Layer):
    """Give every channel mean 0 and variance 1, then a learned scale and offset of its own.

    Over the M = N * H * W values of a channel, in training (Ioffe and Szegedy 2015):

        mean = sum(x) / M
        var  = sum((x - mean)^2) / M
        xh   = (x - mean) / root,  root = sqrt(var + eps)
        y    = weight * xh + bias

    The gradients, by the chain rule. With dxh = weight * dy, x acts on y directly, by dxh / root, and
    through mean and var, on which all M values of the channel depend:

        dbias   = sum(dy)
        dweight = sum(dy * xh)
        dmean   = -sum(dxh) / root           var has none: sum(x - mean) is 0
        dvar    = -sum(dxh * xh) / (2 root^2)
        dx      = dxh / root + dmean / M + dvar * 2 (x - mean) / M
                = weight / root * (dy - dbias / M - xh * dweight / M)

    so dx has lost from dy its mean and its part along xh: sum(dx) = 0, and, but for eps,
    sum(dx * xh) = 0. A bias in front of it gets the gradient 0: leave it out.

    In eval, mean and var are those that training has gathered, moved by each forward pass:

        running = (1 - momentum) * running + momentum * batch's     (var as sum((x - mean)^2) / (M - 1))

    As constants they leave y linear: dx = weight / root * dy.

    Parameters
    ----------
    num_features
        Channels of the images (N, H, W, num_features).
    eps
        Keeps the root from 0. (Elsewhere it is 1e-3 in Keras, 2e-5 in Chainer.)
    momentum
        The weight of the latest batch in the running statistics; Keras and Chainer call 1 - momentum
        so. None gives every batch the same weight, as from one pass through the training set.
    statistics
        ``"batch"``, or ``"running"`` to normalise by the running ones in training, too, and not to move
        them: to train on with small batches. The attribute may be changed at any time.

    Notes
    -----
    ``params["weight"]`` and ``["bias"]``, ``buffers["running_mean"]`` and ``["running_var"]`` are
    (num_features,); ``buffers["num_batches_tracked"]`` counts. Names and conventions are PyTorch's.
    Where workers share a batch, the sums are those of all its images: see `tinyunet.engine.workers`.
    While decisions are held, and in a gradient check, the running statistics do not move. `fold` makes
    one convolution of a trained pair.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        *,
        statistics: str = "batch",
    ) -> None:
        super().__init__()
        if num_features < 1:
            raise ValueError(f"BatchNorm2d needs at least 1 channel, got {num_features}")
        if not eps >= 0:
            raise ValueError(f"BatchNorm2d's eps must not be negative, got {eps}")
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm2d's momentum must be from 0 to 1, or None, got {momentum}")
        if statistics not in ("batch", "running"):
            raise ValueError(f'statistics must be "batch" or "running", got {statistics!r}')
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.statistics = statistics
        budget.spend(4, num_features)
        self.params["weight"] = np.ones(num_features, np.float32)
        self.params["bias"] = np.zeros(num_features, np.float32)
        self.buffers["running_mean"] = np.zeros(num_features, np.float32)
        self.buffers["running_var"] = np.ones(num_features, np.float32)
        self.buffers["num_batches_tracked"] = np.array(0, np.int64)

    def forward(self, x: Array) -> Array:
        """Return y of x's shape (N, H, W, C)."""
        self._check_image(x, self.num_features)
        xp, by_batch = array_module(x), self.training and self.statistics == "batch"
        if by_batch:
            (count,) = joined(float(x.size // x.shape[3]))
            x, near, mean, var = self._moments(x, count)  # x without a number near its mean
            if not self._replays:  # see held_decisions
                self._move(near + mean, var, count)
        else:
            count = 0.0  # nothing depends on this batch
            mean, var = (
                self.buffers[f"running_{what}"].astype("float64") for what in ("mean", "var")
            )
        root = xp.sqrt(var + self.eps)
        scale, bias = self.params["weight"] / root, self.params["bias"]
        y = empty(xp, x.shape, x.dtype)
        if by_batch:  # the mean that is left is rounding: it may go into the bias
            _over_bands(_scale, (y, x), _rows(x, scale, bias - mean * scale))
        else:
            _over_bands(_normalise, (y, x), _rows(x, mean, scale, bias))
        self._keep(y, x, mean, root, count)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Set the gradients of weight and bias and return dx (N, H, W, C)."""
        x, mean, root, count = self._take(dy)
        xp = array_module(dy)
        if not count:
            x, mean = x - mean.astype(x.dtype), 0.0
        g, d = _lines(dy), _lines(x)
        dbias, along = _sums(lambda band: (g[band], g[band] * d[band]), x)
        dweight = (along - mean * dbias) / root  # sum(dy * (x - mean)) / root
        self.grads = {"weight": dweight.astype(dy.dtype), "bias": dbias.astype(dy.dtype)}
        if not input_gradient:
            return None
        dx, scale = empty(xp, x.shape, dy.dtype), self.params["weight"] / root
        if count:
            dweight, dbias = joined(dweight, dbias)  # mean and var are the whole batch's
            slope = dweight / (count * root)
            rows = _rows(x, slope, dbias / count - mean * slope, scale)
            _over_bands(_normalise_back, (dx, dy, x), rows)
        else:
            _over_bands(_scale, (dx, dy), [*_rows(x, scale), None])
        return dx

    def _moments(self, x: Array, count: float) -> tuple[Array, Array, Array, Array]:
        """Return x - near, near, the mean of x - near, and its variance: of `count` values a channel.

        Not E[x^2] - E[x]^2: where the mean is large, rounding leaves nothing of the difference. Sums
        about a number near the mean lose nothing; the first of them says how near it was.
        """
        if count == 1:
            raise ValueError(
                f"{self} got one value a channel: shape {x.shape}. In training that has no variance: "
                'take a larger batch, or statistics="running"'
            )
        near = (joined(sum_pixels(x))[0] / count).astype(x.dtype)
        xp, rest, (row,) = array_module(x), empty(array_module(x), x.shape, x.dtype), _rows(x, near)

        def rest_and_square(band: Band) -> tuple[Array, Array]:
            part = xp.subtract(_lines(x)[band], row, out=_lines(rest)[band])
            return part, part * part

        first, second = joined(*_sums(rest_and_square, x))
        mean = first / count
        return rest, near, mean, second / count - mean**2

    def _move(self, mean: Array, var: Array, count: float) -> None:
        """Move the running statistics towards a batch's."""
        self.buffers["num_batches_tracked"][...] += 1
        new = 1 / self.buffers["num_batches_tracked"] if self.momentum is None else self.momentum
        for name, batch in (("mean", mean), ("var", var * (count / (count - 1)))):
            running = self.buffers[f"running_{name}"]
            running[...] = (1 - new) * running + new * batch

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add what ONNX calls BatchNormalization; in training, of each image by itself."""
        scale = graph.parameter(self, "weight"), graph.parameter(self, "bias")
        if self.training and self.statistics == "batch":
            return graph.node("InstanceNormalization", x, *scale, epsilon=self.eps)
        running = (graph.parameter(self, f"running_{what}") for what in ("mean", "var"))
        return graph.node("BatchNormalization", x, *scale, *running, epsilon=self.eps)

    def _describe(self) -> str:
        parts = [f"num_features={self.num_features}"]
        parts += [f"eps={self.eps}"] if self.eps != 1e-5 else []
        parts += [f"momentum={self.momentum}"] if self.momentum != 0.1 else []
        parts += [f"statistics={self.statistics!r}"] if self.statistics != "batch" else []
        return ", ".join(parts)


def _lines(x: Array) -> Array:
    """Return images (N, H, W, C) as (N, H, W * C): NumPy is faster along long rows."""
    n, height, width, channels = x.shape
    return x.reshape(n, height, width * channels)


def _rows(x: Array, *values: Array) -> list[Array]:
    """Return numbers for each channel (C,), repeated for a row of the images x: (W * C,)."""
    rows = [array_module(x).empty(x.shape[2:], x.dtype) for _ in values]
    for row, value in zip(rows, values, strict=True):
        row[...] = value
    return [row.reshape(-1) for row in rows]


def _over_bands(work: Callable, images: tuple[Array, ...], rows: list) -> None:
    """Call ``work(xp, *bands of images, *rows)``, as one kernel on a GPU."""
    on = fused(work, array_module(images[0]))
    over_bands(lambda *parts: on(*parts, *rows), *map(_lines, images), size=BAND)


def _sums(values: Callable[[Band], tuple[Array, ...]], x: Array) -> tuple[Array, ...]:
    """Return the sums (C,) over all pixels of what `values` gives for each band of x (N, H, W, C).

    The rows of a band, or of a narrow one pieces of 64 pixels, are added up as a product with ones,
    which is fast; the row that is left, in float64.
    """
    xp, (*_, width, channels) = array_module(x), x.shape

    def total_of(part: Array) -> Array:
        rows = part.reshape(-1, max(width, math.gcd(part.size // channels, 64)) * channels)
        row = xp.ones(len(rows), rows.dtype) @ rows
        return row.reshape(-1, channels).sum(0, dtype="float64")

    cut = bands(_lines(x).shape, xp, BAND)
    return total(lambda band: tuple(total_of(part) for part in values(band)), cut, xp, x.size)


def _normalise(xp: ModuleType, y: Array, x: Array, mean: Array, scale: Array, bias: Array) -> None:
    """Set y to (x - mean) * scale + bias."""
    xp.subtract(x, mean, out=y)
    y *= scale
    y += bias


def _scale(xp: ModuleType, y: Array, x: Array, scale: Array, bias: MaybeArray) -> None:
    """Set y to x * scale, + bias if there is one."""
    xp.multiply(x, scale, out=y)
    if bias is not None:
        y += bias


def _normalise_back(
    xp: ModuleType, dx: Array, dy: Array, x: Array, slope: Array, mean_dy: Array, scale: Array
) -> None:
    """Set dx to scale * (dy - mean_dy - x * slope)."""
    xp.multiply(x, slope, out=dx)
    xp.subtract(dy, dx, out=dx)
    dx -= mean_dy
    dx *= scale
