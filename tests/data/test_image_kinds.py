"""Images as people have them: every format as its viewers show it, with all its bands and bits."""

import io
import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tinyunet.data import Dataset, load_folder, open_image, read_image, read_pages, scan_folder
from tinyunet.data.files.gray import in_channels
from tinyunet.data.files.raw import check_claim, read_raw
from tinyunet.data.sets.image_files import read_mask

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (20, 33)).astype(np.uint8)
BANDS = RNG.integers(0, 256, (20, 33, 5)).astype(np.uint8)


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


def stored(path):
    (page,) = read_raw(path).pages
    return page


# ---- bands of TIFF ----


@pytest.mark.parametrize("bands", [2, 4, 5])
@pytest.mark.parametrize("plan", ["contig", "separate"])
def test_a_tiff_keeps_all_its_bands(tmp_path, bands, plan):
    pixels = BANDS[..., :bands]
    array = pixels if plan == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", planarconfig=plan)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pixels / np.float32(255))


@pytest.mark.parametrize("plan", ["contig", "separate"])
def test_a_fourth_band_is_kept_and_alpha_is_not(tmp_path, plan):
    array = BANDS[..., :4] if plan == "contig" else np.moveaxis(BANDS[..., :4], -1, 0)
    for extra, bands in (("unspecified", 4), ("unassalpha", 3), ("assocalpha", 3)):
        options = {"photometric": "rgb", "planarconfig": plan, "extrasamples": [extra]}
        tifffile.imwrite(tmp_path / "a.tif", array, **options)
        np.testing.assert_array_equal(stored(tmp_path / "a.tif"), BANDS[..., :bands])


# ---- compressions ----


@pytest.mark.parametrize("way", ["tiff_lzw", "zstd", "lzma", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32])
def test_compressed_tiff(tmp_path, way, dtype):
    pixels = (GRAY > 99) if dtype is bool else GRAY.astype(dtype) * dtype(3)
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression=way)
    np.testing.assert_array_equal(stored(tmp_path / "a.tif")[..., 0], pixels)


@pytest.mark.parametrize("way", ["tiff_lzw", "zstd"])
def test_compressed_differences_and_pages(tmp_path, way):
    Image.fromarray(GRAY).save(tmp_path / "a.tif", compression=way, tiffinfo={317: 2})
    np.testing.assert_array_equal(stored(tmp_path / "a.tif")[..., 0], GRAY)
    color, other = Image.fromarray(BANDS[..., :3]), Image.fromarray(BANDS[..., 2:])
    color.save(tmp_path / "b.tif", compression=way, save_all=True, append_images=[other])
    first, second = read_pages(tmp_path / "b.tif")
    np.testing.assert_array_equal(first, BANDS[..., :3] / np.float32(255))
    np.testing.assert_array_equal(second, BANDS[..., 2:] / np.float32(255))


def lzw(data):
    """Valid LZW of TIFF that says every byte by itself, with codes of nine bits."""
    codes = []
    for i, byte in enumerate(data):
        codes += [256] * (i % 200 == 0) + [byte]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("order", [">", "<"])
