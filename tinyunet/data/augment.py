"""More images from few: random symmetries, crops and gray values.

Every function takes the random generator first and leaves its arguments unchanged.
"""

from collections.abc import Sequence

import numpy as np


def random_symmetry(rng: np.random.Generator, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Apply one of the eight symmetries of the square, the same to every array.

    Parameters
    ----------
    rng : numpy.random.Generator
        The choice is its: four quarter turns, mirrored or not, all equally likely.
    arrays : (H, W, ...) arrays
        For example an image, its labels and its weights.

    Returns
    -------
    tuple of arrays
        One for each argument; height and width are exchanged by a quarter turn.
    """
    quarter_turns = int(rng.integers(4))
    mirrored = bool(rng.integers(2))
    turned = (np.rot90(array, quarter_turns) for array in arrays)
    return tuple(np.ascontiguousarray(a[:, ::-1] if mirrored else a) for a in turned)


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
    rng : numpy.random.Generator
        Draws the position.
    image : (H, W, C) array
    targets : sequence of (H, W) arrays
        For example labels and weights.
    input_size, output_size : int or (height, width)
        The network's; equal for a network with "same" padding.

    Returns
    -------
    (h_in, w_in, C) array and a list of (h_out, w_out) arrays
    """
    for target in targets:
        if target.shape[:2] != image.shape[:2]:
            raise ValueError(
                f"a target has shape {target.shape}, but the image is {image.shape}: "
                "heights and widths should agree"
            )
    input_index, output_index = [], []
    for length, inside, outside in zip(
        image.shape[:2], pair(output_size), pair(input_size), strict=True
    ):
        if outside < inside:
            raise ValueError(f"input_size {input_size} is smaller than output_size {output_size}")
        # An image shorter than the window is covered whole: the range then lies below zero.
        low, high = sorted((0, length - inside))
        start = int(rng.integers(low, high + 1))
        margin = (outside - inside) // 2
        output_index.append(_mirrored(np.arange(start, start + inside), length))
        input_index.append(_mirrored(np.arange(start - margin, start - margin + outside), length))
    return image[np.ix_(*input_index)], [target[np.ix_(*output_index)] for target in targets]


def random_gray(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Change gain, gamma and offset a little, as another exposure would.

    gain * max(image, 0) ** gamma + offset

    with gain in [0.8, 1.2], gamma in [0.8, 1.25] (logarithmically) and offset in [-0.05, 0.05],
    each uniform, the same for all channels.

    Parameters
    ----------
    rng : numpy.random.Generator
    image : (H, W, C) float array, about [0, 1]

    Returns
    -------
    array of the same shape and dtype, not clipped to [0, 1]
    """
    gain = rng.uniform(0.8, 1.2)
    gamma = 1.25 ** rng.uniform(-1, 1)
    offset = rng.uniform(-0.05, 0.05)
    return gain * np.maximum(image, 0) ** gamma + offset


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """Give (height, width): a single number stands for both."""
    height, width = (size, size) if np.ndim(size) == 0 else size
    return int(height), int(width)


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Fold indices outside 0 ... length-1 back into the range, the border pixel not repeated."""
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    index = index % period
    return np.minimum(index, period - index)
