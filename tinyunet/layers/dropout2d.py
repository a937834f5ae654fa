"""Dropout2d: dropout of whole channels."""

from __future__ import annotations

from tinyunet.engine.arrays import Array, device_name, to_device
from tinyunet.layers.dropout import Dropout


class Dropout2d(Dropout):
    """In training, zero each channel of each image with probability p; divide the others by 1 - p.

    `Dropout` with one draw for an image's channel, the same for all its pixels: neighbouring pixels are
    so alike that a single one dropped is no loss. (Tompson et al. 2015.) Parameters as there.
    """

    def forward(self, x: Array) -> Array:
        """Return x with channels dropped in training, x itself in eval."""
        self._check_image(x)
        if not self.training or self.p == 0:
            self._keep(x, None)
            return x
        if self._held is None:
            drawn = self._draw((len(x), 1, 1, x.shape[3]))  # for all pixels
            mask = to_device(drawn, device_name(x))
        else:
            mask = self._held
        y = x * mask * (1 / (1 - self.p))
        self._keep(y, mask)
        return y

    write_nodes = Dropout.write_nodes
