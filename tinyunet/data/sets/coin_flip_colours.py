"""Objects whose colour nobody can know: a coin has chosen it."""

import numpy as np

from tinyunet.data.pairs import Pairs
from tinyunet.data.sets.line_art import checked_shape

# From -1 to 1, with gray at 0: red or blue for class A, green or yellow for class B.
COIN_HUES = np.array([[[1, -1, -1], [-1, -1, 1]], [[-1, 1, -1], [1, 1, -1]]])
PERIOD = 4  # from stripe to stripe, in pixels: two strong, two weak
STRONG, WEAK = 0.74, 0.34  # how much of a hue


def coin_flip_colours(n: int, size: int | tuple[int, int] = 32, seed: int = 0) -> Pairs:
    """Draw maps of boxes and ellipses, and a picture of each, coloured by the toss of a coin.

    A map says which pixels are class A and which class B, two to four objects. In the picture an A is
    red or blue, with vertical stripes, a B green or yellow, with horizontal ones, on gray ground. The
    colour and where stripes begin are drawn for each object and cannot be known from the map. What is
    least wrong on average is something between red and blue without stripes, which no picture has.

    Parameters
    ----------
    n
        Number of pairs. Pair i depends on `seed` and i only: more pairs keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side. Objects keep their size.
    seed
        Draws everything.

    Returns
    -------
    Pairs
        Maps (N, H, W, 3) of zeros and ones, ground, A and B; pictures (N, H, W, 3), R, G and B from -1
        to 1. Half the spread of a pixel's R, G and B, its saturation, is 0.54 on average in objects.
    """
    shape = checked_shape(n, size)
    drawn = [_pair(np.random.default_rng([seed, i]), shape) for i in range(n)]
    maps, pictures = (np.stack(images).astype(np.float32) for images in zip(*drawn, strict=True))
    return Pairs(maps, pictures)


def _pair(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give one map (H, W, 3) and its picture (H, W, 3)."""
    labels, picture = np.zeros(shape, np.int64), np.zeros((*shape, 3))
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    for _ in range(rng.integers(2, 5)):  # the latest hides the others
        half_y, half_x = rng.uniform(4, 8, 2)
        y = (rows - rng.uniform(half_y - 1, shape[0] - half_y)) / half_y
        x = (columns - rng.uniform(half_x - 1, shape[1] - half_x)) / half_x
        inside = np.hypot(y, x) < 1 if rng.random() < 0.5 else (abs(y) < 1) & (abs(x) < 1)
        kind = rng.integers(2)
        hue = COIN_HUES[kind, rng.integers(2)]
        along = np.broadcast_to(rows if kind else columns, shape)
        strong = (along + rng.integers(PERIOD)) % PERIOD < PERIOD // 2
        labels[inside] = 1 + kind
        picture[inside] = (np.where(strong, STRONG, WEAK)[..., None] * hue)[inside]
    return np.eye(3)[labels], picture
