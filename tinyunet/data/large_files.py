"""Image files of any size, read window by window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyunet.data.files import gray
from tinyunet.data.files.content import TIFF, content_of
from tinyunet.data.files.raw import check_claim, read_raw
from tinyunet.data.large_limits import KINDS, Stored, large_limits
from tinyunet.data.sets.image_files import limits, read_pixels

if TYPE_CHECKING:  # late, for in a browser it may be missing
    import tifffile

LARGE = 2**24  # values, from which a TIFF is read by windows
ORIENTATION = 274  # 1 is upright
# What tifffile knows without other packages.
COMPRESSIONS = ("NONE", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS")


class ImageFile:
    """An image whose windows ``image[top:bottom, left:right]`` are what `read_image` gives.

    Attributes
    ----------
    shape
        (H, W, C).
    stored
        The same with the values of the file: ``image.stored[top:bottom, left:right]``.
    """

    def __init__(
        self,
        stored: Stored,
        name: str | Path,
        stretch: bool = False,
        limits: tuple[float, float] | None = None,
    ):
        self.stored, self.shape = stored, stored.shape
        self._name, self._stretch, self._limits = name, stretch, limits

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Rows and columns (h, w, C), float32."""
        if self._limits is None:
            large = np.prod(self.shape) > LARGE and self.stored.dtype.name in KINDS
            values = self.stored if large else self.stored[:, :]
            self._limits = (large_limits if large else limits)(values, self._name, self._stretch)
        return gray.moved(self.stored[window], *self._limits)

    def close(self) -> None:
        """Close the file."""
        if isinstance(self.stored, TiffWindows):
            self.stored.close()

    def __enter__(self) -> ImageFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_image(path: str | Path, *, stretch: bool = False) -> ImageFile:
    """Open an image file to read it window by window, scaled as `read_image` scales it.

    Of a TIFF of more than 16 million values only the strips or tiles that a window needs are read
    and decoded: gray or RGB of 8, 16 or 32 bits (float), uncompressed or with deflate or packbits.
    Any other file is decoded once and kept as it is stored, 1 byte for a value of 8 bits. Use it in a
    ``with`` statement, or close it.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_image`; of values that are not finite when the first window is read.
    """
    page = _large_page(Path(path))
    return ImageFile(read_pixels(path) if page is None else page, path, stretch)


def open_pages(path: str | Path, *, stretch: bool = False) -> list[ImageFile]:
    """Open all pages of an image file, such as a Z stack; see `open_image` and `read_pages`."""
    page = _large_page(Path(path))
    if page is not None:
        return [ImageFile(page, path, stretch)]
    pages = read_raw(path).colors()
    if len(pages) == 1:
        return [ImageFile(pages[0], path, stretch)]
    try:
        common = gray.limits(pages, stretch)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return [ImageFile(page, path, stretch, common) for page in pages]


def _large_page(path: Path) -> TiffWindows | None:
    """The one page of a large TIFF, if it is one that can be read by windows."""
    if not path.is_file() or content_of(path) != TIFF:
        return None
    try:
        import tifffile

        tiff = tifffile.TiffFile(path)
    except Exception:  # `read_image` says what is wrong
        return None
    try:
        page = tiff.series[0].keyframe
        check_claim(path, page.imagelength, page.imagewidth)
        large = page.size > LARGE and len(tiff.series[0].pages) == 1 and _is_plain(page)
    except Exception:
        large = False
    if large:
        return TiffWindows(tiff, page)
    tiff.close()
    return None


def _is_plain(page: tifffile.TiffPage) -> bool:
    return (
        page.axes in ("YX", "YXS")
        and page.photometric.name in ("MINISBLACK", "RGB")
        and page.samplesperpixel in (1, 3)
        and page.compression.name in COMPRESSIONS
        and (page.predictor == 1 or page.dtype.kind == "u")
        and page.dtype.name in KINDS
        and page.tags.valueof(ORIENTATION, default=1) == 1
    )


class TiffWindows:
    """A page (H, W, C) of a TIFF, read window by window."""

    def __init__(self, tiff: tifffile.TiffFile, page: tifffile.TiffPage):
        self._tiff, self._page = tiff, page
        self.shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
        self.dtype = page.dtype.newbyteorder("=")
        self._known: dict[int, np.ndarray] = {}  # strips and tiles of the last window

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (range(n)[s] for s, n in zip(window, self.shape[:2], strict=True))
        if self._page.is_contiguous:
            return self._plain(rows, columns)
        found = np.empty((len(rows), len(columns), self.shape[2]), self.dtype)
        known = {}
        for index, (top, left) in self._segments(rows, columns):
            known[index] = part = self._decoded(index)
            down, across = _common(rows, top, part.shape[0]), _common(columns, left, part.shape[1])
            found[_moved(down, rows.start), _moved(across, columns.start)] = part[
                _moved(down, top), _moved(across, left)
            ]
        self._known = known
        return found

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()

    def _plain(self, rows: range, columns: range) -> np.ndarray:
        """From a page that is stored in one piece."""
        _, width, channels = self.shape
        stored = self._page.dtype.newbyteorder(self._page.parent.byteorder)
        pixel = channels * stored.itemsize
        start = self._page.dataoffsets[0]
        found = np.empty((len(rows), len(columns), channels), stored)
        file = self._page.parent.filehandle
        for place, row in enumerate(rows):
            file.seek(start + (row * width + columns.start) * pixel)
            got = file.read(len(columns) * pixel)
            found[place] = np.frombuffer(got, stored).reshape(found.shape[1:])
        return found.astype(self.dtype, copy=False)

    def _segments(self, rows: range, columns: range) -> list[tuple[int, tuple[int, int]]]:
        """The strips or tiles that a window meets: their numbers and first pixels."""
        page, (height, width) = self._page, self.shape[:2]
        tall = page.tilelength if page.is_tiled else min(page.rowsperstrip, height)
        wide = page.tilewidth if page.is_tiled else width
        line = -(-width // wide)
        return [
            (down * line + across, (down * tall, across * wide))
            for down in range(rows.start // tall, -(-rows.stop // tall))
            for across in range(columns.start // wide, -(-columns.stop // wide))
        ]

    def _decoded(self, index: int) -> np.ndarray:
        """A strip or tile (h, w, C) without what lies beyond the image."""
        if index in self._known:
            return self._known[index]
        page, file = self._page, self._page.parent.filehandle
        file.seek(page.dataoffsets[index])
        part, (_, _, top, left, _), shape = page.decode(
            file.read(page.databytecounts[index]), index
        )
        if part is None:  # an empty tile
            return np.zeros(shape[1:], self.dtype)
        return part[0, : self.shape[0] - top, : self.shape[1] - left]


def _common(wanted: range, first: int, size: int) -> range:
    return range(max(wanted.start, first), min(wanted.stop, first + size))


def _moved(place: range, by: int) -> slice:
    return slice(place.start - by, place.stop - by)
