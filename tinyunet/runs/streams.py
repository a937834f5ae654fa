"""PNG and TIFF files of any size, written strip by strip and compressed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from tinyunet.segmentation.windows import Window, strips_of

LEVEL = 6  # of zlib, for labels
FAST = 1  # for probabilities, whose last bits are noise
CLASSIC = 2**32 - 2**25  # bytes, from which a TIFF needs the form for large files


def write_png(file: BinaryIO, values: Window) -> None:
    """Write a map (H, W) of whole numbers up to 65535 as a gray PNG of 16 bits.

    A row is written as its differences to the row above (the filter "up"): labels change seldom.

    References
    ----------
    Portable Network Graphics (PNG) Specification, W3C 2003, sections 5, 9 and 11.
    """
    height, width = values.shape
    file.write(b"\x89PNG\r\n\x1a\n")
    file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)))
    packer = zlib.compressobj(LEVEL)
    above = np.zeros((1, 2 * width), np.uint8)
    for rows in strips_of(values.shape):
        stored = np.ascontiguousarray(values[rows, :], ">u2").view(np.uint8)
        lines = np.full((len(stored), 1 + 2 * width), 2, np.uint8)  # 2 is the filter's number
        lines[:, 1:] = stored - np.concatenate([above, stored[:-1]])
        above = stored[-1:]
        _write_data(file, packer.compress(memoryview(lines).cast("B")))
    _write_data(file, packer.flush())
    file.write(_chunk(b"IEND", b""))


def _write_data(file: BinaryIO, data: bytes) -> None:
    if data:
        file.write(_chunk(b"IDAT", data))


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def write_tiff(file: BinaryIO, pages: Sequence[Window], dtype: np.typing.DTypeLike) -> None:
    """Write maps (H, W) as the pages of a TIFF, each strip with deflate."""
    import tifffile

    height, width = pages[0].shape
    dtype = np.dtype(dtype)
    level = FAST if dtype.kind == "f" else LEVEL
    rows = max(1, min(height, 2**18 // (width * dtype.itemsize)))
    read = max(1, strips_of(pages[0].shape)[0].stop // rows) * rows  # at a time

    def strips() -> Iterator[bytes]:
        for page in pages:
            for place in strips_of(page.shape, read):
                values = np.ascontiguousarray(page[place, :], dtype.newbyteorder("<"))
                for top in range(0, len(values), rows):
                    yield zlib.compress(memoryview(values[top : top + rows]).cast("B"), level)

    tifffile.imwrite(
        file,
        strips(),
        shape=(len(pages), height, width) if len(pages) > 1 else (height, width),
        dtype=dtype,
        byteorder="<",
        bigtiff=len(pages) * height * width * dtype.itemsize > CLASSIC,
        photometric="minisblack",
        compression="adobe_deflate",
        rowsperstrip=rows,
    )
