"""Pages, bands and planes of a TIFF: which is which is said by the file's own tags."""

import numpy as np
import pytest
import tifffile

from tinyunet.data import check_folder, load_folder, read_image, read_pages, scan_folder
from tinyunet.data.files.raw import read_raw

STACK = np.random.default_rng(4).integers(0, 255, (3, 40, 48), dtype=np.uint8)
HOW = {
    "pages": ({"photometric": "minisblack"}, 3, 1),
    "planes of colour": ({"photometric": "rgb", "planarconfig": "separate"}, 1, 3),
    "bands": ({"photometric": "minisblack", "planarconfig": "separate"}, 1, 3),
    "ImageJ's frames": ({"imagej": True, "metadata": {"axes": "TYX"}}, 3, 1),
    "ImageJ's channels": ({"imagej": True, "metadata": {"axes": "CYX"}}, 1, 3),
    "OME's slices": ({"ome": True, "photometric": "minisblack", "metadata": {"axes": "ZYX"}}, 3, 1),
}


@pytest.mark.parametrize("how", HOW)
def test_pages_and_planes_are_told_by_tags(tmp_path, how):
    options, pages, channels = HOW[how]
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)
    found = read_pages(tmp_path / "a.tif")
    assert [page.shape for page in found] == [(40, 48, channels)] * pages
    stored = np.stack(found)[..., 0] if pages > 1 else found[0].transpose(2, 0, 1)
    np.testing.assert_allclose(stored * 255, STACK, atol=1e-3)
    assert any("planes are stored" in note for note in read_raw(tmp_path / "a.tif").notes) == (
        how == "planes of colour"
    )


def test_a_stack_that_became_planes_of_colour_is_said(tmp_path):
    folders = tmp_path / "images", tmp_path / "masks"
    for i in range(4):
        for folder in folders:
            folder.mkdir(exist_ok=True)
            photometric = "rgb" if folder is folders[0] else "minisblack"
            stack = STACK + i if folder is folders[0] else (STACK > 200).astype(np.uint8)
            tifffile.imwrite(folder / f"{i}.tif", stack, photometric=photometric)
    with pytest.raises(
        ValueError, match=r"1 page\(s\), but .* 3; if the image is a stack, too, its pag"
    ):
        load_folder(*folders)
    assert "4 images: its 3 planes are stored as red" in "\n".join(check_folder(tmp_path).look)
    for i in range(4):
        tifffile.imwrite(folders[1] / f"{i}.tif", STACK.astype(np.uint16), photometric="rgb")
    with pytest.raises(ValueError, match=r"bands that differ.*; its 3 planes are stored as red"):
        load_folder(*folders)
    assert scan_folder(*folders).problems


@pytest.mark.parametrize("channels", [2, 4, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channels_that_became_rows_of_a_stack_are_refused(tmp_path, channels, dtype):
    image = np.zeros((40, 48, channels), dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    for read in (read_pages, read_image):
        with pytest.raises(ValueError, match=f"image of 40x48 with {channels} channels, saved"):
            read(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="contig")
    assert read_image(tmp_path / "a.tif").shape == image.shape
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 20, 5), dtype), photometric="minisblack")
    assert len(read_pages(tmp_path / "a.tif")) == 9  # narrow, but few
