import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from tinyunet.data import load_folder, read_image
from tinyunet.data.sets.image_files import read_mask


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


def gray(height=6, width=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


def save(path, array):
    if path.suffix.lower() in (".tif", ".tiff"):
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)


def fill(folders, masks, suffix=".png", dtype=np.uint8):
    """Gray images "0", "1", ... with the given masks."""
    for i, mask in enumerate(masks):
        mask = np.array(mask).astype(dtype)
        save(folders[0] / f"{i}.png", gray(*mask.shape))
        save(folders[1] / f"{i}{suffix}", mask)


# ---- read_image ----


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.bmp", "a.tif", "a.TIFF"])
def test_8_bit_gray_is_divided_by_255(tmp_path, name):
    save(tmp_path / name, gray())
    image = read_image(tmp_path / name)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, (gray() / np.float32(255))[..., None])


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("samples", [2, 3, 4])
def test_color_keeps_its_order_and_alpha_is_dropped(tmp_path, name, samples):
    pixels = np.stack([gray(seed=i) for i in range(samples)], axis=-1)
    if name == "a.tif":
        extra = {"extrasamples": ["unassalpha"]} if samples != 3 else {}
        photometric = "minisblack" if samples == 2 else "rgb"
        tifffile.imwrite(
            tmp_path / name, pixels, photometric=photometric, planarconfig="contig", **extra
        )
    else:
        save(tmp_path / name, pixels)
    expected = pixels[..., :3] if samples > 2 else pixels[..., :1]
    np.testing.assert_array_equal(read_image(tmp_path / name), expected / np.float32(255))


def test_planes_of_a_tiff_become_channels_last(tmp_path):
    planes = np.stack([gray(seed=i) for i in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "b.tif", planes[:2], imagej=True, metadata={"axes": "CYX"})
    expected = np.moveaxis(planes, 0, -1) / np.float32(255)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif"), expected[..., :2])


def test_jpeg_color_and_gray(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    Image.fromarray(smooth).save(tmp_path / "gray.jpg", quality=95)
    Image.fromarray(np.stack([smooth, 255 - smooth, smooth], -1)).save(
        tmp_path / "color.jpeg", quality=95
    )
    np.testing.assert_allclose(read_image(tmp_path / "gray.jpg")[..., 0], smooth / 255, atol=0.02)
    color = read_image(tmp_path / "color.jpeg")
    assert color.shape == (32, 64, 3)
    np.testing.assert_allclose(color[..., 1], 1 - smooth / 255, atol=0.05)


def test_palette_image_shows_its_colors(tmp_path):
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    colors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colors[[[0, 1], [2, 1]]])


def test_one_bit_image(tmp_path):
    mask = gray() > 100
    Image.fromarray(mask).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], mask)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_stretched_from_the_minimum_to_the_99_8_percentile(tmp_path, name):
    pixels = np.linspace(300, 4000, 5000).astype(np.uint16).reshape(50, 100)
    pixels[0, 0] = 65535  # a hot pixel
    save(tmp_path / name, pixels)
    image = read_image(tmp_path / name)
    assert image.min() == 0
    assert image[-1, -1, 0] == pytest.approx(1, abs=0.01)
    assert image[25, 0, 0] == pytest.approx(0.5, abs=0.01)
    assert image[0, 0, 0] > 10


def test_float_tiff_is_stretched_too(tmp_path):
    save(tmp_path / "a.tif", np.linspace(-5, 20, 5000, dtype=np.float32).reshape(50, 100))
    image = read_image(tmp_path / "a.tif")
    assert image.min() == 0
    assert np.percentile(image, 99.8) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_constant_16_bit_image_becomes_black(tmp_path, value):
    save(tmp_path / "a.png", np.full((4, 5), value, np.uint16))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.zeros((4, 5, 1)))


