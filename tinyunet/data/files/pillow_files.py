"""PNG, JPEG, BMP, GIF, WEBP and others through Pillow; of TIFF what tifffile needs help with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from tinyunet.data.files.content import JPEG
from tinyunet.data.files.raw import Raw, check_claim, upright

ORIENTATION = 274
READY = ("1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L")  # others are converted
DEEP = ("RGB;16B", "GBA;16B", "LA;16B")  # the last seven letters of how a PNG is stored
_one_at_a_time = threading.RLock()


@contextmanager
def opened(path: Path, kind: str) -> Iterator[Image.Image]:
    """Open an image of any size: Pillow takes a slide of 14,000 x 14,000 pixels for an attack."""
    with _one_at_a_time:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(path, formats=[kind]) as image:
                check_claim(path, image.height, image.width)
                yield image
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def read(path: Path, kind: str) -> Raw:
    """Read all pages of a file."""
    with opened(path, kind) as image:
        deep = _is_deep_png(image)
        # The further pictures in a JPEG are a phone's previews.
        count = 1 if kind == JPEG or deep else getattr(image, "n_frames", 1)
        turned = int(image.getexif().get(ORIENTATION, 1))
        pages, alphas = [], []
        for number in range(count):
            if number:
                image.seek(number)
            page, alpha, palette = _page(image, _deep_png(path) if deep else None)
            pages.append(page)
            alphas.append(alpha)
    if palette is not None and kind == "GIF" and (palette == palette[:, :1]).all():
        # Its writers number colors anew, so that indices mean nothing, as the grays do.
        pages, palette = [palette[page[..., 0], :1] for page in pages], None
    return Raw(
        kind, pages, None if any(a is None for a in alphas) else alphas, palette,
        color=pages[0].shape[2] == 3, orientation=turned,
        shape=(count, *pages[0].shape[: 2 if pages[0].shape[2] == 1 else 3]),
    )  # fmt: skip


def _page(
    image: Image.Image, deep: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """The pixels of a page (H, W, C), its alpha (H, W), and the colors (n, 3) of its palette."""
    palette = None
    image.load()
    turns = image.getexif().get(ORIENTATION, 1)  # of a TIFF, Pillow has done it already
    if image.mode == "P" and image.palette is None:
        raise ValueError("its pixels are indices of colors, and it has no palette of these")
    if image.mode == "P" and getattr(image, "n_frames", 1) == 1:
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    mode = {"P": "RGB", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}.get(image.mode, "RGB")
    if palette is None and image.mode not in READY:
        image = image.convert(mode)
    pixels = upright(np.asarray(image) if deep is None else deep, turns)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] in (2, 4):
        return pixels[..., :-1], pixels[..., -1], palette
    return pixels, None, palette


def _is_deep_png(image: Image.Image) -> bool:
    """Whether it is a PNG of 16 bits in color or with alpha, of which Pillow takes the upper 8."""
    tiles = getattr(image, "tile", ())
    return image.format == "PNG" and bool(tiles) and str(tiles[0].args)[-7:] in DEEP


def _deep_png(path: Path) -> np.ndarray:
    """All 16 bits (H, W, C) of such a PNG.

    PNG stores the upper byte first. Told that the lower one came first, Pillow takes that one. Gray
    with alpha are four bytes a pixel, which pass for RGBA of 8 bits.
    """
    with opened(path, "PNG") as image:
        stored = str(image.tile[0].args)
    if stored == "LA;16B":
        four = _decoded(path, "RGBA")
        high, low = four[..., ::2], four[..., 1::2]
    else:
        high, low = _decoded(path, stored), _decoded(path, stored.replace("16B", "16L"))
    return high.astype(np.uint16) << 8 | low


def _decoded(path: Path, stored: str) -> np.ndarray:
    """The pixels of a PNG, decoded as if they were stored in this way."""
    with opened(path, "PNG") as image:
        image.tile = [image.tile[0]._replace(args=stored)]
        return np.asarray(image)
