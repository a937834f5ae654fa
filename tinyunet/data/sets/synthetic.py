"""Microscopy that needs no download: cells to tell apart, and membranes to find.

Both are drawn so that brightness alone does not solve them. Cells touch, and the light is uneven;
cells in the electron microscope hold organelles as dark as the membranes around them.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from tinyunet.data.dataset import Dataset
from tinyunet.data.sets.drawing import smooth_noise
from tinyunet.data.weightmap import separate
from tinyunet.engine.arrays import pair
from tinyunet.metrics.regions import components, without_small


def synthetic_cells(n: int, size: int | tuple[int, int] = 128, seed: int = 0) -> Dataset:
    """Draw fluorescent cells: round-ish, of many sizes and brightnesses, in touching groups.

    Parameters
    ----------
    n
        Number of images. Image i depends on `seed` and i only: more images keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side. Cells have a radius of about 6 to 11
        pixels.
    seed
        Draws everything.

    Returns
    -------
    Dataset
        Gray images (H, W, 1); instances 1 ... k; label 1 = cell, touching cells parted by one
        background pixel (see `separate`).
    """
    return _draw(_cells, n, size, seed)


def synthetic_membranes(n: int, size: int | tuple[int, int] = 128, seed: int = 0) -> Dataset:
    """Draw tissue as the electron microscope shows it: gray cells, dark membranes and organelles.

    Parameters
    ----------
    n
        Number of images. Image i depends on `seed` and i only: more images keep the first ones.
    size
        A side or (height, width), in pixels, at least 32 a side. Cells are about 17 pixels wide,
        nearly all between 5 and 31.
    seed
        Draws everything.

    Returns
    -------
    Dataset
        Gray images (H, W, 1); label 1 = cell, 0 = membrane; instances 1 ... k are the cells.
    """
    return _draw(_membranes, n, size, seed)


def _draw(draw_one: Callable, n: int, size: int | tuple[int, int], seed: int) -> Dataset:
    shape = pair(size, "size", smallest=1)
    if n < 1 or min(shape) < 32:
        raise ValueError(f"n must be at least 1 and size at least 32, got n={n} and size={size}")
    drawn = [draw_one(np.random.default_rng([seed, i]), shape) for i in range(n)]
    images = [np.clip(image, 0, 1).astype(np.float32)[..., None] for image, _ in drawn]
    instances = [cells for _, cells in drawn]
    return Dataset(images, [separate(cells) > 0 for cells in instances], instances)


def _cells(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give one image (H, W) and its instances (H, W)."""
    instances = np.zeros(shape, np.int64)
    stain = np.zeros(shape)
    rim = np.ones(shape)  # 0 at the centre of the pixel's cell, 1 at its rim
    for number, (y, x, radius) in enumerate(_places(rng, shape), start=1):
        box, rho = _blob(rng, shape, y, x, radius)
        # Where cells overlap, a pixel goes to the one it is deeper in: a natural common border.
        mine = rho < rim[box]
        rim[box][mine] = rho[mine]
        instances[box][mine] = number
        # Thick in the middle, thin at the rim; some cells have taken up more dye than others.
        stain[box][mine] = rng.uniform(0.45, 1) * (1 - 0.75 * rho[mine] ** 2)
    stain *= 1 + 0.2 * smooth_noise(rng, shape, 3)

    sharp = ndimage.gaussian_filter(stain, 0.7)
    glow = ndimage.gaussian_filter(stain, 7)  # light from out of focus
    light = _uneven_light(rng, shape)
    photons = 150 * light * (0.75 * sharp + 0.25 * glow + 0.08)
    image = rng.poisson(photons) / 150 + 0.02 + 0.015 * rng.standard_normal(shape)
    return image, without_small(instances, 12)


