"""Gray values of any depth, brought to about [0, 1]: one rule, for training and prediction.

- 8 bits are divided by 255.
- More bits, and floats, seldom use their whole range: the minimum becomes 0, the 99.8 % percentile 1.
- But noise is not stretched to signal: 1 is at least `NOISE` standard deviations of the noise away from
  0. So an image of an empty well stays dark and flat.
- The pages of one file are stretched alike.
- Where a folder has any image of more than 8 bits, all are stretched, those of 8 bits too: the same
  scene then has the same values, whatever its depth. A model remembers that it was trained so, and
  images of 8 bits that it is shown later are stretched for it, though it may have seen none before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tinyunet.data.files.raw import Raw, is_gray

SHALLOW = (np.dtype(bool), np.dtype(np.uint8))
PERCENTILE = 99.8  # a few hot pixels do not count
NOISE = 20  # pure noise has a range of about 7 standard deviations and so fills a third of [0, 1]
ROUNDING = 12**-0.5  # the standard deviation of rounding to whole numbers


def is_deep(raw: Raw) -> bool:
    """Whether a file has more than 8 bits."""
    return raw.pages[0].dtype not in SHALLOW


def in_words_of_depth(count: int) -> str:
    """What to know where images of more than 8 bits are shown to a model of images of 8."""
    images = "1 image has" if count == 1 else f"{count} images have"
    return (
        f"{images} more than 8 bits, whose values are always stretched; those of 8 bits are not, as "
        "the model knows them: the same brightness has two values here (docs/images.md, Gray values)"
    )


def scaled(raw: Raw, stretch: bool = False) -> list[np.ndarray]:
    """The pages (H, W, C) of a file as float32, scaled to about [0, 1]; see `limits`."""
    pages = raw.colors()
    low_high = limits(pages, stretch)
    return [moved(page, *low_high) for page in pages]


def in_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Give an image (H, W, C) as many channels as a model wants, where no information is lost.

    A gray image that was saved in colour (R = G = B) has one channel for a model that wants one; one
    gray channel is shown in all three of a model that wants colour. Any other image stays as it is.
    """
    if channels == 1 and is_gray(image):
        return image[..., :1]
    if channels == 3 and image.ndim == 3 and image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return image


def common_channels(raws: Sequence[Raw]) -> int | None:
    """How many channels all images of a folder can have by `in_channels`; None if they cannot.

    One if all are gray, no matter how they were saved; three if some are in colour, and not most files
    have one channel.
    """
    stored = Counter(raw.colors()[0].shape[2] for raw in raws)
    if len(stored) == 1 and 3 not in stored:
        return next(iter(stored))
    if not set(stored) <= {1, 3}:
        return None
    colored = [raw for raw in raws if raw.colors()[0].shape[2] == 3 and not is_gray_file(raw)]
    if not colored:
        return 1
    return 3 if stored[3] >= stored[1] else None


def is_gray_file(raw: Raw) -> bool:
    """Whether all its pages are gray, saved in colour or not."""
    return all(page.shape[2] == 1 or is_gray(page) for page in raw.colors())


def stretched(
    least: float, bright: float, largest: float, noise: float = 0.0
) -> tuple[float, float]:
    """What becomes 0 and 1, by the least value, the 99.8 % percentile, the largest, and the noise."""
    low, high = float(least), float(bright)
    if high <= low:  # almost constant: the few pixels that are not
        high = max(float(largest), low + 1)
    return low, max(high, low + NOISE * noise)


def noise_of(image: np.ndarray) -> float:
    """The standard deviation of the noise of an image (H, W, C), from neighbouring pixels.

    From second differences along rows, in which what is smooth is nothing and white noise has a
    deviation larger by sqrt(1 + 4 + 1). Outlines are few, so the median does not see them. Whole
    numbers have at least the noise of rounding. It asks for some 500 single rows.
    """
    least = ROUNDING if image.dtype.kind in "iu" else 0.0
    if image.shape[1] < 3:
        return least
    step = max(1, image.shape[0] // 512)
    rows = [image[row : row + 1, :] for row in range(0, image.shape[0], step)]
    lines = np.concatenate(rows).astype(np.float64)
    second = lines[:, 2:] - 2 * lines[:, 1:-1] + lines[:, :-2]
    return max(least, float(np.median(np.abs(second)) / 0.6745 / 6**0.5))


def moved(page: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as float32, `low` as 0 and `high` as 1."""
    if page.dtype in (bool, np.uint8) and low == 0:
        return page.astype(np.float32) / np.float32(high)
    out = np.empty(page.shape, np.float32)
    # In float64, but block by block: NumPy's buffers are small.
    np.subtract(page, low, out=out, casting="unsafe", dtype=np.float64)
    out /= np.float32(high - low)
    return out


def limits(pages: Sequence[np.ndarray], stretch: bool = False) -> tuple[float, float]:
    """The values of the pages (H, W, C) of a file that become 0 and 1; `stretch` also of 8 bits.

    Raises
    ------
    ValueError
        If there are NaN or infinite values.
    """
    dtype = pages[0].dtype
    if dtype.kind == "b" or (dtype == np.uint8 and not stretch):
        return 0.0, 1.0 if dtype.kind == "b" else 255.0
    if dtype.kind == "f" and not all(np.isfinite(page).all() for page in pages):
        raise ValueError("has NaN or infinite values; repair it or leave it out")
    values = pages[0] if len(pages) == 1 else np.stack(pages)
    bright = np.percentile(values, PERCENTILE)
    return stretched(values.min(), bright, values.max(), max(map(noise_of, pages)))
