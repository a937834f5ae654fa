"""Images written strip by strip are what others read."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tinyunet.runs import streams
from tinyunet.segmentation import windows


@pytest.fixture(params=[1, 200, 2**22])
def strip(request, monkeypatch):
    """Pixels of a strip."""
    monkeypatch.setattr(windows, "STRIP", request.param)


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (60, 41)])
def test_a_png_is_read_by_pillow(size, strip):
    values = np.random.default_rng(0).integers(0, 65536, size, np.uint32)
    values.flat[0] = 65535
    file = io.BytesIO()
    streams.write_png(file, values)
    with Image.open(file) as image:
        image.verify()
    with Image.open(file) as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(image), values)


def test_labels_are_packed(strip):
    file = io.BytesIO()
    streams.write_png(file, np.repeat(np.repeat(np.arange(25).reshape(5, 5), 50, 0), 50, 1))
    assert len(file.getvalue()) < 250 * 250 * 2 / 20


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("dtype", ["uint32", "float32"])
@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (700, 120)])
def test_a_tiff_is_read_by_tifffile(pages, dtype, size, strip, big, monkeypatch):
    monkeypatch.setattr(streams, "CLASSIC", 0 if big else 2**32)
    values = (1e6 * np.random.default_rng(0).random((pages, *size))).astype(dtype)
    file = io.BytesIO()
    streams.write_tiff(file, list(values), dtype)
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        assert tiff.is_bigtiff == big
        assert len(tiff.pages) == pages or size == (1, 1)
        found = tiff.asarray()
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values if pages > 1 else values[0])
    if pages == 1 and not big:
        file.seek(0)
        with Image.open(file) as image:
            np.testing.assert_array_equal(np.asarray(image).astype(dtype), values[0])
