"""The pixels of a file as they are stored, upright, page by page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyunet.data.files.content import FORMATS, TIFF, content_of, is_lossy, misnamed

MANY = 1 << 28  # pixels: fewer fit into memory, whatever a file is
DENSEST = 10_000  # pixels in a byte of a file: the methods of compression come to 8,256


@dataclass
class Raw:
    """What a file holds, before anything is made of it.

    `pages` are (H, W, C), all of one shape and turned upright; without alpha, which is (H, W) for each
    page where there is one. With a `palette` (n, 3), C is 1 and pages hold its indices. `color`:
    three channels are red, green and blue.
    """

    format: str
    pages: list[np.ndarray]
    alpha: list[np.ndarray] | None = None
    palette: np.ndarray | None = None
    color: bool = False
    orientation: int = 1
    lossy: bool = False
    notes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()  # of a stack, as the file tells it

    @property
    def gray_as_rgb(self) -> bool:
        """Whether it is a gray image that was saved in colour."""
        return self.color and all(is_gray(page) for page in self.pages)

    def colors(self) -> list[np.ndarray]:
        """The pages (H, W, C) as they are shown: those of a palette in its colors."""
        if self.palette is None:
            return self.pages
        last = len(self.palette) - 1
        return [self.palette[np.minimum(page[..., 0], last)] for page in self.pages]


def on_white(raw: Raw) -> Raw:
    """A file as it is seen on white paper: what is transparent shows the white behind it."""
    if raw.alpha is None:
        return raw
    pages = []
    for page, alpha in zip(raw.colors(), raw.alpha, strict=True):
        white, opaque = (1 if x.dtype.kind == "f" else np.iinfo(x.dtype).max for x in (page, alpha))
        share = (alpha / opaque)[..., None]
        seen = share * page + (1 - share) * white
        pages.append((seen if page.dtype.kind == "f" else seen.round()).astype(page.dtype))
    color = raw.color or raw.palette is not None
    return replace(raw, pages=pages, alpha=None, palette=None, color=color)


def check_claim(path: Path, height: int, width: int, pages: int = 1) -> None:
    """Raise ValueError if a file says that it has more pixels than its bytes could ever hold."""
    pixels, size = height * width * pages, path.stat().st_size
    if pixels > max(MANY, DENSEST * size):
        many = f" on {pages} pages" if pages > 1 else ""
        raise ValueError(
            f"it says that it has {height} x {width} pixels{many}, far more than its {size} bytes "
            "can hold: it is damaged, or made to fill a memory"
        )


def is_gray(image: np.ndarray) -> bool:
    """Whether an image (H, W, 3) has the same values in all channels."""
    if image.ndim != 3 or image.shape[2] != 3:
        return False
    return all(np.array_equal(image[..., 0], image[..., k]) for k in (1, 2))


def read_raw(path: str | Path) -> Raw:
    """Read a file, by its content.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file; if it is none that is known or cannot be read.
    """
    path = Path(path)
    kind = content_of(path)
    try:
        raw = _decoded(path, kind)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{path}: a TIFF is read by the package tifffile, which is missing: install it, or save "
            "the image as PNG"
        ) from error
    except MemoryError as error:
        raise MemoryError(f"{path}: not enough memory to read it") from error
    except Exception as error:  # decoders raise all sorts of errors on damaged files
        raise ValueError(f"{path}: cannot be read: {error}") from error
    raw.lossy = raw.lossy or is_lossy(path, kind)
    if misnamed(path, kind):
        raw.notes += (f"its name ends in {path.suffix}, but it is a {kind}",)
    if path.suffix.lower() not in FORMATS:
        raw.notes += (f"its name does not say that it is a {kind}",)
    if raw.orientation != 1:
        raw.notes += (f"turned upright, as its EXIF orientation {raw.orientation} says",)
    return raw


def _decoded(path: Path, kind: str) -> Raw:
    if kind == TIFF:
        from tinyunet.data.files import tiff_files  # late, for in a browser tifffile may be missing

        return tiff_files.read(path)
    from tinyunet.data.files import pillow_files

    return pillow_files.read(path, kind)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror an image (H, W, ...) as its EXIF orientation, 1 to 8, says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def pages_as_channels(
    pages: int, shape: tuple[int, ...], mask_pages: int, mask_shape: tuple[int, ...]
) -> str:
    """What to do where the pages (H, W) of a TIFF seem to be channels, or rows; for a message."""
    if mask_pages in (3, 4) and pages == 1:
        return (
            "; if the image is a stack, too, its pages were saved as red, green and blue: write it "
            "with tifffile's photometric='minisblack'"
        )
    if mask_pages > 1:
        return ""
    if (pages, shape[0]) == tuple(mask_shape):
        return (
            f"; it seems to be an image of {pages}x{shape[0]} with {shape[1]} channels, saved as a "
            'stack: with tifffile say planarconfig="contig"'
        )
    return (
        "; a stack needs a mask for each page; if its pages are channels, save them so: in Fiji as a "
        'hyperstack, with tifffile planarconfig="separate"'
    )