def _places(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Centres and radii of cells, most of them just touching another: rows of (y, x, radius)."""
    height, width = shape
    places = np.empty((0, 3))
    wanted = max(3, round(height * width / 128**2 * rng.uniform(14, 26)))
    for _ in range(8 * wanted):
        radius = rng.uniform(6, 11)
        if len(places) and rng.random() < 0.7:
            y, x, neighbour = places[rng.integers(len(places))]
            angle, distance = rng.uniform(0, 2 * np.pi), 0.97 * (radius + neighbour)
            y, x = y + distance * np.sin(angle), x + distance * np.cos(angle)
        else:
            y, x = rng.uniform(0, height), rng.uniform(0, width)
        apart = np.hypot(places[:, 0] - y, places[:, 1] - x) > 0.9 * (places[:, 2] + radius)
        if 0 <= y < height and 0 <= x < width and apart.all():
            places = np.vstack([places, (y, x, radius)])
        if len(places) == wanted:
            break
    return places


def _blob(
    rng: np.random.Generator, shape: tuple[int, int], y: float, x: float, radius: float
) -> tuple[tuple[slice, slice], np.ndarray]:
    """A box in the image and in it the distance from (y, x), 1 at the rim of a deformed ellipse."""
    reach = 2 * radius
    box = tuple(
        slice(max(0, int(centre - reach)), min(side, int(centre + reach) + 1))
        for centre, side in zip((y, x), shape, strict=True)
    )
    rows, columns = np.ogrid[box]
    dy, dx = rows - y, columns - x
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1, 1.25)
    along = (dx * np.cos(turn) + dy * np.sin(turn)) / stretch
    across = (dy * np.cos(turn) - dx * np.sin(turn)) * stretch
    angle = np.arctan2(across, along)
    rim = 1 + sum(
        rng.uniform(0, 0.07) * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
        for waves in (2, 3, 4)
    )
    return box, np.hypot(along, across) / (radius * rim)


def _uneven_light(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A lamp that is off centre: 1 at the brightest point, about a quarter in the far corners."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    y, x = rng.uniform(0, shape)
    squared = ((rows - y) / shape[0]) ** 2 + ((columns - x) / shape[1]) ** 2
    return 0.25 + 0.75 * np.exp(-1.6 * squared)


def _membranes(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give one image (H, W) and its instances (H, W)."""
    cell, rim = _warped_voronoi(rng, shape)
    # A membrane cut at a slant looks broader and paler than one cut straight across.
    slant = np.clip(0.5 + 0.7 * smooth_noise(rng, shape, 16), 0, 1)
    half_width = 1.05 + 1.1 * slant
    instances = components(rim > half_width, 8)

    tone = rng.uniform(0.54, 0.8, cell.max() + 1)[cell]  # the cytoplasm of each cell
    tone *= 1 + 0.1 * smooth_noise(rng, shape, 2.5) + 0.1 * smooth_noise(rng, shape, 25)
    _add_organelles(rng, tone, rim)
    membrane = np.clip(half_width + 0.8 - rim, 0, 1)
    image = tone * (1 - membrane) + (0.14 + 0.24 * slant) * membrane
    image = ndimage.gaussian_filter(image, 0.8) + 0.06 * rng.standard_normal(shape)
    return image, instances


def _warped_voronoi(
    rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell (H, W), and distance (H, W) in pixels to the border of that cell."""
    margin = 20  # cells reach in from outside of the image
    area = (shape[0] + 2 * margin) * (shape[1] + 2 * margin)
    seeds = rng.uniform(-margin, np.add(shape, margin), (area // 600, 2))
    pixels = np.indices(shape, float)
    for scale, strength in ((24, 5), (9, 1.2)):
        pixels += [strength * smooth_noise(rng, shape, scale) for _ in range(2)]
    cell = KDTree(seeds).query(np.moveaxis(pixels, 0, -1))[1]  # of the nearest seed
    border = cell != ndimage.minimum_filter(cell, footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    return cell, ndimage.distance_transform_edt(~border)


def _add_organelles(rng: np.random.Generator, tone: np.ndarray, rim: np.ndarray) -> None:
    """Paint mitochondria and vesicles, as dark as membranes, into the cytoplasm (in place)."""
    inside = np.argwhere(rim >= min(5, rim.max()))
    for y, x in inside[rng.integers(len(inside), size=tone.size // 350)]:
        if rng.random() < 0.4:  # a mitochondrion: dark, with a darker skin
            box, rho = _blob(rng, tone.shape, y, x, rng.uniform(2.5, 5.5))
            dark = np.where(rho < 0.75, 0.4, 0.2)
        else:  # a vesicle: a small dark ring
            box, rho = _blob(rng, tone.shape, y, x, rng.uniform(1.2, 2.4))
            dark = np.where(rho < 0.5, 0.6, 0.22)
        here = (rho < 1) & (rim[box] > 3)
        tone[box][here] = dark[here]
