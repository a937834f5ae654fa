"""Linear maps that treat rows and columns one after the other: what resizing and pooling share."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, array_module, device_name, to_device
from tinyunet.layers.layer import Layer


class Separable(Layer):
    """The base of layers that mix the rows of an image by a matrix A, and its columns by another, B.

    For each image and channel, with A (H', H) and B (W', W):

        y = A x B^T, that is, y[i, j] = sum over p, q of A[i, p] * B[j, q] * x[p, q]

    It is linear, and x[p, q] gets back from each y[i, j] by the weight with which it gave:

        dx[p, q] = sum over i, j of A[i, p] * B[j, q] * dy[i, j], that is, dx = A^T dy B

    Rows first, for they are long: a row of an image (N, H, W, C) holds W * C numbers side by side.
    """

    def _map(self, a: np.ndarray, x: Array, b: np.ndarray) -> Array:
        """Return y (N, H', W', C) from x (N, H, W, C), with matrices of float64 on the host."""
        a, b = (to_device(matrix.astype(x.dtype), device_name(x)) for matrix in (a, b))
        y = _product(a, x, b)
        self._keep(y, a, b)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dx (N, H, W, C)."""
        a, b = self._take(dy)
        return _product(a.T, dy, b.T) if input_gradient else None


def _product(a: Array, x: Array, b: Array) -> Array:
    """Return A x B^T for every image and channel of x (N, H, W, C)."""
    xp, (n, height, width, channels) = array_module(x), x.shape
    x = xp.matmul(a, x.reshape(n, height, width * channels))  # (N, H', W * C)
    x = xp.matmul(b, x.reshape(-1, width, channels))  # (N * H', W', C)
    return x.reshape(n, len(a), len(b), channels)
