"""What drawn data sets share: an image for each seed and index, noise, discs that do not touch."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from tinyunet.data.dataset import Dataset
from tinyunet.engine.arrays import pair

Drawn = tuple[np.ndarray, np.ndarray]  # an image (H, W) or (H, W, C), and its labels (H, W)


def draw_all(
    draw_one: Callable[[np.random.Generator, tuple[int, int]], Drawn],
    n: int,
    size: int | tuple[int, int],
    seed: int,
) -> Dataset:
    """Draw n images, each of which depends on `seed` and its index only.

    Raises
    ------
    ValueError
        If n is below 1, or a side below 32.
    """
    shape = pair(size, "size", smallest=1)
    if n < 1 or min(shape) < 32:
        raise ValueError(f"n must be at least 1 and size at least 32, got n={n} and size={size}")
    images, labels = [], []
    for i in range(n):
        image, classes = draw_one(np.random.default_rng([seed, i]), shape)
        images.append(np.clip(image, 0, 1).reshape(*shape, -1).astype(np.float32))
        labels.append(classes)
    return Dataset(images, labels)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Noise (H, W) about 0 that varies over `scale` pixels, with a standard deviation just below 1."""
    coarse = rng.standard_normal([int(np.ceil(side / scale)) + 1 for side in shape])
    zoom = np.divide(shape, coarse.shape)
    return ndimage.zoom(coarse, zoom, order=3, mode="nearest", grid_mode=True)


def free_place(
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    reach: float,
    taken: list[tuple[float, float, float]],
) -> tuple[float, float] | None:
    """A random centre for a disc of radius `reach` in a box, apart from all discs that are taken.

    Parameters
    ----------
    rng
        Draws the place.
    box
        First row, first column, last row, last column, which the disc does not cross.
    reach
        The disc's radius, a margin included.
    taken
        (y, x, reach) of the discs that are there already.

    Returns
    -------
    (y, x) or None
        None if 30 tries found no place.
    """
    top, left, bottom, right = box
    if bottom - top < 2 * reach or right - left < 2 * reach:
        return None
    for _ in range(30):
        y, x = rng.uniform(top + reach, bottom - reach), rng.uniform(left + reach, right - reach)
        if all(np.hypot(y - v, x - u) >= reach + other for v, u, other in taken):
            return y, x
    return None
