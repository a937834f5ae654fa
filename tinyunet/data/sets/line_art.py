"""Line drawings to colour, and strokes that say with which colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tinyunet.data.pairs import Pairs
from tinyunet.data.yuv import rgb_to_yuv
from tinyunet.engine.arrays import pair

EMPTY = (-1.5, 0.0, 0.0)  # Y, U and V where there is no hint: darker than any colour
ROUNDED = 0.16  # hints come in steps of so much: 20 of 255
JITTER = 0.04  # the standard deviation of the noise on a hint before that
WIDTH = 2  # of a stroke, in pixels
UNHINTED = 0.1  # drawings that get no hint at all
HINTED = (0.7, 1.0)  # in the others, the probability of a hint for a region is drawn from here


@dataclass(frozen=True)
class LineArt:
    """Drawings.

    Attributes
    ----------
    lines
        (N, H, W, 1), float32: about 1 on paper, 0 to 0.25 on a line.
    colours
        (N, H, W, 3), float32: the coloured drawings, Y, U and V of `rgb_to_yuv`.
    regions
        (N, H, W), int64: which region a pixel belongs to, 0, 1, ... in each drawing, and -1 on lines.
    """

    lines: np.ndarray
    colours: np.ndarray
    regions: np.ndarray

    def __len__(self) -> int:
        return len(self.lines)

    def hints(self, seed: int = 0, *, share: float | None = None) -> np.ndarray:
        """Draw strokes in the regions' colours: Y, U and V (N, H, W, 3), `EMPTY` where there are none.

        Parameters
        ----------
        seed
            Draws everything.
        share
            The probability that a region has a stroke. By default one of 10 drawings has none at all,
            and in the others it is between 0.7 and 1, drawn anew for each.
        """
        hints = np.empty_like(self.colours)
        for i in range(len(self)):
            rng = np.random.default_rng([seed, i, 1])  # not the drawing's own: [seed, i]
            hints[i] = self._hints(i, rng, share)
        return hints

    def pairs(self, seed: int = 0, *, share: float | None = None) -> Pairs:
        """Return lines and `hints` (N, H, W, 4) as inputs, the colours (N, H, W, 3) as targets."""
        given = np.concatenate([self.lines, self.hints(seed, share=share)], axis=-1)
        return Pairs(given, self.colours)

    def _hints(self, i: int, rng: np.random.Generator, share: float | None) -> np.ndarray:
        """The strokes of one drawing (H, W, 3)."""
        hints = np.broadcast_to(np.float32(EMPTY), self.colours[i].shape).copy()
        if share is None:
            share = 0.0 if rng.random() < UNHINTED else rng.uniform(*HINTED)
        for region in range(self.regions[i].max() + 1):
            if rng.random() < share:
                where = stroke(self.regions[i] == region, rng)
                colour = self.colours[i][where].mean(0) + JITTER * rng.standard_normal(3)
                hints[where] = np.round(colour / ROUNDED) * ROUNDED
        return hints


def stroke(region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the mask (H, W) of a stroke between two random pixels of a region (H, W), cut to it.

    Raises
    ------
    ValueError
        If the region is empty.
    """
    places = np.argwhere(region)
    if not len(places):
        raise ValueError("a stroke needs a region with at least one pixel, got an empty mask")
    (y, x), (y_end, x_end) = start, end = places[rng.integers(len(places), size=2)]
    rows, columns = np.ogrid[: region.shape[0], : region.shape[1]]
    along = end - start
    # How far along the line the nearest point is: 0 at its start, 1 at its end.
    t = ((rows - y) * along[0] + (columns - x) * along[1]) / max(1, (along**2).sum())
    t = np.clip(t, 0, 1)
    away = np.hypot(rows - y - t * (y_end - y), columns - x - t * (x_end - x))
    return region & (away <= WIDTH / 2)


def line_art(n: int, size: int | tuple[int, int] = 32, seed: int = 0) -> LineArt:
    """Draw two or three overlapping ellipses or turned boxes, as lines and in colour.

    Every region, connected and bounded by lines, has a random hue, and grows 12 % darker downwards.
    What hides what is seen, but no colour can be known from the lines: it takes `LineArt.hints`.

    Parameters
    ----------
    n
        Number of drawings. Drawing i depends on `seed` and i only: more keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side. Shapes keep their size: half axes of
        5 to 9.5 pixels.
    seed
        Draws everything. To draw anew for every batch, take the number of the step.
    """
    shape = checked_shape(n, size)
    drawn = [_drawing(np.random.default_rng([seed, i]), shape) for i in range(n)]
    lines, colours, regions = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return LineArt(lines.astype(np.float32), colours.astype(np.float32), regions)


def checked_shape(n: int, size: int | tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of drawings; ValueError if n is below 1, or a side below 32."""
    shape = pair(size, "size", smallest=1)
    if n < 1 or min(shape) < 32:
        raise ValueError(f"n must be at least 1 and size at least 32, got n={n} and size={size}")
    return shape


def _drawing(
    rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the lines (H, W, 1), the colours (H, W, 3) and the regions (H, W) of one drawing."""
    top = np.zeros(shape, np.int64)  # which shape is in front; 0 is the ground
    for number in range(1, rng.integers(3, 5)):
        top[_inside(rng, shape)] = number
    around = ndimage.minimum_filter(top, footprint=ndimage.generate_binary_structure(2, 1))
    on_line = top > around  # a shape's own outermost pixels
    regions, count = ndimage.label(~on_line)  # lines part even what touches at a corner
    ink = np.where(on_line, rng.uniform(0.75, 1), 0)
    lines = 1 - ink + 0.03 * rng.standard_normal(shape)
    fade = 1 - 0.12 * np.linspace(0, 1, shape[0])[:, None]
    hues = np.concatenate([np.ones((1, 3)), _hues(rng, count)])  # the first is under the ink
    rgb = hues[regions] * (fade * (1 - ink))[..., None]
    return lines[..., None], rgb_to_yuv(rgb), regions.astype(np.int64) - 1


def _inside(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """The mask (H, W) of an ellipse or a box somewhere, turned by any angle."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    dy = rows - rng.uniform(0.25, 0.75) * (shape[0] - 1)
    dx = columns - rng.uniform(0.25, 0.75) * (shape[1] - 1)
    (a, b), turn = rng.uniform(5, 9.5, 2), rng.uniform(0, np.pi)
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / a
    v = (dy * np.cos(turn) - dx * np.sin(turn)) / b
    return np.hypot(u, v) < 1 if rng.random() < 0.5 else (abs(u) < 1) & (abs(v) < 1)


def _hues(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random colours (count, 3), R, G and B: any hue, saturation 0.35 to 0.8, value 0.65 to 0.95."""
    hue, saturation, value = rng.uniform([[0], [0.35], [0.65]], [[6], [0.8], [0.95]], (3, count))
    # Each of R, G and B is highest within a sixth of the circle around its own hue.
    off = abs((hue[:, None] - [0, 2, 4] + 3) % 6 - 3)
    pure = np.clip(2 - off, 0, 1)
    return value[:, None] * (1 - saturation[:, None] * (1 - pure))
