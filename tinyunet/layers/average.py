"""AdaptiveAvgPool2d: the mean over a given number of bins, whatever the image's size."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import Array, pair
from tinyunet.layers.graph import Graph, OneSizeError
from tinyunet.layers.separable import Separable


class AdaptiveAvgPool2d(Separable):
    """Cut an image into a grid of bins and take the mean of each (PSPNet's pyramid).

    Of B bins along a side H, bin i reaches from row floor(i * H / B) to ceil((i + 1) * H / B), the end
    excluded. Where B does not divide H, neighbours share rows: 10 rows give 6 bins [0, 2) [1, 4) [3, 5)
    [5, 7) [6, 9) [8, 10), and the gradient of a pixel is the sum over all bins that hold it.

    A bin is a rectangle, so its mean is the mean over its rows of means over its columns: y = A x B^T
    and dx = A^T dy B, with 1 / (rows in bin i) in row i of A, and B alike. See `Separable`.

    Parameters
    ----------
    output_size
        The number of bins: an int or a (height, width) pair.
    """

    def __init__(self, output_size: int | tuple[int, int]) -> None:
        super().__init__()
        self.output_size = pair(output_size, "output_size", 1)

    def forward(self, x: Array) -> Array:
        """Return the means (N, *output_size, C) of x (N, H, W, C)."""
        self._check_image(x)
        a, b = (bin_means(*sides) for sides in zip(x.shape[1:3], self.output_size, strict=True))
        return self._map(a, x, b)

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add a mean over all, or for more bins than one two products, for one size alone."""
        if self.output_size == (1, 1):
            return graph.node("GlobalAveragePool", x)
        if not graph.fixed:
            bins = "x".join(map(str, self.output_size))
            raise OneSizeError(
                f"{graph.layer or self} takes the means over {bins} bins of the image"
            )
        sides = zip(graph.traced[x][0], self.output_size, strict=True)
        a, b = (graph.constant(bin_means(*side)) for side in sides)
        rows = graph.node("MatMul", a, x)
        return graph.node("MatMul", rows, graph.node("Transpose", b, perm=[1, 0]))

    def _describe(self) -> str:
        return f"output_size={self.output_size}"


def bin_means(side: int, bins: int) -> np.ndarray:
    """Return the matrix (bins, side) that takes the mean over each bin; its rows sum to 1."""
    matrix = np.zeros((bins, side))
    for i in range(bins):  # in whole numbers, for a fraction could round to the next pixel
        start, stop = i * side // bins, -(-(i + 1) * side // bins)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix
