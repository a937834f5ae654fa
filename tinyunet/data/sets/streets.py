"""Streets that need no download: six classes that colour does not tell, one thinner than any stride."""

import numpy as np

from tinyunet.data.dataset import Dataset
from tinyunet.data.sets.drawing import draw_all, smooth_noise

STREET_CLASSES = ("sky", "building", "road", "tree", "car", "pole")
SKY, BUILDING, ROAD, TREE, CAR, POLE = range(6)
Box = tuple[slice, slice]
ALL: Box = (slice(None), slice(None))


def synthetic_streets(n: int, size: int | tuple[int, int] = 64, seed: int = 0) -> Dataset:
    """Draw street scenes: sky, buildings, a road, and on it trees, cars and poles.

    Cars, buildings and poles share their colours, and light and shade lie over all: what a pixel is,
    those around it tell. The best guess from its colour has a mean IoU of 0.3: 0.8 for the sky, 0.1
    for cars, 0 for poles. Poles are 1 or 2 pixels wide at any size; they, lamps, trunks and windows
    keep their size, and all else grows with the image.

    Parameters
    ----------
    n
        Number of images. Image i depends on `seed` and i only: more images keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side.
    seed
        Draws everything.

    Returns
    -------
    Dataset
        Colour images (H, W, 3); labels 0 to 5 are sky, building, road, tree, car and pole, as in
        `STREET_CLASSES`, with about 31, 19, 37, 7, 3 and 3 % of the pixels.
    """
    return draw_all(_scene, n, size, seed)


class _Canvas:
    """An image (H, W, 3) and its labels, painted from the back to the front.

    Attributes
    ----------
    rows, columns
        Of every pixel, (H, 1) and (1, W).
    ground
        The row of the horizon in each column, (1, W).
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int]) -> None:
        self.height, self.width = shape
        self.image = np.zeros((*shape, 3))
        self.labels = np.zeros(shape, np.int64)
        self.rows, self.columns = np.ogrid[: self.height, : self.width]
        level, tilt = self.height * rng.uniform(0.5, 0.68), rng.uniform(-0.07, 0.07)
        self.ground = level + tilt * (self.columns - self.width / 2)

    def ground_at(self, x: float) -> float:
        """The row of the horizon in the column x."""
        return self.ground[0, int(np.clip(x, 0, self.width - 1))]

    def box(self, top: float, left: float, bottom: float, right: float) -> Box:
        """A rectangle within the image, at least one pixel wide and high before it is cut to it."""
        top, left = round(top), round(left)
        bottom, right = max(round(bottom), top + 1), max(round(right), left + 1)
        return slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))

    def around(self, y: float, x: float, radius: float) -> Box:
        """The rectangle of all pixels within a radius."""
        return self.box(y - radius, x - radius, y + radius + 1, x + radius + 1)

    def offsets(self, box: Box, y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of a box's pixels, (h, 1) and (1, w), from a point."""
        return self.rows[box[0]] - y, self.columns[:, box[1]] - x

    def paint(
        self, box: Box, colour: np.ndarray, label: int, mask: np.ndarray | None = None
    ) -> None:
        """Cover a box, or the mask (h, w) in it, with a colour (3,) or with colours (h, w, 3)."""
        if mask is None:
            self.image[box], self.labels[box] = colour, label
        else:
            self.image[box][mask] = colour[mask] if colour.ndim == 3 else colour
            self.labels[box][mask] = label


def _scene(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give one image (H, W, 3) and its labels (H, W)."""
    canvas = _Canvas(rng, shape)
    _sky(rng, canvas)
    _buildings(rng, canvas)
    _road(rng, canvas)
    for _ in range(rng.integers(1, 4)):
        _tree(rng, canvas)
    for nearness in sorted(rng.uniform(0, 1, rng.integers(1, 5))):  # the nearest hides the others
        _car(rng, canvas, nearness)
    for _ in range(rng.integers(1, 4)):
        _pole(rng, canvas)
    light = 1 + 0.15 * smooth_noise(rng, shape, 24) + 0.06 * smooth_noise(rng, shape, 3)
    noise = 0.06 * rng.standard_normal(canvas.image.shape)
    return canvas.image * light[..., None] + noise, canvas.labels


def _muted(rng: np.random.Generator) -> np.ndarray:
    """A gray with a tint."""
    return rng.uniform(0.2, 0.8) + rng.uniform(-0.14, 0.14, 3)


def _sky(rng: np.random.Generator, canvas: _Canvas) -> None:
    """Blue or nearly gray, paler towards the horizon."""
    above = np.array([rng.uniform(0.35, 0.65), rng.uniform(0.5, 0.7), rng.uniform(0.65, 0.9)])
    pale = (canvas.rows / canvas.ground)[..., None] * rng.uniform(0, 0.3)
    canvas.image[...] = above + pale * (1 - above)


def _buildings(rng: np.random.Generator, canvas: _Canvas) -> None:
    """One beside the other, with gaps, each with a grid of darker windows."""
    left = -rng.uniform(0, 0.15) * canvas.width
    while left < canvas.width:
        right = left + rng.uniform(0.14, 0.32) * canvas.width
        foot = canvas.ground_at((left + right) / 2)
        top = foot * (1 - rng.uniform(0.3, 0.75))
        house = canvas.box(top, left, canvas.height, right)  # the road will cover what is too much
        colour = _muted(rng)
        canvas.paint(house, colour, BUILDING)
        up, across = rng.integers(4, 7), rng.integers(3, 6)  # from one window to the next
        rows, columns = canvas.offsets(house, round(top), round(left))
        windows = (rows % up >= 2) & (columns % across > 0)
        canvas.paint(house, colour * rng.uniform(0.3, 0.8), BUILDING, windows)
        left = right + (rng.uniform(0.05, 0.2) * canvas.width if rng.random() < 0.5 else 0)


def _road(rng: np.random.Generator, canvas: _Canvas) -> None:
    """Gray to the lower edge, with a paler pavement along the horizon and a row of dashes."""
    depth = (canvas.rows - canvas.ground) / (canvas.height - canvas.ground)  # 0 far, 1 near
    gray = rng.uniform(0.28, 0.5) + rng.uniform(-0.03, 0.03, 3)
    shade = 1 + rng.uniform(-0.15, 0.15) * depth
    canvas.paint(ALL, gray * shade[..., None], ROAD, depth >= 0)
    canvas.paint(ALL, gray + rng.uniform(0.05, 0.2), ROAD, (depth >= 0) & (depth < 0.13))
    middle, thick = rng.uniform(0.35, 0.7), rng.integers(1, 3) / canvas.height
    along = (canvas.columns + rng.integers(canvas.width)) % round(0.22 * canvas.width)
    dashes = (abs(depth - middle) < 1.5 * thick) & (along < 0.12 * canvas.width)
    canvas.paint(ALL, gray + rng.uniform(0.25, 0.45), ROAD, dashes)


def _tree(rng: np.random.Generator, canvas: _Canvas) -> None:
    """A crown with an uneven outline on a thin trunk, green to brown."""
    x, radius = rng.uniform(0, canvas.width), rng.uniform(0.07, 0.15) * canvas.height
    foot = canvas.ground_at(x) + rng.uniform(0, 0.06) * canvas.height
    y = foot - radius - rng.uniform(0.04, 0.12) * canvas.height
    trunk = rng.uniform(0.2, 0.4) * np.array([1.1, 0.9, 0.7])
    canvas.paint(canvas.box(y, x - 1, foot, x + 1), trunk, TREE)
    crown = canvas.around(y, x, 1.5 * radius)
    dy, dx = canvas.offsets(crown, y, x)
    angle = np.arctan2(dy, dx)
    wobble = sum(
        rng.uniform(0, 0.13) * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
        for waves in (2, 3, 5, 7)
    )
    leaves = np.array([rng.uniform(0.25, 0.5), rng.uniform(0.3, 0.5), rng.uniform(0.15, 0.35)])
    shade = 1 + 0.2 * rng.standard_normal((*angle.shape, 1))
    canvas.paint(crown, leaves * shade, TREE, np.hypot(dy, dx) < radius * (1 + wobble))


def _car(rng: np.random.Generator, canvas: _Canvas, nearness: float) -> None:
    """A car of any colour seen from the side, the larger the nearer (0 to 1)."""
    width = (0.14 + 0.12 * nearness) * canvas.width
    body, cabin, wheel = 0.19 * width, 0.16 * width, max(0.1 * width, 1.1)
    x = rng.uniform(0, canvas.width - width)
    far = canvas.ground_at(x + width / 2) + body + cabin
    foot = far + nearness * (canvas.height - 1 - wheel - far)  # of the body; wheels reach lower
    colour = rng.uniform(0.1, 0.9) + rng.uniform(0.05, 0.3) * rng.uniform(-1, 1, 3)
    start = x + rng.uniform(0.15, 0.3) * width
    end, roof = start + 0.5 * width, foot - body - cabin
    canvas.paint(canvas.box(foot - body, x, foot, x + width), colour, CAR)
    canvas.paint(canvas.box(roof, start, foot - body, end), colour, CAR)
    glass = canvas.box(roof + 0.3 * cabin, start + 0.08 * width, foot - body, end - 0.08 * width)
    canvas.paint(glass, rng.uniform(0.05, 0.3) + np.array([0, 0.02, 0.05]), CAR)
    for place in (x + 0.2 * width, x + 0.8 * width):
        tyre = canvas.around(foot, place, wheel)
        round_ = np.hypot(*canvas.offsets(tyre, foot, place)) < wheel
        canvas.paint(tyre, np.full(3, rng.uniform(0.03, 0.15)), CAR, round_)


def _pole(rng: np.random.Generator, canvas: _Canvas) -> None:
    """A gray pole from above the roofs down to the pavement, half of them with a lamp or a sign."""
    x, thick = rng.integers(1, canvas.width - 2), rng.integers(1, 3)
    top = rng.uniform(0.03, 0.13) * canvas.height
    foot = canvas.ground_at(x) + rng.uniform(0.01, 0.08) * canvas.height
    gray = rng.uniform(0.1, 0.8) + rng.uniform(-0.03, 0.03, 3)
    canvas.paint(canvas.box(top, x, foot, x + thick), gray, POLE)
    if rng.random() < 0.5:
        canvas.paint(canvas.box(top, x - 2, round(top) + 5, x + 3), gray, POLE)
