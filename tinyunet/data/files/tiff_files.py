"""TIFF through tifffile, which knows all bit depths; Pillow decodes what tifffile cannot."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tifffile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffPage, TiffPageSeries

from tinyunet.data.files import pillow_files, tiff_segments
from tinyunet.data.files.raw import Raw, check_claim, upright

ORIENTATION = 274
ALPHAS = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
CONVERTED = (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR, PHOTOMETRIC.CIELAB)  # by Pillow, to RGB


# What a stack of 3 or 4 pages looks like that was given to tifffile without a word.
PLANES = (
    "its {} planes are stored as red, green and blue (and alpha), and read so; if they are pages or "
    "channels, write it with tifffile's photometric='minisblack'"
)
NARROW, MANY = (
    8,
    16,
)  # columns, and pages or rows: an image has more of the one, or fewer of the other


def read(path: Path) -> Raw:
    """Read all pages of the first series, with all their bands."""
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        page = series.keyframe
        check_claim(path, page.imagelength, page.imagewidth, len(series.pages))
        notes = _others(tiff)
        if page.photometric in CONVERTED or not _can_decode(page):
            if page.photometric not in CONVERTED and tiff_segments.can_decode(page):
                stack = _from_segments(series)
            else:
                return _by_pillow(path, page, notes)
        else:
            stack = series.asarray()
        pages = _pages(stack, series.axes)
        planes = page.planarconfig == 2 and page.photometric == PHOTOMETRIC.RGB
        if planes and series.kind == "shaped":  # what tifffile makes of 3 or 4 pages if not told
            notes += (PLANES.format(series.shape[series.axes.index("S")]),)
        tag = page.tags.get(ORIENTATION)
        orientation = int(tag.value) if tag is not None and 1 <= int(tag.value) <= 8 else 1
        palette = None
        if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None:
            palette = (page.colormap.T >> 8).astype(np.uint8)
        if page.photometric == PHOTOMETRIC.MINISWHITE and not _is_of_booleans(page):
            pages = [_inverted(pixels, page.bitspersample) for pixels in pages]
        photometric, extras = page.photometric, page.extrasamples
    pages = [upright(pixels, orientation) for pixels in pages]
    alphas = None
    if "S" in series.axes and extras and extras[-1] in ALPHAS and pages[0].shape[2] > 1:
        alphas = [pixels[..., -1] for pixels in pages]
        pages = [pixels[..., :-1] for pixels in pages]
    color = photometric == PHOTOMETRIC.RGB and pages[0].shape[2] == 3
    return Raw(
        "TIFF", pages, alphas, palette, color, orientation, notes=notes, shape=tuple(stack.shape)
    )


def _pages(stack: np.ndarray, axes: str) -> list[np.ndarray]:
    """The images (H, W, C) of an array whose axes have such letters; C and S are channels."""
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"it has no rows and columns of pixels: its axes are {axes}")
    channels = [i for i, axis in enumerate(axes) if axis in "CS"]
    others = [i for i, axis in enumerate(axes) if axis not in "CSYX"]
    order = [*others, axes.index("Y"), axes.index("X"), *channels]
    stack = stack.transpose(order)
    first = len(others)
    height, width = stack.shape[first : first + 2]
    count = int(np.prod(stack.shape[:first]))
    if first == 1 and not channels and width <= NARROW and min(count, height) >= MANY:
        raise ValueError(
            f"it is a stack of {count} pages of {height}x{width} and seems to be an image of "
            f"{count}x{height} with {width} channels, saved as a stack: with tifffile say "
            'planarconfig="contig"'
        )
    return list(stack.reshape(count, height, width, -1))


def _can_decode(page: TiffPage) -> bool:
    """Whether tifffile itself can; for some compressions and predictors it needs imagecodecs."""
    if find_spec("imagecodecs") is None and page.compression == COMPRESSION.ZSTD:
        return False  # it would need Python 3.14
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except (KeyError, ImportError, ValueError, NotImplementedError):
        return False
    return True


def _from_segments(series: TiffPageSeries) -> np.ndarray:
    pages = (page.aspage() for page in series.pages if page is not None)
    return np.stack([tiff_segments.decoded(page) for page in pages]).reshape(series.shape)


def _by_pillow(path: Path, page: TiffPage, notes: tuple[str, ...]) -> Raw:
    """Let Pillow read the whole file, or say which compression it is and what to do."""
    if page.bitspersample > 8 or page.samplesperpixel > 4 or (
        page.samplesperpixel in (2, 4) and not set(page.extrasamples) & set(ALPHAS)
        and page.photometric not in CONVERTED
    ):  # fmt: skip
        raise ValueError(_cannot(page))
    try:
        raw = pillow_files.read(path, "TIFF")
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"{_cannot(page)} ({error})") from error
    raw.lossy = page.compression in (COMPRESSION.JPEG, COMPRESSION.OJPEG)
    raw.notes = notes
    return raw


def _cannot(page: TiffPage) -> str:
    name = getattr(page.compression, "name", str(page.compression))
    layout = f"{page.samplesperpixel} band(s) of {page.bitspersample} bits"
    return (
        f"its compression is {name} ({layout}), which cannot be decoded here: save it without "
        "compression, or pip install imagecodecs, which knows that one"
    )


def _is_of_booleans(page: TiffPage) -> bool:
    """Whether tifffile wrote it from an array of booleans, which it calls WhiteIsZero, True or not."""
    return page.bitspersample == 1 and str(page.software).startswith("tifffile")


def _inverted(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Exchange black and white: 0 is white in a file that is WhiteIsZero."""
    if pixels.dtype == bool:
        return ~pixels
    if pixels.dtype.kind != "u":
        return pixels
    return (2**bits - 1) - pixels


def _others(tiff: tifffile.TiffFile) -> tuple[str, ...]:
    """A note where a file has images that do not belong to its first stack, such as thumbnails."""
    others = [series.shape for series in tiff.series[1:]]
    return (f"only the first of its {len(others) + 1} series was read",) if others else ()