def test_sparse_16_bit_image_keeps_its_few_pixels(tmp_path):
    pixels = np.zeros((100, 100), np.uint16)
    pixels[3, 4] = 500
    save(tmp_path / "a.tif", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], pixels / 500)


def test_lzw_tiff(tmp_path):
    Image.fromarray(gray()).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], gray() / np.float32(255))


def test_read_image_refuses_what_is_no_single_finite_image(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.png: no such file"):
        read_image(tmp_path / "gone.png")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.txt: unknown kind of file; known are \.png"):
        read_image(tmp_path / "notes.txt")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
    with pytest.raises(ValueError, match=r"broken\.png: cannot be read"):
        read_image(tmp_path / "broken.png")
    (tmp_path / "broken.tif").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"broken\.tif: cannot be read"):
        read_image(tmp_path / "broken.tif")
    save(tmp_path / "stack.tif", np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"stack\.tif: .*stack with shape \(5, 8, 8\)"):
        read_image(tmp_path / "stack.tif")
    save(tmp_path / "nan.tif", np.array([[0, np.nan]], np.float32))
    with pytest.raises(ValueError, match=r"nan\.tif: has NaN"):
        read_image(tmp_path / "nan.tif")


def test_truncated_png_is_refused(tmp_path):
    save(tmp_path / "a.png", gray(60, 60))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.png: cannot be read"):
        read_image(tmp_path / "a.png")


# ---- read_mask ----


def test_palette_mask_gives_indices_and_rgb_gray_gives_gray(tmp_path):
    numbers = np.array([[0, 1], [2, 1]], np.uint8)
    picture = Image.fromarray(numbers).convert("P")
    picture.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    picture.save(tmp_path / "a.png")
    Image.fromarray(np.repeat(numbers[..., None], 4, -1)).save(tmp_path / "b.png")
    save(tmp_path / "c.tif", numbers.astype(np.float32))
    save(tmp_path / "d.png", numbers.astype(np.uint16) * 1000)
    for name, factor in (("a.png", 1), ("b.png", 1), ("c.tif", 1), ("d.png", 1000)):
        mask = read_mask(tmp_path / name)
        assert mask.dtype == np.int64
        np.testing.assert_array_equal(mask, numbers.astype(int) * factor)


def test_a_jpeg_in_color_is_cut_where_it_is_bright(tmp_path):
    color = np.zeros((16, 24, 3), np.uint8)
    color[4:12, 8:16, 0] = 255
    Image.fromarray(color).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.jpg"), color[..., 0])


def test_masks_in_color_or_with_other_than_counts_are_refused(tmp_path):
    color = np.zeros((4, 4, 3), np.uint8)
    color[..., 1] = 9
    save(tmp_path / "a.png", color)
    with pytest.raises(ValueError, match=r"a\.png: is a mask in color"):
        read_mask(tmp_path / "a.png")
    for value in (0.5, -1, np.nan, np.inf):
        save(tmp_path / "b.tif", np.array([[0, value]], np.float32))
        with pytest.raises(ValueError, match=r"b\.tif: a mask needs whole numbers from 0 up"):
            read_mask(tmp_path / "b.tif")


# ---- load_folder: what masks mean ----


@pytest.mark.parametrize("value", [1, 255])
def test_binary_masks_get_components_as_instances(folders, value):
    fill(folders, [np.array([[1, 1, 0, 1], [0, 0, 1, 0]]) * value, np.zeros((2, 3))])
    data = load_folder(*folders)
    assert data.num_classes == 2
    np.testing.assert_array_equal(data.labels[0], [[1, 1, 0, 1], [0, 0, 1, 0]])
    np.testing.assert_array_equal(data.instances[0], [[1, 1, 0, 2], [0, 0, 3, 0]])
    assert not data.labels[1].any()


