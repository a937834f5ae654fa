"""Large image files, read window by window, are what `read_image` gives."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from tinyunet.data import large_files, open_image, read_image, read_pages
from tinyunet.data.large_files import open_pages
from tinyunet.data.large_limits import large_limits
from tinyunet.data.sets.image_files import limits

LAYOUTS = {
    "plain": {},
    "strips": {"rowsperstrip": 7},
    "big endian": {"byteorder": ">"},
    "deflate in strips": {"compression": "zlib", "rowsperstrip": 9},
    "deflate in one": {"compression": "zlib", "rowsperstrip": 71},
    "tiles": {"tile": (16, 32)},
    "deflate in tiles": {"tile": (32, 16), "compression": "zlib"},
    "big endian tiles": {"tile": (16, 16), "byteorder": ">"},
}


def values(dtype, channels, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return (1000 * rng.standard_normal((71, 53, channels))).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max, (71, 53, channels), dtype)


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(large_files, "LARGE", 0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_windows_of_a_tiff(tmp_path, everything_is_large, dtype, channels, layout):
    stored = values(dtype, channels)
    photometric = "rgb" if channels == 3 else "minisblack"
    pixels = stored if channels == 3 else stored[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric=photometric, **LAYOUTS[layout])
    expected = read_image(tmp_path / "a.tif")
    with open_image(tmp_path / "a.tif") as image:
        assert isinstance(image.stored, large_files.TiffWindows)
        assert image.shape == (71, 53, channels)
        rng = np.random.default_rng(1)
        for _ in range(6):
            top, left = rng.integers(0, 71), rng.integers(0, 53)
            window = slice(top, top + rng.integers(1, 40)), slice(left, left + rng.integers(1, 40))
            np.testing.assert_array_equal(image.stored[window], stored[window])
            np.testing.assert_allclose(image[window], expected[window], rtol=1e-6, atol=1e-7)
            assert image[window].dtype == np.float32
        np.testing.assert_allclose(image[:, :], expected, rtol=1e-6, atol=1e-7)


def test_segments_are_not_decoded_again_for_the_next_window(tmp_path, everything_is_large):
    stored = values("uint8", 1)[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", stored, compression="zlib", rowsperstrip=71)
    with open_image(tmp_path / "a.tif") as image:
        windows = image.stored
        first = windows[:10, :]
    assert windows._page.parent.filehandle.closed  # nothing is left to read from
    np.testing.assert_array_equal(windows[5:70, :][:5], first[5:])


@pytest.mark.parametrize("stretch", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_limits_are_exact(dtype, stretch):
    for seed in range(3):
        stored = values(dtype, 1, seed)
        found, expected = large_limits(stored, "a", stretch), limits(stored, "a", stretch)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    constant = np.full((9, 9, 1), 7, dtype)
    assert large_limits(constant, "a", stretch) == limits(constant, "a", stretch)


def test_pages_are_stretched_alike(tmp_path):
    stored = values("uint16", 3).transpose(2, 0, 1) // np.array([1, 2, 4], np.uint16)[:, None, None]
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", metadata={"axes": "ZYX"})
    pages = open_pages(tmp_path / "a.tif")
    expected = read_pages(tmp_path / "a.tif")
    assert len(pages) == len(expected) == 3
    for page, image, plane in zip(pages, expected, stored, strict=True):
        np.testing.assert_array_equal(page[:, :], image)
        np.testing.assert_array_equal(page.stored[:, :][..., 0], plane)


def test_other_files_are_read_at_once(tmp_path, everything_is_large):
    stored = values("uint8", 3)
    Image.fromarray(stored).save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.stored[3:9, 2:5], stored[3:9, 2:5])
    np.testing.assert_array_equal(image[:, :], read_image(tmp_path / "a.png"))


def test_values_that_are_not_finite_are_refused_with_the_file(tmp_path, everything_is_large):
    stored = values("float32", 1)[..., 0]
    stored[60, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", stored)
    with (
        open_image(tmp_path / "a.tif") as image,
        pytest.raises(ValueError, match=r"a\.tif: has NaN or infinite values"),
    ):
        image[:5, :]
