"""The window of an image that the network sees, and the matching window of its targets."""

from collections.abc import Sequence

import numpy as np

from tinyunet.engine.arrays import pair


def random_crop(
    rng: np.random.Generator,
    image: np.ndarray,
    targets: Sequence[np.ndarray],
    input_size: int | tuple[int, int],
    output_size: int | tuple[int, int],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Cut the network's input out of an image, and the matching output out of its targets.

    The output window lies anywhere in the image; the input window is larger by the margin that
    unpadded convolutions eat, and centred on it. Where a window leaves the image, it sees the
    image mirrored at its border (as NumPy's "reflect", several times over if need be).

    Parameters
    ----------
    rng
        Draws the position.
    image
        (H, W, C) array.
    targets
        Sequence of (H, W) arrays. For example labels and weights.
    input_size, output_size
        A side or (height, width), the network's; equal for a network with "same" padding.

    Returns
    -------
    (h_in, w_in, C) array and a list of (h_out, w_out) arrays
    """
    lines, middle = random_window(rng, image, targets, input_size, output_size)
    lines = [mirrored(line, length) for line, length in zip(lines, image.shape, strict=False)]
    inner = [line[part] for line, part in zip(lines, middle, strict=True)]
    return image[np.ix_(*lines)], [target[np.ix_(*inner)] for target in targets]


def random_window(
    rng: np.random.Generator,
    image: np.ndarray,
    targets: Sequence[np.ndarray],
    input_size: int | tuple[int, int],
    output_size: int | tuple[int, int],
    beyond: float = 0.0,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[slice, slice]]:
    """Draw the place of a window.

    Parameters
    ----------
    rng, image, targets, input_size, output_size
        As for `random_crop`.
    beyond
        How many pixels the output window may stick out of the image; it then lies at fractions of a
        pixel. With 0 it lies on whole pixels, inside the image wherever it fits.

    Returns
    -------
    ((h_in,) rows, (w_in,) columns)
        Where the input window's rows and columns lie in the image; some may be outside of it.
    (slice, slice)
        Which of these rows and columns are the output window's.
    """
    for target in targets:
        if target.shape[:2] != image.shape[:2]:
            raise ValueError(
                f"a target has shape {target.shape}, but the image is {image.shape}: "
                "heights and widths should agree"
            )
    inner, outer = pair(output_size, "output_size", 1), pair(input_size, "input_size", 1)
    lines, middle = [], []
    for length, inside, outside in zip(image.shape[:2], inner, outer, strict=True):
        if outside < inside:
            raise ValueError(f"input_size {input_size} is smaller than output_size {output_size}")
        # An image shorter than the window is covered whole: the range then lies below zero.
        low, high = sorted((0, length - inside))
        if beyond:
            start = rng.uniform(low - beyond, high + beyond)
        else:
            start = int(rng.integers(low, high + 1))
        margin = (outside - inside) // 2
        lines.append(start - margin + np.arange(outside))
        middle.append(slice(margin, margin + inside))
    return tuple(lines), tuple(middle)


def mirrored(places: np.ndarray, length: int) -> np.ndarray:
    """Fold places outside 0 ... length-1 back into the range, the border pixel not repeated."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    # The distance to the nearest multiple of the period: quicker than a remainder of floats.
    return np.abs(places - period * np.rint(places / period)).astype(places.dtype)
