"""Smooth random deformations: the U-Net paper's elastic one, and rotation by any angle.

A deformation is a map that tells for every pixel of the new image where it comes from in the old one,
usually from between four pixels. Several deformations make one map, so that gray values are
interpolated once: every further time would blur them a little more.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tinyunet.data.crop import mirrored, random_window

PAPER_SIDE = 512  # of the images for which the paper states its 10 pixels
REACH = 12  # pixels after which a spline has forgotten a gray value: 0.27 ** 12 is 1e-7 of it


def displacement_field(
    rng: np.random.Generator, shape: tuple[int, int], std: float = 10.0
) -> np.ndarray:
    """Draw a smooth field of displacements, as the U-Net paper does.

    Gaussian vectors on a coarse grid of 3 x 3 points, which spans the image from corner to corner,
    are interpolated to every pixel by a bicubic spline.

    Parameters
    ----------
    rng
        Draws the vectors.
    shape
        (H, W) of the image.
    std
        Standard deviation of both components of the vectors, in pixels, if the image's shorter side is
        512 pixels; it grows and shrinks with that side, so that a photograph of the same tissue with
        half the pixels is deformed alike. By the longer side, the field of a strip could fold it.

    Returns
    -------
    (2, H, W) float64 array
        The pixel at (y, x) of the deformed image is seen at (y + field[0, y, x], x + field[1, y, x])
        in the original.

    References
    ----------
    Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, section 3.1.
    """
    rows, columns = (np.arange(length) for length in shape)
    return spread(displacement_grid(rng, shape, std), rows, columns, shape)


def displacement_grid(
    rng: np.random.Generator, shape: tuple[int, int], std: float = 10.0
) -> np.ndarray:
    """Draw the coarse grid (2, 3, 3) of vectors behind a `displacement_field`."""
    return rng.normal(0, std * min(shape) / PAPER_SIDE, (2, 3, 3))


def spread(
    grid: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Interpolate a coarse grid (2, 3, 3), which spans an image, at some of its rows and columns.

    Beyond the border the displacement is that of the border.

    Parameters
    ----------
    grid
        (2, 3, 3) array.
    rows, columns
        (h,) and (w,) arrays. In pixels; only these are computed.
    shape
        (H, W) of the image.

    Returns
    -------
    (2, h, w) array
    """
    return _shares(rows, shape[0]) @ grid @ _shares(columns, shape[1]).T


def _shares(places: np.ndarray, length: int) -> np.ndarray:
    """How much each of three values a, b, c along a side counts at each place, (n, 3).

    The cubic spline through the three that is flat at both ends. Between b and c, at s from 0 to 1:

        b (1 - 3s² + 2s³) + slope (s - 2s² + s³) + c (3s² - 2s³)

    has these values, and this slope in b and 0 in c. The slope in b is that for which the pieces on
    both sides of b have the same curvature there: 3/4 (c - a).
    """
    u = np.clip(2 * places / max(length - 1, 1) - 1, -1, 1)  # a, b, c are at -1, 0, 1
    s = np.abs(u)
    near, far = 1 - 3 * s**2 + 2 * s**3, 3 * s**2 - 2 * s**3
    slope = 0.75 * np.sign(u) * (s - 2 * s**2 + s**3)
    return np.stack([far * (u < 0) - slope, near, far * (u > 0) + slope], axis=1)


def deformed(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Deform an image (H, W, C) by a displacement field (2, H, W); outside it is mirrored."""
    return sample(image, _inside(np.indices(image.shape[:2]) + field, image.shape))


def random_warped_crop(
    rng: np.random.Generator,
    image: np.ndarray,
    targets: Sequence[np.ndarray],
    input_size: int | tuple[int, int],
    output_size: int | tuple[int, int],
    *,
    rotate: bool = True,
    elastic: float = 10.0,
    shift: float = 0.0,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Cut out the windows of a deformed image, as `random_crop` does of the image itself.

    Only the window is deformed, not the whole image. Gray values are interpolated by a cubic spline.
    Labels cannot be averaged: a target takes the nearest pixel, and all targets the same one, so the
    weights stay those of their labels.

    Parameters
    ----------
    rng
        Draws the place of the window and its changes.
    image
        (H, W, C) float array.
    targets
        Sequence of (H, W) arrays. For example labels, instances and weights.
    input_size, output_size
        A side or (height, width), the network's; equal for a network with "same" padding.
    rotate
        Turn the window about its middle by any angle.
    elastic
        Standard deviation of a `displacement_field` of the image; 0 = none.
    shift
        How many pixels the window may stick out of the image, at fractions of a pixel.

    Returns
    -------
    (h_in, w_in, C) array and a list of (h_out, w_out) arrays
        Of the dtypes of the arguments.
    """
    (rows, columns), middle = random_window(rng, image, targets, input_size, output_size, shift)
    angle = rng.uniform(0, 2 * np.pi) if rotate else 0.0
    places = turned(rows, columns, angle)
    if elastic:
        grid = displacement_grid(rng, image.shape[:2], elastic)
        places += spread(grid, rows, columns, image.shape[:2])
    places = _inside(places, image.shape)
    y, x = np.rint(places[:, middle[0], middle[1]]).astype(np.intp)
    nearest = y * image.shape[1] + x  # one number for a pixel: takes half as long as two
    return sample(image, places), [target.take(nearest) for target in targets]


def turned(rows: np.ndarray, columns: np.ndarray, angle: float) -> np.ndarray:
    """Give the places (2, h, w) of a window's pixels, turned about the window's middle.

    With the angle (in radians) from the rows' axis to the columns', what is seen turns clockwise on
    the screen: at a quarter turn the window shows ``np.rot90(window, -1)``.
    """
    middle_y, middle_x = rows.mean(), columns.mean()
    y, x = (rows - middle_y)[:, None], (columns - middle_x)[None, :]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([middle_y + cos * y - sin * x, middle_x + sin * y + cos * x])


def sample(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate an image (H, W, C) at places (2, h, w) inside of it, by a cubic spline.

    A spline and not a straight line between neighbours: that would smooth the noise away (a third of
    its standard deviation, on average), and the network would meet noisier images than it knows.
    """
    # A spline depends on all pixels, but hardly on those far away: cut out what counts.
    first = np.maximum(np.floor(places.min(axis=(1, 2))).astype(int) - REACH, 0)
    last = np.ceil(places.max(axis=(1, 2))).astype(int) + REACH
    box = image[first[0] : last[0] + 1, first[1] : last[1] + 1]
    places = places - first[:, None, None]
    out = np.empty((*places.shape[1:], image.shape[2]), image.dtype)
    for channel in range(image.shape[2]):
        spline = ndimage.spline_filter(box[..., channel], 3, output=image.dtype, mode="mirror")
        ndimage.map_coordinates(
            spline, places, out[..., channel], order=3, mode="mirror", prefilter=False
        )
    return out


def _inside(places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Mirror places (2, h, w) outside of an image (H, W, ...) back into it."""
    return np.stack([mirrored(line, length) for line, length in zip(places, shape, strict=False)])
