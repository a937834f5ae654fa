"""Read one image or mask file, whatever its format and bit depth."""

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")
SUFFIXES = (".png", *TIFF, *JPEG, ".bmp")
BRIGHT = 99.8  # percentile


def read_image(path: str | Path) -> np.ndarray:
    """Read a PNG, TIFF, JPEG or BMP image, scaled to about [0, 1].

    Images of 8 bits are divided by 255. Images of 16 bits and of floats (TIFF) seldom use their
    whole range: each is scaled so that its minimum becomes 0 and its 99.8 % percentile becomes 1,
    which a few hot pixels cannot spoil.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    (H, W, C) float32 array
        C is 1 for gray, 3 for color images (palettes too). Transparency is dropped: it says how to
        show a picture, not what was measured. A multi-channel TIFF keeps its channels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, is a stack of several images, or holds NaN or infinite values.
    """
    pixels = read_pixels(path)
    return scaled(pixels, *limits(pixels, path))


def read_pixels(path: str | Path) -> np.ndarray:
    """The values (H, W, C) of an image as they are stored; see `read_image`."""
    return _read(Path(path), palette_as_color=True)


def limits(pixels: np.ndarray, name: str | Path) -> tuple[float, float]:
    """The values of an image that become 0 and 1."""
    if pixels.dtype in (bool, np.uint8):
        return 0.0, 1.0 if pixels.dtype == bool else 255.0
    check_finite(pixels, name)
    return stretched(pixels.min(), np.percentile(pixels, BRIGHT), pixels.max())


def check_finite(pixels: np.ndarray, name: str | Path) -> None:
    """Raise ValueError for values that are no numbers."""
    if not np.isfinite(pixels).all():
        raise ValueError(f"{name}: has NaN or infinite values; repair it or leave it out")


def stretched(least: float, bright: float, largest: float) -> tuple[float, float]:
    """What becomes 0 and 1 by the least value, the 99.8 % percentile and the largest value."""
    low, high = float(least), float(bright)
    if high <= low:  # almost constant: nothing to stretch
        high = max(float(largest), low + 1)
    return low, high


def scaled(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """Pixels as float32, `low` as 0 and `high` as 1."""
    if pixels.dtype in (bool, np.uint8):
        return pixels.astype(np.float32) / np.float32(high)
    return ((pixels - low) / (high - low)).astype(np.float32)


def read_mask(path: str | Path) -> np.ndarray:
    """Read the numbers in a mask: (H, W) int64.

    A palette image gives its indices, not its colors. A JPEG smears numbers, so it is cut at half
    of its range and gives 0 or 255. Raises as `read_image` does, and a ValueError for a mask in
    color or with numbers that are negative or not whole.
    """
    path = Path(path)
    channels = _read(path, palette_as_color=False)
    mask = channels[..., 0]
    if path.suffix.lower() in JPEG:
        return np.where(mask > 127, 255, 0)
    if not np.isfinite(channels).all() or (mask < 0).any() or (mask % 1 != 0).any():
        raise ValueError(f"{path}: a mask needs whole numbers from 0 up")
    if (channels != mask[..., None]).any():
        raise ValueError(f"{path}: is a mask in color; save class or cell numbers as gray values")
    return mask.astype(np.int64)


def _read(path: Path, palette_as_color: bool) -> np.ndarray:
    """Pixels (H, W, C) as stored, without alpha."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: unknown kind of file; known are {', '.join(SUFFIXES)}")
    try:
        if suffix in TIFF:
            return _read_tiff(path)
        return _read_pillow(path, palette_as_color)
    except Exception as error:  # decoders raise all sorts of errors on damaged files
        raise ValueError(f"{path}: cannot be read: {error}") from error


def _read_tiff(path: Path) -> np.ndarray:
    """TIFF through tifffile, which knows all bit depths."""
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        if series.keyframe.compression == tifffile.COMPRESSION.LZW:
            # tifffile needs another package for LZW; Pillow brings its own decoder.
            return _read_pillow(path, palette_as_color=False)
        pixels, axes = series.asarray(), series.axes  # such as "YX", "YXS" (RGB) or "CYX"
    if axes in ("SYX", "CYX"):
        pixels, axes = np.moveaxis(pixels, 0, -1), "YX" + axes[0]
    if axes == "YX":
        return pixels[..., None]
    if axes == "YXS":
        return _without_alpha(pixels)
    if axes == "YXC":
        return pixels
    raise ValueError(f"it is a stack with shape {pixels.shape}; save each image as a file")


def _read_pillow(path: Path, palette_as_color: bool) -> np.ndarray:
    with Image.open(path) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ValueError(f"it holds {image.n_frames} images; save each as a file")
        if (image.mode in ("P", "PA") and palette_as_color) or image.mode in ("CMYK", "YCbCr"):
            image = image.convert("RGB")
        pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else _without_alpha(pixels)


def _without_alpha(pixels: np.ndarray) -> np.ndarray:
    """Gray + alpha has two samples a pixel and RGB + alpha four; alpha is the last."""
    return pixels[..., :-1] if pixels.shape[-1] in (2, 4) else pixels
