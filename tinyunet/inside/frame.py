"""What a network sees of an image: it, and what is made up around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyunet.networks.network import Network
from tinyunet.segmentation.tiles import checked, plan

MIRROR, ZEROS = "reflect", "constant"
LARGEST = 1024  # pixels: the side of an image, of which else the middle is taken


@dataclass(frozen=True)
class Frame:
    """An image in one piece, as `predict_image` gives it to a network.

    Attributes
    ----------
    image
        (H, W, C) in the network's dtype.
    border
        ((above, below), (left, right)) rows and columns that are made up around it.
    offset
        (row, column) of the logits that belong to the image's first pixel.
    """

    image: np.ndarray
    border: tuple[tuple[int, int], tuple[int, int]]
    offset: tuple[int, int]

    def seen(self, image: np.ndarray | None = None, mode: str = MIRROR) -> np.ndarray:
        """Return what the network sees, (1, H', W', C): an image of this size with its border."""
        image = self.image if image is None else image
        return np.pad(image, (*self.border, (0, 0)), mode=mode)[None]

    def cut(self, logits: np.ndarray) -> np.ndarray:
        """Return those of the logits (1, H', W', K) that belong to the image, (H, W, K)."""
        (height, width), (top, left) = self.image.shape[:2], self.offset
        return logits[0, top : top + height, left : left + width]


def frame(model: Network, image: np.ndarray) -> Frame:
    """Put an image (H, W) or (H, W, C) as the network wants it; of a large one, its middle.

    Raises
    ------
    ValueError, TypeError
        As `predict_image`.
    """
    image = checked(model, image)
    sides = [slice(max(0, (n - LARGEST) // 2), max(0, (n - LARGEST) // 2) + LARGEST)
             for n in image.shape[:2]]  # fmt: skip
    image = image[sides[0], sides[1]]
    height, width = image.shape[:2]
    axes = plan(model, (height, width), model.input_size(height, width))
    lost = [axis.lost // 2 for axis in model.sizes]
    offset = axes[0].border[0] - lost[0], axes[1].border[0] - lost[1]
    return Frame(image, (axes[0].border, axes[1].border), offset)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the class probabilities (H, W, K) of logits; one channel is a foreground's, K is 2."""
    if logits.shape[-1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)
