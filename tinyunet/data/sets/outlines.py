"""Outlines to fill, if they are closed: a small one is seen at once, a large one only from afar."""

import numpy as np

from tinyunet.data.dataset import Dataset
from tinyunet.data.sets.drawing import draw_all, free_place, smooth_noise

# From the largest to the smallest: mean radius in pixels from, to; how many in 64 x 64 pixels from, to.
KINDS = ((14, 22, 1, 1), (7, 12, 1, 2), (3, 5.5, 2, 5))
WITH_A_LARGE_ONE = 0.6  # of the images
BROKEN, GAP = 0.3, 0.31  # of the outlines; of the turn


def closed_outlines(n: int, size: int | tuple[int, int] = 64, seed: int = 0) -> Dataset:
    """Draw dark outlines of ellipses on mottled ground, to be filled where they are closed.

    The ground is the same inside and outside, and 3 of 10 outlines lack a third of their turn: such a
    one has no inside. To tell, the whole outline has to be seen, 6 to 50 pixels.

    Parameters
    ----------
    n
        Number of images. Image i depends on `seed` and i only: more images keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side. Outlines have a mean radius of 14 to
        22 pixels (one in 6 of 10 images of 64 x 64), 7 to 12 (one or two) and 3 to 5.5 (two to
        five), and their number grows with the area. One that finds no place is left out.
    seed
        Draws everything.

    Returns
    -------
    Dataset
        Gray images (H, W, 1); label 1 = inside a closed outline, about 18 % of the pixels. Outlines
        do not touch, so each closed one is a component of the labels.
    """
    return draw_all(_outlines, n, size, seed)


def _outlines(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give one image (H, W) and its labels (H, W)."""
    ink, inside = np.zeros(shape), np.zeros(shape, np.int64)
    taken: list[tuple[float, float, float]] = []
    for radius in _radii(rng, shape):
        stretch = rng.uniform(1, 1.25)
        reach = radius * stretch + 2.5
        place = free_place(rng, (0, 0, shape[0] - 1, shape[1] - 1), reach, taken)
        if place is None:
            continue
        taken.append((*place, reach))
        closed = rng.random() >= BROKEN
        line, within = _ellipse(rng, shape, place, radius, stretch, closed)
        np.maximum(ink, line, out=ink)
        inside[within] = closed
    ground = rng.uniform(0.5, 0.7) + 0.05 * smooth_noise(rng, shape, 3)
    ground += 0.06 * smooth_noise(rng, shape, 12)
    image = ground * (1 - ink) + rng.uniform(0.12, 0.3) * ink
    return image + 0.05 * rng.standard_normal(shape), inside


def _radii(rng: np.random.Generator, shape: tuple[int, int]) -> list[float]:
    """The radii of all outlines, large ones first: what is small finds its place between them."""
    radii: list[float] = []
    for smallest, largest, fewest, most in KINDS:
        for _ in range(max(1, round(shape[0] * shape[1] / 64**2))):
            number = rng.integers(fewest, most + 1)
            if fewest == most and rng.random() >= WITH_A_LARGE_ONE:
                continue
            radii += rng.uniform(smallest, largest, number).tolist()
    return radii


def _ellipse(
    rng: np.random.Generator,
    shape: tuple[int, int],
    place: tuple[float, float],
    radius: float,
    stretch: float,
    closed: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Its line (H, W), 1 where it is and 0 where not, and a mask (H, W) of what it goes around."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    dy, dx, turn = rows - place[0], columns - place[1], rng.uniform(0, np.pi)
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / (radius * stretch)
    v = (dy * np.cos(turn) - dx * np.sin(turn)) / (radius / stretch)
    rho = np.hypot(u, v)  # 1 on the ellipse
    # To first order, its distance is rho - 1 over the length of the gradient of rho.
    slope = np.hypot(u / stretch, v * stretch) / (radius * np.maximum(rho, 1e-9))
    line = np.clip(1.3 - abs(rho - 1) / np.maximum(slope, 1e-9), 0, 1)
    start = rng.uniform(-np.pi, np.pi)
    if not closed:
        line *= (np.arctan2(v, u) - start) % (2 * np.pi) >= GAP * 2 * np.pi
    return line, rho < 1
