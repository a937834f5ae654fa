"""Strips and tiles of a TIFF whose compression tifffile leaves to another package: LZW, ZSTD.

Such a compression knows nothing of images. Put into a TIFF of its own that calls its bytes gray pixels,
a strip is decoded by Pillow, whatever its bytes mean.
"""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
from PIL import Image
from tifffile import COMPRESSION, TiffPage

BYTES = {COMPRESSION.LZW, COMPRESSION.ZSTD, COMPRESSION.LZMA, COMPRESSION.PACKBITS,
         COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE}  # fmt: skip


def can_decode(page: TiffPage) -> bool:
    """Whether `decoded` knows the page's compression, depth and predictor."""
    whole = page.bitspersample in (8, 16, 32, 64)
    known = page.predictor in (1, 2) or (page.predictor == 3 and page.dtype.kind == "f")
    return page.compression in BYTES and whole and known and page.fillorder == 1


def decoded(page: TiffPage) -> np.ndarray:
    """The pixels of a page, in its shape: (H, W), (H, W, S), or (S, H, W) where planes are apart."""
    fh = page.parent.filehandle
    height, width = page.imagelength, page.imagewidth
    planes, samples = 1, page.samplesperpixel
    if page.planarconfig == 2:
        planes, samples = samples, 1
    tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, width)
    tall = min(tall, height) if not page.is_tiled else tall
    down, across = -(-height // tall), -(-width // wide)
    out = np.zeros((planes, height, width, samples), page.dtype.newbyteorder("="))
    stored = page.dtype.newbyteorder(page.parent.byteorder)
    for number, (offset, count) in enumerate(
        zip(page.dataoffsets, page.databytecounts, strict=True)
    ):
        plane, place = divmod(number, down * across)
        top, left = (side * i for side, i in zip((tall, wide), divmod(place, across), strict=True))
        rows = tall if page.is_tiled else min(tall, height - top)
        if not count or plane >= planes:  # an empty tile is black
            continue
        fh.seek(offset)
        data = _bytes(fh.read(count), page.compression, rows, wide * samples * stored.itemsize)
        if page.predictor == 3:
            data, stored = _float_bytes(data, rows, samples, stored.itemsize), out.dtype
        tile = np.frombuffer(data, stored).reshape(rows, wide, samples).astype(out.dtype)
        if page.predictor == 2:  # what is stored are differences to the pixel on the left
            tile = np.cumsum(tile, axis=1, dtype=out.dtype)
        here = out[plane, top : top + rows, left : left + wide]
        here[:] = tile[: here.shape[0], : here.shape[1]]
    return out.reshape(page.shape)


def _float_bytes(data: bytes, rows: int, samples: int, size: int) -> bytes:
    """Undo the predictor of floats: differences of bytes, a row's first bytes before its second."""
    steps = np.frombuffer(data, np.uint8).reshape(rows, -1, samples)
    planes = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(rows, size, -1)
    first_last = planes.swapaxes(1, 2) if sys.byteorder == "big" else planes[:, ::-1].swapaxes(1, 2)
    return first_last.tobytes()


def _bytes(data: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """Decode a segment of this many bytes, `rows` times `row_bytes`."""
    tags = ((256, row_bytes), (257, rows), (258, 8), (259, int(compression)), (262, 1), (273, 0),
            (277, 1), (278, rows), (279, len(data)))  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    for tag, value in tags:
        head += struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value)
    file = io.BytesIO(head + struct.pack("<I", 0) + data)
    with Image.open(file, formats=["TIFF"]) as image:
        return np.asarray(image).tobytes()
