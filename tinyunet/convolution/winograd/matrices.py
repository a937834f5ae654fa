"""The transforms of Winograd's convolution, from polynomial interpolation.

In one dimension, three weights w slide over m + 2 pixels x and give m outputs y, with 3 m products. Now
take the weights as a polynomial w(z) = w0 + w1 z + w2 z^2 and any v with m coefficients as v(z): their
product w(z) v(z) has m + 2 coefficients, so its values at m + 2 points determine it (Toom-Cook). Values
at points are sums; multiplying two polynomials there takes one product a point: m + 2 in all. In
matrices, with "." for element by element,

    w * v = C [(G w) . (A v)]        A, G: values at the points; C: back to coefficients

Sliding is the transpose of that as a map of v: <y, v> = sum(x . (w * v)). Transposing gives

    y = A^T [(G w) . (B^T x)]        with B = C^T, A^T: (m, m + 2), G: (m + 2, 3)

In two dimensions a tile of m x m outputs needs (m + 2)^2 products in place of 9 m^2:

    Y = A^T [(G w G^T) . (B^T X B)] A

One point is infinity: its value is the leading coefficient. Large points cost accuracy, so they are
0, +-1, +-2, +-1/2.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016 (arXiv:1509.09308).
"""

from __future__ import annotations

import numpy as np

POINTS = {4: (0, 1, -1, 0.5, -2), 6: (0, 1, -1, 2, -2, 0.5, -0.5)}


class Transform:
    """The matrices of F(m x m, 3 x 3) from its m + 1 finite points and infinity."""

    def __init__(self, m: int) -> None:
        points = np.array(POINTS[m], float)
        others = [np.delete(points, i) for i in range(m + 1)]
        scale = np.array([np.prod(p - o) for p, o in zip(points, others, strict=True)])
        leading = np.eye(m + 2)[-1]
        self.m, self.t = m, m + 2
        # Rows: the powers of each point; at infinity, the leading coefficient alone.
        self.A = np.vstack([np.vander(points, m, increasing=True), leading[-m:]])
        self.G = np.vstack([np.vander(points, 3, increasing=True) / scale[:, None], leading[-3:]])
        # Rows of B^T: coefficients of the product of (z - other point), as in Lagrange's formula.
        self.BT = np.array(
            [np.append(np.poly(o)[::-1], 0) for o in others] + [np.poly(points)[::-1]]
        )

    def cast(self, name: str, dtype: np.dtype, transposed: bool = False) -> np.ndarray:
        """One of the matrices, or its transpose, contiguous in a dtype."""
        matrix = getattr(self, name)
        return np.ascontiguousarray(matrix.T if transposed else matrix, dtype)


TRANSFORMS = {m: Transform(m) for m in POINTS}