def test_lzw_of_16_bits_in_color_in_tiles(tmp_path, predictor, order):
    """What neither tifffile nor Pillow reads alone."""
    pixels = RNG.integers(0, 65536, (20, 40, 3)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(16, 16), byteorder=order,
                     compression="zlib", predictor=predictor == 2)  # fmt: skip
    padded = np.pad(pixels, ((0, 12), (0, 8), (0, 0))).astype(np.int64)
    with tifffile.TiffFile(path) as tiff:
        tags = {tag.name: (tag.valueoffset, "HI"[tag.dtype == 4]) for tag in tiff.pages[0].tags}
    data = bytearray(path.read_bytes())
    for i in range(6):
        top, left = 16 * (i // 3), 16 * (i % 3)
        part = padded[top : top + 16, left : left + 16]
        if predictor == 2:
            part = np.diff(part, axis=1, prepend=np.zeros((16, 1, 3), np.int64)) % 65536
        segment = lzw(part.astype(f"{order}u2").tobytes())
        for name, value in (("TileOffsets", len(data)), ("TileByteCounts", len(segment))):
            offset, kind = tags[name]
            struct.pack_into(order + kind, data, offset + struct.calcsize(kind) * i, value)
        data += segment
    struct.pack_into(f"{order}H", data, tags["Compression"][0], 5)
    path.write_bytes(data)
    np.testing.assert_array_equal(stored(path), pixels)


def test_jpeg_and_fax_in_tiff_through_pillow(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    Image.fromarray(smooth).save(tmp_path / "a.tif", compression="jpeg")
    np.testing.assert_allclose(read_image(tmp_path / "a.tif")[..., 0], smooth / 255, atol=0.03)
    color = np.stack([smooth, 255 - smooth, smooth], -1)
    Image.fromarray(color).save(tmp_path / "b.tif", compression="jpeg")
    np.testing.assert_allclose(read_image(tmp_path / "b.tif")[..., 1], 1 - smooth / 255, atol=0.06)
    assert read_raw(tmp_path / "b.tif").lossy
    Image.fromarray(GRAY > 99).save(tmp_path / "c.tif", compression="group4")
    np.testing.assert_array_equal(read_mask(tmp_path / "c.tif"), GRAY > 99)


def test_a_compression_that_nobody_knows_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GRAY.astype(np.uint16))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages[0].tags["Compression"].overwrite(34887)
    with pytest.raises(ValueError, match=r"a\.tif: .*LERC.*16 bits.*pip install imagecodecs"):
        read_image(tmp_path / "a.tif")


# ---- as viewers show it ----


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_exif_turns_images_and_masks(tmp_path, orientation, name):
    seen = np.zeros((24, 40), np.uint8)
    seen[2:6, 4:20] = 255
    turned = {1: seen, 2: seen[:, ::-1], 3: seen[::-1, ::-1], 4: seen[::-1], 5: seen.T,
              6: np.rot90(seen), 7: seen[::-1, ::-1].T, 8: np.rot90(seen, -1)}[orientation]  # fmt: skip
    path = tmp_path / name
    if name == "a.tif":
        tifffile.imwrite(path, turned.copy(), extratags=[(274, 3, 1, orientation, True)])
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(turned.copy()).save(path, exif=exif, quality=95)
    np.testing.assert_allclose(read_image(path)[..., 0], seen / 255, atol=0.1)
    np.testing.assert_array_equal(read_mask(path), np.where(seen, 255, 0))


def test_palette_and_white_is_zero(tmp_path):
    colors = np.array([[255, 0, 0], [0, 255, 0], [9, 9, 9]], np.uint8)
    table = np.zeros((3, 256), np.uint16)
    table[:, :3] = colors.T.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", GRAY % 3, photometric="palette", colormap=table)
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.tif"), colors[GRAY % 3] / np.float32(255)
    )
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), GRAY % 3)
    tifffile.imwrite(tmp_path / "b.tif", GRAY, photometric="miniswhite")
    np.testing.assert_array_equal(stored(tmp_path / "b.tif")[..., 0], 255 - GRAY)
    tifffile.imwrite(tmp_path / "c.tif", GRAY > 99)  # booleans: tifffile calls them WhiteIsZero
    np.testing.assert_array_equal(read_mask(tmp_path / "c.tif"), GRAY > 99)