def test_a_few_numbers_are_classes_by_the_whole_folder(folders):
    # The first mask alone would pass for binary, the second shows what its 2 means.
    fill(folders, [[[0, 2]], [[1, 3]]])
    data = load_folder(*folders)
    assert data.num_classes == 4
    assert data.instances is None
    np.testing.assert_array_equal(data.labels[0], [[0, 2]])


def test_many_numbers_are_instances_and_touching_ones_are_parted(folders):
    fill(folders, [[[0, 7, 7, 16, 16, 0]], [[0, 3, 0, 0, 0, 0]]])
    data = load_folder(*folders)
    np.testing.assert_array_equal(data.instances[0], [[0, 1, 1, 2, 2, 0]])
    np.testing.assert_array_equal(data.labels[0], [[0, 1, 0, 1, 1, 0]])
    np.testing.assert_array_equal(data.instances[1], [[0, 1, 0, 0, 0, 0]])


def test_instances_without_any_background(folders):
    fill(folders, [[[20, 20, 30, 30]]])
    np.testing.assert_array_equal(load_folder(*folders).instances[0], [[1, 1, 2, 2]])
    np.testing.assert_array_equal(load_folder(*folders, kind="instances").labels[0], [[1, 0, 1, 1]])


def test_kind_overrides_the_guess(folders):
    fill(folders, [[[0, 1, 2, 2]]])
    assert load_folder(*folders).num_classes == 3
    binary = load_folder(*folders, kind="binary")
    np.testing.assert_array_equal(binary.labels[0], [[0, 1, 1, 1]])
    np.testing.assert_array_equal(binary.instances[0], [[0, 1, 1, 1]])
    instances = load_folder(*folders, kind="instances")
    np.testing.assert_array_equal(instances.instances[0], [[0, 1, 2, 2]])
    np.testing.assert_array_equal(instances.labels[0], [[0, 0, 1, 1]])


def test_jpeg_masks_are_binary_in_spite_of_compression(folders):
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 5:25] = 255
    fill(folders, [mask], suffix=".jpg")
    assert len(np.unique(np.asarray(Image.open(folders[1] / "0.jpg")))) > 2
    data = load_folder(*folders)
    assert data.instances[0].max() == 1
    assert np.mean(data.labels[0] != (mask > 0)) < 0.02
    with pytest.raises(ValueError, match=r"0\.jpg is a JPEG, which smears numbers"):
        load_folder(*folders, kind="instances")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_smoothed_edges_are_no_cells_of_their_own(folders, dtype):
    white = np.iinfo(dtype).max
    edge = np.array([0.1, 0.4, 0.6, 0.9]) * white
    row = np.concatenate([[0], edge, [white] * 9, edge[::-1], [0, 0, white, white, 0]])
    fill(folders, [row[None], np.zeros((2, 3))], ".tif", dtype)
    data = load_folder(*folders)
    expected = [[0] * 3 + [1] * 13 + [0] * 4 + [2, 2, 0]]
    np.testing.assert_array_equal(data.instances[0], expected)
    assert not data.labels[1].any()
    fill(folders, [row[None]], ".tif", dtype)
    save(folders[0] / "1.png", gray(1, row.size))
    save(folders[1] / "1.tif", (row[None] / white * 255).astype(np.uint8))  # white in 8 bits
    np.testing.assert_array_equal(load_folder(*folders).instances, [expected, expected])
    many = np.arange(2, 256)[None]  # cells of a pixel each, the last of them white
    fill(folders, [many], ".tif", dtype)
    assert load_folder(*folders).instances[0].max() == many.size


# ---- load_folder: what leaves a doubt ----


