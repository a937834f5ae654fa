"""Read one image or mask file, whatever its format and bit depth."""

from pathlib import Path

import numpy as np

from tinyunet.data.files import gray
from tinyunet.data.files.gray import PERCENTILE as BRIGHT
from tinyunet.data.files.gray import moved as scaled
from tinyunet.data.files.gray import noise_of, stretched
from tinyunet.data.files.mask_files import CUT, check_numbers, read_mask_file
from tinyunet.data.files.raw import Raw, read_raw

__all__ = ["BRIGHT", "TIFF", "check_finite", "limits", "noise_of", "read_image", "read_mask",
           "read_pages", "read_pixels", "scaled", "stretched"]  # fmt: skip
TIFF = (".tif", ".tiff")


def read_image(path: str | Path, *, stretch: bool = False) -> np.ndarray:
    """Read a PNG, TIFF, JPEG, BMP, WEBP, GIF or JPEG 2000 image, scaled to about [0, 1].

    Images of 8 bits are divided by 255. Images of more bits and of floats seldom use their whole
    range: each is scaled so that its minimum becomes 0 and its 99.8 % percentile becomes 1, which a few
    hot pixels cannot spoil; but so that 1 is at least 20 standard deviations of the noise above 0,
    lest an image of noise alone look like one of cells.

    A file is read by its content, whatever its name says, and turned as its EXIF orientation says.

    Parameters
    ----------
    path
        The file.
    stretch
        Scale images of 8 bits in that way, too: what `load_folder` does where some have more.

    Returns
    -------
    (H, W, C) float32 array
        C is 1 for gray, 3 for color images (palettes too). Transparency is dropped: it says how to
        show a picture, not what was measured. A TIFF keeps all other bands.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, is a stack of several images (see `read_pages`), or holds NaN or infinite
        values.
    """
    pixels = read_pixels(path)
    return gray.moved(pixels, *limits(pixels, path, stretch))


def read_pages(path: str | Path, *, stretch: bool = False) -> list[np.ndarray]:
    """Read all pages of a file, such as a Z stack: a list of (H, W, C) float32 arrays.

    As `read_image`, which see; the pages of one file are stretched alike. Every axis of a TIFF but
    rows, columns and channels is one of pages, the last one fastest.
    """
    pages = read_raw(path).colors()
    low_high = _limits(pages, path, stretch)
    return [gray.moved(page, *low_high) for page in pages]


def read_pixels(path: str | Path) -> np.ndarray:
    """The values (H, W, C) of an image as they are stored; see `read_image`."""
    raw = read_raw(path)
    _check_single(path, raw)
    return raw.colors()[0]


def limits(pixels: np.ndarray, name: str | Path, stretch: bool = False) -> tuple[float, float]:
    """The values of an image (H, W, C) that become 0 and 1."""
    return _limits([pixels], name, stretch)


def read_mask(path: str | Path) -> np.ndarray:
    """Read the numbers in a mask: (H, W) int64.

    A palette image gives its indices, not its colors. A JPEG smears numbers, so it is cut at half
    of its range and gives 0 or 255. A mask that is in the alpha channel of a picture of one color is
    found there. Raises as `read_image` does, and a ValueError for a mask in color or with numbers that
    are negative or not whole.
    """
    mask = read_mask_file(path)
    _check_single(path, mask.raw)
    (page,) = mask.pages
    if mask.lossy:
        return np.where((page.max(axis=2) if page.ndim == 3 else page) > CUT, 255, 0)
    return check_numbers(path, page)


def check_finite(pixels: np.ndarray, name: str | Path) -> None:
    """Raise ValueError for values that are no numbers."""
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ValueError(f"{name}: has NaN or infinite values; repair it or leave it out")


def _check_single(path: str | Path, raw: Raw) -> None:
    if len(raw.pages) > 1:
        raise ValueError(
            f"{path}: cannot be read as one image: it is a stack with shape {raw.shape}; "
            f"tinyunet.data.read_pages gives its {len(raw.pages)} pages"
        )


def _limits(pages: list[np.ndarray], name: str | Path, stretch: bool) -> tuple[float, float]:
    try:
        return gray.limits(pages, stretch)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
