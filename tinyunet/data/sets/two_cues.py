"""Blobs that look alike, and far from them the cues that say what they are."""

import numpy as np

from tinyunet.data.dataset import Dataset
from tinyunet.data.sets.drawing import draw_all, free_place, smooth_noise

CUE = 10  # the side of a cue, in pixels
LOWEST = (
    2  # rows above a cue, at most: at a height of 64, 20 rows at least are between it and a blob
)


def two_cues(
    n: int, size: int | tuple[int, int] = 64, seed: int = 0, *, differ: bool = True
) -> Dataset:
    """Draw blobs whose class is written far above them, in the stripes of a cue.

    Each half of the image, left and right, has a cue at its upper edge and blobs in its lower part.
    All blobs look alike. Below a cue of horizontal stripes they are class 1, of vertical ones class
    2. A network whose receptive field does not reach from a blob to its cue can only guess; one
    that averages the whole image sees that both cues are there, but not which is where.

    Parameters
    ----------
    n
        Number of images. Image i depends on `seed` and i only: more images keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side. Blobs and cues keep their size; at a
        height of 64, a receptive field of up to 40 pixels sees nothing of a cue from a blob.
    seed
        Draws everything.
    differ
        Whether the two halves have different cues. If not, they have the same, and the mean over the
        image tells.

    Returns
    -------
    Dataset
        Gray images (H, W, 1); labels 0 = ground (the cues as well), 1 = a blob below horizontal
        stripes, 2 = one below vertical stripes.
    """
    return draw_all(lambda rng, shape: _cues_and_blobs(rng, shape, differ), n, size, seed)


def _cues_and_blobs(
    rng: np.random.Generator, shape: tuple[int, int], differ: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Give one image (H, W) and its labels (H, W)."""
    height, width = shape
    image = 0.4 + 0.06 * smooth_noise(rng, shape, 8)
    labels = np.zeros(shape, np.int64)
    first = rng.integers(1, 3)
    halves = ((0, width // 2, first), (width // 2, width, 3 - first if differ else first))
    for left, right, label in halves:
        _add_cue(rng, image[:, left:right], label)
        taken: list[tuple[float, float, float]] = []
        for _ in range(rng.integers(1, 4)):
            radius = rng.uniform(3, 6)
            box = (
                height / 2 - 1,
                left - 1,
                height,
                right,
            )  # the centre is over a radius from there
            place = free_place(rng, box, radius + 1, taken)
            if place is not None:
                taken.append((*place, radius + 1))
                _add_blob(image, labels, place, radius, label)
    return image + 0.05 * rng.standard_normal(shape), labels


def _add_cue(rng: np.random.Generator, half: np.ndarray, label: int) -> None:
    """Paint stripes, 2 pixels light and 2 dark, at the upper edge of a half (in place)."""
    top, left = rng.integers(0, LOWEST + 1), rng.integers(0, half.shape[1] - CUE + 1)
    light = (np.arange(CUE) + rng.integers(4)) % 4 < 2
    stripes = np.broadcast_to(light[:, None] if label == 1 else light, (CUE, CUE))
    half[top : top + CUE, left : left + CUE] = np.where(stripes, 0.9, 0.1)


def _add_blob(
    image: np.ndarray, labels: np.ndarray, place: tuple[float, float], radius: float, label: int
) -> None:
    """Paint a bright disc with a soft rim, and its label (in place)."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    depth = radius - np.hypot(rows - place[0], columns - place[1])  # above 0 inside
    image += 0.35 * np.clip(depth + 0.5, 0, 1)
    labels[depth > 0] = label
