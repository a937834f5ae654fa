"""More images from few: random windows, symmetries, rotations, elastic deformations, gray values.

Every function takes the random generator first and leaves its arguments unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyunet.data.crop import random_crop
from tinyunet.data.warp import random_warped_crop


@dataclass(frozen=True)
class Augmentation:
    """What is done at random to every window that a network trains on; by default nothing.

    Attributes
    ----------
    flips
        Mirror and turn by right angles (by half turns where a window is not square).
    gray
        Change gain, gamma and offset: `random_gray`.
    rotate
        Turn by any angle.
    elastic
        Deform elastically: the standard deviation of the displacements on the 3 x 3 grid, in pixels
        for an image of 512 pixels; see `displacement_field`.
    shift
        How many pixels a window may stick out of its image, at fractions of a pixel. Without, a
        window lies on whole pixels: anywhere in a larger image, but where image and window are of
        the same size there is no shift at all.

    Outside of an image its mirror image is seen.

    Examples
    --------
    >>> augmentation = Augmentation(flips=True, elastic=20)
    """

    flips: bool = False
    gray: bool = False
    rotate: bool = False
    elastic: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        for name in ("elastic", "shift"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be 0 or more pixels, got {getattr(self, name)}")

    @classmethod
    def none(cls) -> Augmentation:
        """Windows as they are, at random places."""
        return cls()

    @classmethod
    def rigid(cls) -> Augmentation:
        """Flips, turns by right angles, gray values: no gray value is interpolated."""
        return cls(flips=True, gray=True)

    @classmethod
    def full(cls) -> Augmentation:
        """All of the U-Net paper's: shift, rotation, gray values, elastic with 10 pixels; and flips.

        The shift of 8 pixels is half the period of four poolings: whatever lies in the image, the
        network then meets it at every place relative to its pooling windows.

        Meant for few images and long training. On 36 synthetic images and after 400 steps, about a
        minute, it is no better than `rigid` (mean SEG of two seeds 0.89 and 0.90).
        """
        return cls(flips=True, gray=True, rotate=True, elastic=10.0, shift=8.0)

    def window(
        self,
        rng: np.random.Generator,
        image: np.ndarray,
        targets: Sequence[np.ndarray],
        input_size: int | tuple[int, int],
        output_size: int | tuple[int, int],
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Cut a window out of an image and its targets and change it; see `random_crop`."""
        if self.rotate or self.elastic or self.shift:
            image, targets = random_warped_crop(
                rng, image, targets, input_size, output_size,
                rotate=self.rotate, elastic=self.elastic, shift=self.shift,
            )  # fmt: skip
        else:
            image, targets = random_crop(rng, image, targets, input_size, output_size)
        if self.flips:
            square = image.shape[0] == image.shape[1]
            image, *targets = random_symmetry(rng, image, *targets, quarter_turns=square)
        if self.gray:
            image = random_gray(rng, image)
        return image, list(targets)


def random_symmetry(
    rng: np.random.Generator, *arrays: np.ndarray, quarter_turns: bool = True
) -> tuple[np.ndarray, ...]:
    """Apply one of the eight symmetries of the square, the same to every array.

    Parameters
    ----------
    rng
        The choice is its: four quarter turns, mirrored or not, all equally likely.
    arrays
        (H, W, ...) arrays. For example an image, its labels and its weights.
    quarter_turns
        With False, half turns only: the four symmetries of a rectangle, which keep the shape.

    Returns
    -------
    tuple of arrays
        One for each argument; height and width are exchanged by a quarter turn.
    """
    turns = int(rng.integers(4)) if quarter_turns else 2 * int(rng.integers(2))
    mirrored = bool(rng.integers(2))
    turned = (np.rot90(array, turns) for array in arrays)
    return tuple(np.ascontiguousarray(a[:, ::-1] if mirrored else a) for a in turned)


def random_gray(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Change gain, gamma and offset a little, as another exposure would.

    gain * max(image, 0) ** gamma + offset

    with gain in [0.8, 1.2], gamma in [0.8, 1.25] (logarithmically) and offset in [-0.05, 0.05],
    each uniform, the same for all channels.

    Parameters
    ----------
    rng
        Draws the change.
    image
        (H, W, C) float array, about [0, 1].

    Returns
    -------
    array of the same shape and dtype, not clipped to [0, 1]
    """
    gain = rng.uniform(0.8, 1.2)
    gamma = 1.25 ** rng.uniform(-1, 1)
    offset = rng.uniform(-0.05, 0.05)
    return gain * np.maximum(image, 0) ** gamma + offset
