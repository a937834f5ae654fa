"""Gray values of any depth, brought to about [0, 1]: one rule, for training and prediction.

- 8 bits are divided by 255.
- More bits, and floats, seldom use their whole range: the minimum becomes 0, the 99.8 % percentile 1.
- But noise is not stretched to signal: 1 is at least `NOISE` standard deviations of the noise away from
  0. So an image of an empty well stays dark and flat.
- The pages of one file are stretched alike.
- In a folder with both, all images are stretched, those of 8 bits too: the same scene then has the same
  values, whatever its depth. A model remembers that it was trained so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tinyunet.data.files.raw import Raw, is_gray

PERCENTILE = 99.8  # a few hot pixels do not count
NOISE = 20  # pure noise has a range of about 7 standard deviations and so fills a third of [0, 1]
ROUNDING = 12**-0.5  # the standard deviation of rounding to whole numbers


def is_deep(raw: Raw) -> bool:
    """Whether a file has more than 8 bits."""
    return raw.pages[0].dtype not in (bool, np.uint8)


def scaled(raw: Raw, stretch: bool = False) -> list[np.ndarray]:
    """The pages (H, W, C) of a file as float32, scaled to about [0, 1]; `stretch` also of 8 bits.

    Raises
    ------
    ValueError
        If there are NaN or infinite values.
    """
    pages = raw.colors()
    if pages[0].dtype == bool:
        return [page.astype(np.float32) for page in pages]
    if pages[0].dtype == np.uint8 and not stretch:
        return [page.astype(np.float32) / 255 for page in pages]
    for page in pages:
        if page.dtype.kind == "f" and not np.isfinite(page).all():
            raise ValueError("has NaN or infinite values; repair it or leave it out")
    low, span = _range(pages)
    return [_moved(page, low, span) for page in pages]


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


def _range(pages: Sequence[np.ndarray]) -> tuple[float, float]:
    """The value that becomes 0, and how far above it is the one that becomes 1."""
    values = pages[0] if len(pages) == 1 else np.stack(pages)
    low, high = float(values.min()), float(np.percentile(values, PERCENTILE))
    if high <= low:  # almost constant: the few pixels that are not
        high = max(float(values.max()), low + 1)
    noise = max(_noise(page) for page in pages)
    if values.dtype.kind in "iu":
        noise = max(noise, ROUNDING)
    return low, max(high - low, NOISE * noise)


def _noise(page: np.ndarray) -> float:
    """The standard deviation of the noise of an image (H, W, C), from neighbouring pixels.

    From second differences along rows, in which what is smooth is nothing and white noise has a
    deviation larger by sqrt(1 + 4 + 1). Outlines are few, so the median does not see them.
    """
    rows = page[:: max(1, page.shape[0] // 512)].astype(np.float64)
    if rows.shape[1] < 3:
        return 0.0
    second = rows[:, 2:] - 2 * rows[:, 1:-1] + rows[:, :-2]
    return float(np.median(np.abs(second)) / 0.6745 / 6**0.5)


def _moved(page: np.ndarray, low: float, span: float) -> np.ndarray:
    out = np.empty(page.shape, np.float32)
    # In float64, but block by block: NumPy's buffers are small.
    np.subtract(page, low, out=out, casting="unsafe", dtype=np.float64)
    out /= np.float32(span)
    return out
