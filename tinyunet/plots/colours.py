"""Which colour each pixel of a picture gets; a cell never has the colour of a cell beside it."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from matplotlib.colors import hsv_to_rgb, to_rgb
from scipy import ndimage

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.regions import consecutive

BACKGROUND = to_rgb("#14161a")
CELLS = [
    to_rgb(colour)
    for colour in (
        "#4ea8de", "#f4a259", "#8cb369", "#e56b6f", "#b185db", "#f2d15c", "#4fc1a6", "#f49cbb",
    )
]  # fmt: skip
ALIKE = 0.36  # of 1.7 from black to white: blue and teal, orange and yellow, purple and pink, ...

# Told apart with any kind of colour vision (after Okabe and Ito).
RIGHT, EXTRA, MISSED, CONFUSED = (to_rgb(c) for c in ("#a9adb3", "#f0a30a", "#35a7f0", "#ff4fa3"))


def colour_numbers(cells: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Number colours (H, W) so that cells within two pixels of each other never share one.

    Greedily: among the colours that no neighbour has, each cell takes one that is easy to tell from
    theirs, and of these the rarest so far.

    Parameters
    ----------
    cells
        The number (H, W) of the cell at every pixel, 0 = background.
    like
        The colour numbers (H, W) of another picture: a cell takes the colour that most of its
        pixels have there, if it can.

    Returns
    -------
    (H, W) integer array
        0 = background, colours from 1; few pictures need more than the eight of `CELLS`.
    """
    cells = consecutive(cells)
    count = cells.max(initial=0) + 1  # with the background
    wanted = np.zeros(count, int)
    if like is not None:
        common = common_pixels(cells, like)
        common[:, 0] = 0  # background is no colour for a cell
        wanted = common.argmax(axis=1)
    beside = _neighbours(cells, count)
    chosen, uses = np.zeros(count, int), Counter()
    for cell in range(1, count):
        taken = {int(chosen[other]) for other in beside[cell]}
        free = [colour for colour in range(1, len(CELLS) + 1) if colour not in taken]
        if not free:
            free = [max(taken) + 1]
        best = min(free, key=lambda colour: (_alike(colour, taken), uses[colour]))
        chosen[cell] = wanted[cell] if wanted[cell] in free else best
        uses[int(chosen[cell])] += 1
    return chosen[cells]


def _alike(colour: int, others: set[int]) -> bool:
    """Whether a colour is hard to tell from one of these, by their distance in RGB."""
    if colour > len(CELLS):  # made for the few pictures that need it
        return False
    return any(
        math.dist(CELLS[colour - 1], CELLS[other - 1]) < ALIKE
        for other in others
        if 0 < other <= len(CELLS)
    )


def common_pixels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Count the pixels (A, B) that each of A consecutive numbers shares with each of B others."""
    shape = a.max(initial=0) + 1, b.max(initial=0) + 1
    return occurrences(a * shape[1] + b, minlength=shape[0] * shape[1]).reshape(shape)


def palette(count: int) -> np.ndarray:
    """Return the background's colour and at least `count` others (count + 1 or more, 3)."""
    more = np.arange(max(0, count - len(CELLS)))  # hues a golden angle apart
    hsv = np.stack([0.05 + more * 0.618034, np.full(more.shape, 0.8), np.full(more.shape, 0.7)], 1)
    return np.concatenate([[BACKGROUND], CELLS, hsv_to_rgb(hsv % 1)])


def visible(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, C) as RGB (H, W, 3) from 0 to 1, its brightness stretched.

    The darkest 0.5 % of the values become black and the brightest 0.2 % white.
    """
    rgb = image if image.shape[2] == 3 else np.repeat(image[..., :1], 3, axis=2)
    black, white = np.percentile(rgb, (0.5, 99.8))
    return np.clip((rgb - black) / max(white - black, 1e-6), 0, 1)


def errors(truth: np.ndarray, guess: np.ndarray, classes: bool = False) -> np.ndarray:
    """Return colours (H, W, 3) that say where the foreground is right, too much or missed.

    With `classes`, also where the foreground is of another class.
    """
    shown = np.full((*truth.shape, 3), BACKGROUND)
    shown[(truth > 0) & (guess > 0)] = RIGHT
    shown[(truth == 0) & (guess > 0)] = EXTRA
    shown[(truth > 0) & (guess == 0)] = MISSED
    if classes:
        shown[(truth > 0) & (guess > 0) & (truth != guess)] = CONFUSED
    return shown


def outlines(cells: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) of the pixels of cells that touch something else."""
    around = np.ones((3, 3), bool)
    least = ndimage.minimum_filter(cells, footprint=around)
    largest = ndimage.maximum_filter(cells, footprint=around)
    return (cells > 0) & (least != largest)


def _neighbours(cells: np.ndarray, count: int, reach: int = 2) -> list[set[int]]:
    """List for each of `count` cells those within `reach` pixels in both directions."""
    height, width = cells.shape
    beside: list[set[int]] = [set() for _ in range(count)]
    for down in range(reach + 1):
        for right in range(-reach, reach + 1):
            here = cells[: height - down, max(0, -right) : width - max(0, right)]
            there = cells[down:, max(0, right) : width - max(0, -right)]
            meet = (here != there) & (here > 0) & (there > 0)
            for a, b in np.unique(np.stack([here[meet], there[meet]], 1), axis=0).tolist():
                beside[a].add(b)
                beside[b].add(a)
    return beside
