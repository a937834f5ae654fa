"""Dropout."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import Array, MaybeArray, device_name, to_cpu, to_device
from tinyunet.engine.workers import place_in_batch
from tinyunet.layers.graph import Graph
from tinyunet.layers.layer import Layer


class Dropout(Layer):
    """In training, zero each value with probability p and divide the others by 1 - p.

    y = x * mask / (1 - p), so the expected output is x and nothing changes in eval. With the mask
    known the layer is linear: dx = dy * mask / (1 - p). (Srivastava et al. 2014.)

    Parameters
    ----------
    p
        The probability of a zero, at least 0 and below 1.
    rng
        Draws the masks, always on the host, so that seeds agree between devices; by default a
        generator seeded with 0.
    """

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"Dropout's p must be at least 0 and below 1, got {p}")
        self.p = p
        self.rng = np.random.default_rng(0) if rng is None else rng

    def forward(self, x: Array) -> Array:
        """Return x with values dropped in training, x itself in eval."""
        self._check_image(x)
        if not self.training or self.p == 0:
            self._keep(x, None)
            return x
        if self._held is None:
            mask = to_device(self._draw(x.shape), device_name(x))
        else:
            mask = self._held
        y = x * mask * (1 / (1 - self.p))
        self._keep(y, mask)
        return y

    def backward(self, dy: Array, *, input_gradient: bool = True) -> MaybeArray:
        """Return dy with the same values dropped."""
        (mask,) = self._take(dy)
        if not input_gradient:
            return None
        return dy if mask is None else dy * mask * (1 / (1 - self.p))

    def _draw(self, shape: tuple[int, ...]) -> np.ndarray:
        """Draw which values are kept: for all images of a batch, also where workers share it."""
        images, mine = place_in_batch(shape[0])
        return self.rng.random((images, *shape[1:]), np.float32)[mine] >= self.p

    def decisions(self) -> list[Array]:
        """Return the mask of the values that were kept."""
        mask = None if self._kept is None else self._kept[-1][0]
        return [] if mask is None else [mask]

    def write_nodes(self, graph: Graph, x: str) -> str:
        """Add nothing, or in training a product with the latest mask, which is for one size."""
        masks = self.decisions()
        if not masks:
            return x
        if not graph.fixed:
            graph.note(
                "dropout is left out, which the network has in prediction, too: its draw is for one "
                "size of images, so give one size to have it in the file"
            )
            return x
        kept = to_cpu(masks[0]).transpose(0, 3, 1, 2) / (1 - self.p)
        return graph.node("Mul", x, graph.constant(kept))

    def _describe(self) -> str:
        return f"p={self.p}"