def discs(numbers, radius=4, shape=(48, 60)):
    """Discs with these numbers, in rows."""
    mask = np.zeros(shape, int)
    rows, columns = np.indices(shape)
    step = 2 * radius + 4
    centres = [(y, x) for y in range(step // 2, shape[0] - radius, step)
               for x in range(step // 2, shape[1] - radius, step)]  # fmt: skip
    for number, (y, x) in zip(numbers, centres, strict=False):
        mask[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = number
    return mask


def resized(mask, way):
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).resize((90, 72), way))


WAYS = [getattr(Image.Resampling, way) for way in ("BILINEAR", "BICUBIC", "LANCZOS", "HAMMING")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("radius", [2, 3])
def test_small_cells_with_smoothed_edges_are_cut(folders, way, radius):
    fill(folders, [resized(discs([255] * count, radius), way) for count in (5, 8)])
    data = load_folder(*folders)
    assert [int(cells.max()) for cells in data.instances] == [5, 8]
    load_folder(*folders, kind="instances")  # whoever says so is believed


def test_smoothed_cells_that_a_cut_would_lose_leave_a_doubt(folders):
    mask = np.zeros((40, 60))
    for x in (5, 25, 45):
        mask[5:15, x : x + 10] = mask[30:32, x : x + 2] = 255
    fill(folders, [ndimage.gaussian_filter(mask, 1.2)])
    with pytest.raises(ValueError, match=r"3 of 6 cells would vanish.*0\.25"):
        load_folder(*folders)


@pytest.mark.parametrize("white", [255, 65535])
def test_a_void_label_leaves_a_doubt(folders, white):
    mask = discs([3, 17, 20])
    mask[-2:] = white
    fill(folders, [mask, discs([5])], dtype=np.uint16)
    with pytest.raises(
        ValueError, match=rf'also {white}, .* "ignore": .*--ignore {white} .*instances'
    ):
        load_folder(*folders)


@pytest.mark.parametrize("numbers", [[18, 19, 20] * 3, [100, 200] * 3, [255, 85, 170, 85] * 2])
def test_numbers_in_many_pieces_leave_a_doubt(folders, numbers):
    fill(folders, [discs(numbers)])
    count = len(set(numbers))
    words = rf'{count} numbers are in {len(numbers)} pieces: if they are classes.*kind="classes"'
    with pytest.raises(ValueError, match=words):
        load_folder(*folders)


@pytest.mark.parametrize("gray", [1, 127, 128, 254])
def test_gray_areas_are_no_edges(folders, gray):
    fill(folders, [discs([255, gray, 255, 255])])
    with pytest.raises(
        ValueError, match=r'cut at half of white, but it fills whole areas.*kind="cl'
    ):
        load_folder(*folders)


def test_masks_of_0_and_1_beside_white_ones_leave_a_doubt(folders):
    fill(folders, [discs([255] * 5), discs([1] * 4)])
    with pytest.raises(ValueError, match="cut at half of white, but it fills whole areas"):
        load_folder(*folders)


def test_right_masks_leave_no_doubt(folders):
    """Warnings are errors in tests. A cell may be in pieces, and have the number 255."""
    broken = discs(range(1, 21), radius=3)
    broken[:, ::7] = 0
    for masks in (
        [discs(range(1, 21), 3), discs([1])],
        [broken, discs(range(30, 50), 3)],
        [discs(range(237, 256), 3)],
        [discs([255] * 6), discs([])],
        [discs([1, 2, 3] * 2)],
        [discs([20, 40, 60])],
    ):
        for path in (*folders[0].iterdir(), *folders[1].iterdir()):
            path.unlink()
        fill(folders, masks)
        data = load_folder(*folders)
        if masks[0].max() > 15 and data.instances:
            cells = 6 if set(masks[0].flat) == {0, 255} else len(set(masks[0].flat)) - 1
            assert data.instances[0].max() == cells


@pytest.mark.parametrize("way", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
def test_large_cells_with_smoothed_edges_are_cut_without_a_doubt(folders, way):
    mask = discs([255] * 4, radius=9)
    fill(folders, [resized(mask, way)])
    data = load_folder(*folders)
    assert data.instances[0].max() == 4
    assert np.mean(data.labels[0] != (resized(mask, Image.Resampling.NEAREST) > 0)) < 0.02


def test_classes_of_0_and_255_are_refused(folders):
    fill(folders, [[[0, 255]]])
    with pytest.raises(ValueError, match=r"class 255.*256 classes"):
        load_folder(*folders, kind="classes")


def test_unknown_kind(folders):
    with pytest.raises(ValueError, match="auto, binary, classes, instances, got 'cells'"):
        load_folder(*folders, kind="cells")


# ---- load_folder: pairs and problems ----


def test_pairs_by_name_across_formats_sizes_and_suffixes(folders):
    names = ["a.png", "b.TIF", "c_mask.png", "d.bmp", "e.1.png"]
    masks = ["a_mask.png", "b-label.bmp", "c_mask.PNG", "d_Seg.tif", "e.1_masks.png"]
    for i, (name, mask) in enumerate(zip(names, masks, strict=True)):
        shape = (5 + i, 8)
        save(folders[0] / name, gray(*shape))
        save(folders[1] / mask, (gray(*shape) > 99).astype(np.uint8))
    (folders[0] / "notes.txt").write_text("not an image")
    (folders[0] / "._a.png").write_bytes(b"left by a system")
    data = load_folder(str(folders[0]), str(folders[1]))
    assert data.names == ["a", "b", "c_mask", "d", "e.1"]
    for i, (image, labels) in enumerate(zip(data.images, data.labels, strict=True)):
        assert image.shape == (5 + i, 8, 1)
        np.testing.assert_array_equal(labels, gray(5 + i, 8) > 99)


def test_all_problems_come_in_one_message(folders):
    images, masks = folders
    for name in ("good", "lonely", "small", "color", "broken", "nan.x", "twice"):
        save(images / f"{name}.png", gray())
    for name in ("good", "orphan", "color", "broken", "twice", "twice_mask", "ok2", "nan"):
        save(masks / f"{name}.png", (gray() > 99).astype(np.uint8))
    save(masks / "small.png", np.zeros((3, 3), np.uint8))
    save(images / "color.png", np.repeat(gray()[..., None], 3, axis=-1))
    save(images / "ok2.png", gray())
    (images / "broken.png").write_bytes(b"nonsense")
    save(images / "nan.tif", np.full((6, 9), np.nan, np.float32))
    with pytest.raises(ValueError) as caught:
        load_folder(images, masks)
    message = str(caught.value)
    for part in (
        "7 problem(s) with",
        "lonely.png has no mask",
        "nan.x.png has no mask",
        "mask orphan.png has no image",
        "twice_mask.png and twice.png both belong to 'twice'",
        "small.png is 6x9, but its mask small.png is 3x3",
        "broken.png: cannot be read",
        "nan.tif: has NaN",
    ):
        assert part in message
    assert "good" not in message
    assert "color" not in message  # R = G = B is gray


def test_long_lists_of_problems_are_cut(folders):
    for i in range(30):
        save(folders[0] / f"{i}.png", gray())
    save(folders[1] / "0.png", gray())
    with pytest.raises(
        ValueError, match=r"29 problem\(s\)(.|\n)*29 images have no mask: .* and 24 more"
    ):
        load_folder(*folders)


def test_two_images_of_one_name(folders):
    save(folders[0] / "a.png", gray())
    save(folders[0] / "a.tif", gray())
    save(folders[1] / "a.png", gray())
    with pytest.raises(ValueError, match=r"a\.tif and a\.png both belong to 'a'"):
        load_folder(*folders)


def test_missing_and_empty_folders(folders, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        load_folder(tmp_path / "nowhere", folders[1])
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        load_folder(folders[0], tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"images has no files that end in \.png"):
        load_folder(*folders)


def test_one_folder_for_both_is_refused(folders):
    save(folders[0] / "a.png", gray())
    with pytest.raises(ValueError, match="two different folders"):
        load_folder(folders[0], folders[0])