def png_of_16_bits(path, pixels):
    """Write a PNG by hand: Pillow has no mode for it. Each row by another filter."""
    height, width, channels = pixels.shape
    size = 2 * channels
    rows = pixels.astype(">u2").tobytes()
    rows = np.frombuffer(rows, np.uint8).reshape(height, -1).astype(int)
    data = b""
    for y, row in enumerate(rows):
        left = np.concatenate([np.zeros(size, int), row[:-size]])
        above = rows[y - 1] if y else np.zeros_like(row)
        kind = y % 4
        guess = (0 * row, left, above, (left + above) // 2)[kind]
        data += bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes()

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(
            ">I", zlib.crc32(name + content))  # fmt: skip

    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_is_read_at_full_depth(tmp_path, channels):
    pixels = RNG.integers(0, 65536, (11, 7, channels)).astype(np.uint16)
    png_of_16_bits(tmp_path / "a.png", pixels)
    raw = read_raw(tmp_path / "a.png")
    kept = channels - 1 if channels in (2, 4) else channels
    np.testing.assert_array_equal(raw.pages[0], pixels[..., :kept])
    if kept < channels:
        np.testing.assert_array_equal(raw.alpha[0], pixels[..., -1])


def test_files_are_read_by_their_content(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.tif", format="PNG")
    Image.fromarray(GRAY).save(tmp_path / "b.png", format="TIFF")
    for name, what in (("a.tif", "it is a PNG"), ("b.png", "it is a TIFF")):
        np.testing.assert_array_equal(stored(tmp_path / name)[..., 0], GRAY)
        assert what in read_raw(tmp_path / name).notes[0]
    (tmp_path / "c.png").write_text("<!DOCTYPE html><html>")
    with pytest.raises(ValueError, match=r"c\.png: cannot be read: it is a web page"):
        read_image(tmp_path / "c.png")
    (tmp_path / "d.tif").write_bytes(b"")
    with pytest.raises(ValueError, match=r"d\.tif: cannot be read: the file is empty"):
        read_image(tmp_path / "d.tif")


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.jp2", "a.pgm"])
def test_other_formats(tmp_path, name):
    options = {"lossless": True} if name == "a.webp" else {}
    Image.fromarray(GRAY).save(tmp_path / name, **options)
    np.testing.assert_array_equal(read_image(tmp_path / name)[..., 0], GRAY / np.float32(255))
    np.testing.assert_array_equal(read_mask(tmp_path / name), GRAY)


def test_a_large_png_is_no_attack(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (20, 33, 1)
    assert Image.MAX_IMAGE_PIXELS == 100


# ---- pages ----


def test_pages_of_a_stack_are_read_one_by_one(tmp_path):
    stack = RNG.integers(0, 256, (2, 3, 20, 33, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="rgb", metadata={"axes": "TZYXS"})
    pages = read_pages(tmp_path / "a.tif")
    np.testing.assert_array_equal(pages, stack.reshape(6, 20, 33, 3) / np.float32(255))
    planes = stack[0, :, :2, :, 0]
    tifffile.imwrite(tmp_path / "b.tif", planes.reshape(3, 2, 33)[:, :, None, :].repeat(9, 2),
                     imagej=True, metadata={"axes": "ZCYX"})  # fmt: skip
    assert [page.shape for page in read_pages(tmp_path / "b.tif")] == [(9, 33, 2)] * 3
    with pytest.raises(ValueError, match=r"stack with shape .*read_pages gives its 6 pages"):
        read_image(tmp_path / "a.tif")
    frames = [Image.fromarray(page) for page in stack[0, ..., 0]]
    frames[0].save(tmp_path / "c.gif", save_all=True, append_images=frames[1:])
    assert len(read_pages(tmp_path / "c.gif")) == 3


def test_pages_of_one_file_are_stretched_alike(tmp_path):
    stack = np.stack([np.linspace(100, top, 600).reshape(20, 30) for top in (200, 1100)])
    tifffile.imwrite(tmp_path / "a.tif", stack.astype(np.uint16), photometric="minisblack")
    dim, bright = read_pages(tmp_path / "a.tif")
    assert bright.max() == pytest.approx(1, abs=0.02)
    assert dim.max() == pytest.approx(0.1, abs=0.01)


def test_pages_of_masks_pair_with_pages_of_images(folders):
    for name, pages in (("a", 4), ("b", 2), ("c", 3)):
        masks = np.zeros((pages, 20, 33), np.uint8)
        for i in range(pages):
            masks[i, 2 : 5 + i, 3:9] = 1
        tifffile.imwrite(folders[0] / f"{name}.tif", masks + 90, photometric="minisblack")
        tifffile.imwrite(folders[1] / f"{name}.tif", masks, photometric="minisblack")
    data = load_folder(*folders)
    assert data.names[:5] == ["a[0]", "a[1]", "a[2]", "a[3]", "b[0]"]
    assert data.labels[3].sum() == 6 * 6
    for seed in range(4):
        parts = [set(part.groups) for part in data.split(seed=seed)]
        assert sorted(map(sorted, parts)) == [["a"], ["b"], ["c"]]
    tifffile.imwrite(folders[1] / "b.tif", masks, photometric="minisblack")
    with pytest.raises(ValueError, match=r"b\.tif has 2 page\(s\), but its mask b\.tif has 3"):
        load_folder(*folders)


def test_blocks_of_one_stack_stay_together():
    image, label = np.zeros((4, 4, 1), np.float32), np.zeros((4, 4), int)
    data = Dataset([image] * 10, [label] * 10, groups=["stack"] * 10)
    for seed in range(3):
        for part in data.split(seed=seed):
            pages = sorted(map(int, part.names))
            gaps = [b - a for a, b in itertools.pairwise(pages) if b - a > 1]
            assert len(gaps) <= 1  # a block, which may go on at the beginning


def test_a_large_stack_is_for_training():
    image, label = np.zeros((4, 4, 1), np.float32), np.zeros((4, 4), int)
    groups = ["large"] * 40 + ["a"] * 4 + ["b"] * 4 + ["c"] * 2
    data = Dataset([image] * 50, [label] * 50, groups=groups)
    for seed in range(4):
        train, validation, test = data.split(seed=seed)
        assert set(train.groups) >= {"large"}
        assert min(len(validation), len(test)) >= 2


# ---- gray values ----


def scene(noise=0.0, seed=0):
    image = np.zeros((64, 72))
    image[8:24, 8:30] = image[40:60, 40:64] = 0.25
    return image + noise * np.random.default_rng(seed).standard_normal(image.shape)


def test_mixed_depths_are_scaled_alike(folders):
    for i, (dtype, top) in enumerate(((np.uint8, 255), (np.uint16, 65535), (np.uint16, 4095))):
        tifffile.imwrite(folders[0] / f"{i}.tif", (scene() * top).astype(dtype))
        tifffile.imwrite(folders[1] / f"{i}.tif", (scene() > 0).astype(np.uint8))
    report = scan_folder(*folders)
    assert report.stretched
    data = load_folder(*folders)
    assert data.stretched
    for image in data.images:
        np.testing.assert_allclose(image, data.images[0], atol=0.02)
    again = read_image(folders[0] / "0.tif", stretch=True)
    np.testing.assert_array_equal(again, data.images[0])
    assert read_image(folders[0] / "0.tif").max() == pytest.approx(63 / 255)
    (folders[0] / "0.tif").unlink()
    (folders[1] / "0.tif").unlink()
    assert load_folder(*folders).stretched  # and a model of 16 bits alone will know 8 bits so, too
    for i in (1, 2):
        (folders[0] / f"{i}.tif").unlink()
        Image.fromarray((scene() * 255).astype(np.uint8)).save(folders[0] / f"{i}.png")
    assert not load_folder(*folders).stretched


def test_noise_is_not_stretched_to_signal(tmp_path):
    cells, empty = (
        4000 * scene(0.01),
        4000 * 0.01 * np.random.default_rng(1).standard_normal((64, 72)),
    )
    stds = []
    for dtype in (np.uint16, np.float32):
        for image in (cells, empty):
            tifffile.imwrite(tmp_path / "a.tif", (image + 500).astype(dtype))
            stds.append(read_image(tmp_path / "a.tif").std())
    for of_cells, of_empty in (stds[:2], stds[2:]):
        assert of_cells > 0.25
        assert of_empty < 0.07
    dark = np.random.default_rng(1).integers(100, 102, (30, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", dark)
    assert read_image(tmp_path / "a.tif").max() < 0.2  # the last bit is noise


# ---- gray saved in color ----


def test_gray_saved_in_color_is_gray_unless_others_are_in_color(folders):
    for i in range(3):
        Image.fromarray(np.repeat(GRAY[..., None], 3, 2)).save(folders[0] / f"{i}.png")
        Image.fromarray((GRAY > 99).astype(np.uint8)).save(folders[1] / f"{i}.png")
    assert load_folder(*folders).channels == 1
    assert scan_folder(*folders).pairs[0].image.gray_as_rgb
    Image.fromarray(BANDS[..., :3]).save(folders[0] / "0.png")
    data = load_folder(*folders)
    assert data.channels == 3
    np.testing.assert_array_equal(
        data.images[1], np.repeat(GRAY[..., None], 3, 2) / np.float32(255)
    )
    for i in (1, 2):
        Image.fromarray(GRAY).save(folders[0] / f"{i}.png")
    with pytest.raises(ValueError, match=r"'0' has 3 channel\(s\), but most have 1; convert it"):
        load_folder(*folders)


def test_gray_images_suit_models_of_gray_and_of_color():
    gray = (GRAY / np.float32(255))[..., None]
    color = np.repeat(gray, 3, 2)
    np.testing.assert_array_equal(in_channels(color, 1), gray)
    np.testing.assert_array_equal(in_channels(gray, 3), color)
    other = BANDS[..., :3] / np.float32(255)
    assert in_channels(other, 1) is other
    data = Dataset([color], [GRAY % 2])
    assert data.in_channels(1).channels == 1
    assert Dataset([other], [GRAY % 2]).in_channels(1).channels == 3


# ---------------------------------------------------------------------- files that claim too much


def png(width, height, color=0, data=b""):
    """A PNG that says that it has so many pixels, of this type of colors."""
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(width, height):
    """A TIFF of 8 x 8 pixels that says that it has so many."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((8, 8), np.uint8))
    found = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(found)) as file:
        for name, value in (("ImageWidth", width), ("ImageLength", height)):
            at = file.pages[0].tags[name].valueoffset
            found[at : at + 4] = struct.pack("<I", value)
    return bytes(found)


@pytest.mark.parametrize("content", [png(10**8, 10**8), tiff(10**8, 10**8)], ids=["png", "tiff"])
def test_a_file_that_claims_more_pixels_than_it_can_hold(tmp_path, content):
    file = tmp_path / "a.png"
    file.write_bytes(content)
    message = f"100000000 x 100000000 pixels, far more than its {len(content)} bytes can hold"
    for read in (read_image, open_image):
        with pytest.raises(ValueError, match=message):
            read(file)


def test_what_claims_are_true():
    file = Path(__file__)  # of some thousand bytes
    check_claim(file, 1 << 14, 1 << 14)
    check_claim(file, 9_000, file.stat().st_size)
    with pytest.raises(ValueError, match="on 5 pages"):
        check_claim(file, 10_000, file.stat().st_size, 5)


def test_indices_of_colors_without_a_palette(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(png(3, 2, color=3, data=b"\0\0\1\2" * 2))
    with pytest.raises(ValueError, match=r"a\.png: cannot be read: its pixels are indices"):
        read_image(file)
