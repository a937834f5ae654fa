"""`tinyunet data check` on folders as people have them says what is the matter."""

import json
import re
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage
from test_mask_kinds import fill, polygons, squares
from typer.testing import CliRunner

from tinyunet.commands.main import app
from tinyunet.data import check_folder, load, scan_folder
from tinyunet.data.check.look import check_report
from tinyunet.data.lean import Packed
from tinyunet.plots import Shown, contact_sheet

RNG = np.random.default_rng(5)


@pytest.fixture
def mine(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    return tmp_path / "mine"


def put(mine, masks, *, end=".png", dtype=np.uint8, **options):
    """Masks, and an image of noise for each."""
    fill((mine / "images", mine / "masks"), masks, end, dtype, **options)
    for i, mask in enumerate(masks):
        Image.fromarray(noise(np.shape(mask)[:2])).save(mine / f"images/{i}.png")


def noise(shape):
    return RNG.integers(60, 200, shape).astype(np.uint8)


def data_check(*arguments):
    return CliRunner().invoke(app, ["data", "check", *map(str, arguments)])


def fine(mine, n=4):
    put(mine, [squares(*[255] * (3 + i)) for i in range(n)])


# ---- each row of what users met: what is in the folder, and what is said ----


def codes(*numbers, **options):
    return lambda mine: put(mine, [squares(*numbers, **options)] * 3)


def soft_edges(mine):
    masks = [squares(*[255] * (4 + i), side=8) for i in range(4)]
    put(mine, [ndimage.gaussian_filter(mask.astype(float), 0.8) for mask in masks])


def jpeg_named_png(mine):
    put(mine, [squares(255, 255, 255)] * 3, format="JPEG", quality=85)


def jpeg_of_numbers(mine):
    put(mine, [squares(20, 90, 160, 230)] * 3, format="JPEG", quality=85)


def alpha(mine):
    masks = []
    for i in range(3):
        mask = np.full((40, 60, 4), 255, np.uint8)
        mask[..., 3] = squares(*[255] * (i + 2))
        masks.append(mask)
    put(mine, masks)


def bands(count):
    def make(mine):
        fine(mine)
        for i in range(4):
            (mine / f"images/{i}.png").unlink()
            tifffile.imwrite(mine / f"images/{i}.tif", RNG.integers(0, 255, (40, 60, count), np.uint8),
                             photometric="minisblack", planarconfig="contig")  # fmt: skip

    return make


def upside_down(mine):
    fine(mine)
    exif = Image.Exif()
    exif[274] = 3
    for i in (0, 1):
        (mine / f"images/{i}.png").unlink()
        Image.fromarray(noise((40, 60))).save(mine / f"images/{i}.jpg", exif=exif)


def on_its_side(mine):
    fine(mine)
    exif = Image.Exif()
    exif[274] = 6
    (mine / "images/0.png").unlink()
    Image.fromarray(noise((40, 60))).save(mine / "images/0.jpg", exif=exif)


def in_a_subfolder(mine):
    fine(mine)
    (mine / "images/more").mkdir()
    Image.fromarray(noise((9, 9))).save(mine / "images/more/x.png")
    (mine / "images/slide.czi").write_bytes(b"x")


def without_mask(mine):
    fine(mine)
    Image.fromarray(noise((9, 9))).save(mine / "images/x.webp")


def mixed_depths(mine):
    fine(mine)
    (mine / "images/0.png").unlink()
    tifffile.imwrite(mine / "images/0.tif", noise((40, 60)).astype(np.uint16) * 100)


def inverted(mine):
    put(mine, [255 - squares(*[255] * (3 + i)) for i in range(3)])


def with_nan(mine):
    fine(mine)
    (mine / "images/1.png").unlink()
    image = np.ones((40, 60), np.float32)
    image[3, 4] = np.nan
    tifffile.imwrite(mine / "images/1.tif", image)


def cut_off(mine):
    fine(mine)
    data = (mine / "images/2.png").read_bytes()
    (mine / "images/2.png").write_bytes(data[: len(data) // 2])


def saved_as_rgb(mine):
    fine(mine)
    for i in range(4):
        Image.fromarray(np.repeat(noise((40, 60))[..., None], 3, 2)).save(mine / f"images/{i}.png")


ROWS = {
    "A1 128 and 255": (codes(128, 255, 255), 1, "--classes 0=background,128=NAME1,255=NAME2"),
    "A1 255 and 128": (codes(128, 128, 255), 1, "--classes 0=background,128=NAME1,255=NAME2"),
    "A1 127 and 255": (codes(127, 255, side=5), 1, "--classes 0=background,127=NAME1,255=NAME2"),
    "A1 100 and 200": (codes(100, 200, 100, 200), 1, "--classes 0=background,100=NAME1,200=NAME2"),
    "A1 85, 170, 255": (codes(85, 170, 255), 1, "85=NAME1,170=NAME2,255=NAME3"),
    "A1 255 ignored": (codes(1, 2, 1, 255), 1, "--ignore 255"),
    "A1 1 and 255": (codes(1, 1, 255), 1, "--ignore 255"),
    "A1 18 to 20": (codes(18, 19, 20), 1, "18=NAME1,19=NAME2,20=NAME3"),
    "A1 30 to 60": (codes(30, 40, 50, 60), 1, "30=NAME1,40=NAME2"),
    "A1 few cells": (codes(3, 1, 5, 2, 6, 4), 1, "if each is a cell, say .*--masks instances"),
    "A1 soft edges": (soft_edges, 0, "masks: smoothed, 4 to 7 cells an image .*cut at half of white"),
    "A1 JPEG": (jpeg_named_png, 0, r"3 masks: its name ends in \.png, but it is a JPEG"),
    "A1 JPEG of numbers": (jpeg_of_numbers, 1, "JPEG, which smears numbers"),
    "A1 alpha": (alpha, 0, r"2 to 4 cells an image(.|\n)*the mask is in its alpha channel"),
    "A2 2 bands": (bands(2), 0, "images: 40 x 60 pixels; 8 bits; 2 channels; TIFF"),
    "A2 4 bands": (bands(4), 0, "images: 40 x 60 pixels; 8 bits; 4 channels; TIFF"),
    "A4 upside down": (upside_down, 0, "2 turned upright, as EXIF says"),
    "A4 on its side": (on_its_side, 1, r"0\.jpg is 60x40.*EXIF orientation 6.*lies on its side"),
    "A5 folder": (in_a_subfolder, 0, r"passed over: 1 folder, 1 \.czi(.|\n)*more in images, passed "
                  r"over.*1 image files(.|\n)*save it as TIFF"),
    "A5 no mask": (without_mask, 1, r"x\.webp has no mask"),
    "A6 depths": (mixed_depths, 0, r"8 bits \(3\), 16 bits \(1\).*depths are mixed, so all are "
                  "stretched"),
    "A7 inverted": (inverted, 1, "inverted.*--classes 0=cell,255=background"),
    "B1 NaN": (with_nan, 1, r"1\.tif: has NaN"),
    "B2 cut off": (cut_off, 1, r"2\.png: cannot be read"),
    "B3 to B5, B7": (fine, 0, r"4 pairs.*\n.*40 x 60 pixels; 8 bits; gray; PNG(.|\n)*3 to 6 cells an "
                     r"image(.|\n)*train with: tinyunet train --data \S*mine\n"),
    "C RGB": (saved_as_rgb, 0, "gray saved as RGB"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_said(mine, row):
    make, code, words = ROWS[row]
    make(mine)
    done = data_check(mine, "--no-sheet")
    assert done.exit_code == code, done.output
    assert_found(words, done.stdout)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = scan_folder(mine / "images", mine / "masks")
    assert bool(report.problems or report.guess.doubt) == bool(code)  # as loading would have it


def assert_found(words, text):
    assert re.search(words, text), text


# ---- what else is said ----


def test_cells_at_the_border_empty_images_and_specks_are_counted(mine):
    masks = [squares(1, 1, 1), np.zeros((40, 60), int), squares(1, 1), squares(1)]
    masks[0][:4] = squares(1, 1, 1)[3:7]  # three touch the upper border
    masks[2][-1, -1] = 1
    put(mine, masks)
    check = check_folder(mine)
    assert check.fine
    assert [page.at_border for page in check.pages] == [3, 0, 1, 0]
    assert [len(page.areas) for page in check.pages] == [3, 0, 3, 1]
    text = str(check)
    assert "0 to 3 cells an image" in text
    assert "4 touch the border; 1 image has none" in text
    assert "1 of 4 images has no cell (1)" in text
    assert "1 cell of 4 pixels or fewer" in text


def test_copies_are_found_and_the_parts_that_they_cross(mine):
    fine(mine, 6)
    with Image.open(mine / "images/0.png") as first:
        first.load()
    for i in range(1, 5):
        (mine / f"images/{i}.png").unlink()
        Image.merge("RGB", [first] * 3).save(mine / f"images/{i}.bmp")  # the same, saved otherwise
    check = check_folder(mine)
    assert check.copies == [["0", "1", "2", "3", "4"]]
    parts = {check.parts[name] for name in check.copies[0]}
    assert len(parts) > 1
    assert_found(r"the same image is there 5 times \(0, .*\), for .*: scores would be too good",
                 "\n".join(check.look))  # fmt: skip
    assert check.fine
    same = data_check(mine, "--no-sheet", "--json", "--split-seed", 3)
    pages = json.loads(same.stdout)["pages"]
    assert {page["part"] for page in pages} == {"training", "validation", "test"}


def test_parts_are_those_of_training(mine):
    fine(mine, 7)
    for seed in (0, 4):
        parts = check_folder(mine, split_seed=seed).parts
        for part, data in zip(("training", "validation", "test"), load(mine).split(seed=seed),
                              strict=True):  # fmt: skip
            assert data.names == [name for name, found in parts.items() if found == part]


def test_same_masks_images_that_are_masks_and_flat_images_are_named(mine):
    put(mine, [squares(255, 255), squares(255, 255), squares(255), squares(*[255] * 4)])
    Image.fromarray(squares(255).astype(np.uint8)).save(mine / "images/2.png")
    Image.fromarray(np.full((40, 60), 9, np.uint8)).save(mine / "images/3.png")
    look = "\n".join(check_folder(mine).look)
    assert "different images have the same mask: 0, 1" in look
    assert "image 2 is a copy of its mask" in look
    assert "image 3 has one value everywhere" in look


def test_classes_that_are_missing_are_named(mine):
    put(mine, [squares(1, 3, 1, 3), squares(3, 1, 1), squares(1, 1, 3)])
    look = "\n".join(check_folder(mine).look)
    assert "class 2 has no pixel in any mask" in look
    text = str(check_folder(mine, classes="1=nucleus,3=cell"))
    assert_found(r"classes 0 background \(\d+%\), 1 nucleus \(\d+%\), 2 cell", text)
    put(mine, [squares(1, 1), squares(1, 2), squares(1, 1)])
    seeds = {check_folder(mine, split_seed=seed).parts["1"]: seed for seed in range(9)}
    look = "\n".join(check_folder(mine, split_seed=seeds["test"]).look)
    assert "class 2 is in no training image" in look


def test_the_options_say_what_masks_mean(mine):
    codes(128, 255, 255)(mine)
    done = data_check(mine, "--no-sheet", "--classes", "128=nucleus,255=cell")
    assert done.exit_code == 0, done.output
    assert "--classes 128=nucleus,255=cell" in done.stdout.splitlines()[-1]
    done = data_check(mine, "--no-sheet", "--ignore", 255)
    assert done.exit_code == 0
    assert "of the pixels are ignored" in done.stdout
    assert data_check(mine, "--masks", "sells").exit_code != 0


def test_polygons_and_stacks_are_looked_at(mine):
    for i in range(3):
        Image.fromarray(noise((40, 60))).save(mine / f"images/{i}.png")
        square = ("cell", [[20, 5], [30, 5], [30, 15], [20, 15]], "polygon", None)
        polygons(mine / f"masks/{i}.json", square)
    assert "1 cell an image (each polygon is a cell" in str(check_folder(mine))
    for i in range(3):
        (mine / f"images/{i}.png").unlink()
        (mine / f"masks/{i}.json").unlink()
        tifffile.imwrite(mine / f"images/{i}.tif", np.stack([noise((40, 60))] * 2))
        tifffile.imwrite(
            mine / f"masks/{i}.tif", np.stack([squares(7), squares(7, 7)]).astype("u1")
        )
    check = check_folder(mine)
    assert "3 pairs of image and mask in images and masks, 6 images in all" in str(check)
    assert [page.name for page in check.pages[:3]] == ["0[0]", "0[1]", "1[0]"]
    assert check.image(3).shape == (40, 60, 1)


@pytest.mark.parametrize("kind", ["auto", "binary"])
def test_one_image_at_a_time_says_the_same_as_all_at_once(mine, kind):
    for make in (fine, soft_edges, codes(1, 2, 1, 2), mixed_depths, saved_as_rgb):
        for path in mine.glob("*/*"):
            path.unlink()
        make(mine)
        check = check_folder(mine, kind)
        report = scan_folder(mine / "images", mine / "masks", kind)
        assert (report.guess, report.stretched) == (check.report.guess, check.report.stretched)
        assert report.pairs == check.report.pairs
        for i, marked in enumerate(report.instances or report.labels):
            np.testing.assert_array_equal(check.marked[i], marked)
        other = check_report(mine, report)
        assert other.look == check.look
        assert [page.areas for page in other.pages] == [page.areas for page in check.pages]


# ---- folders that are in no list ----


def cells_that_are_seen(mine, n=6, change=lambda mask, i: mask):
    """Bright squares at other places in each image; what `change` makes of the masks is saved."""
    masks = []
    for i in range(n):
        rng = np.random.default_rng(i)
        mask = np.zeros((64, 64), np.uint8)
        for _ in range(5):
            y, x = rng.integers(2, 50, 2)
            mask[y : y + 10, x : x + 8] = 255
        masks.append(mask)
    put(mine, [change(mask, i) for i, mask in enumerate(masks)])
    for i, mask in enumerate(masks):
        image = (mask // 2 + noise(mask.shape) // 4).astype(np.uint8)
        Image.fromarray(image).save(mine / f"images/{i}.png")
    return masks


def test_masks_that_fit_are_not_suspected(mine):
    cells_that_are_seen(mine)
    assert check_folder(mine).look == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mask, i: mask[::-1], "6 of 6 masks fit their images better upside down: 0, 1"),
        (lambda mask, i: np.rot90(mask) if i < 2 else mask,
         "2 of 6 masks fit their images better turned by 270 degrees: 0, 1"),
        (lambda mask, i: 255 - mask if i < 2 else mask,
         "in 2 of 6 images one cell reaches all four borders.*inverted"),
        (lambda mask, i: mask & ~(255 * ndimage.binary_erosion(mask)).astype(np.uint8),
         "encloses background, as outlines of cells do"),
    ],
)  # fmt: skip
def test_masks_that_do_not_fit_are_suspected(mine, change, words):
    cells_that_are_seen(mine, change=change)
    assert_found(words, "\n".join(check_folder(mine).look))


def test_masks_of_other_images_are_suspected(mine):
    masks = cells_that_are_seen(mine)
    for i in (0, 1, 2):
        Image.fromarray(masks[(i + 1) % 3]).save(mine / f"masks/{i}.png")
    look = check_folder(mine).look
    assert len(look) == 1
    assert "3 of 6 images are fit better by the masks of others" in look[0]
    assert "that of 2 fits 0, that of 0 fits 1, that of 1 fits 2" in look[0]


def test_turned_copies_and_exchanged_folders_are_suspected(mine):
    cells_that_are_seen(mine)
    for name in ("images", "masks"):
        for i in range(6):
            with Image.open(mine / name / f"{i}.png") as image:
                image.rotate(90).save(mine / name / f"{i}_turned.png")
    check = check_folder(mine)
    assert len(check.turned_copies) == 6
    assert check.copies == []
    assert_found(
        "the same image, turned or mirrored, is there several times in 6 cases",
        "\n".join(check.look),
    )
    (mine / "images").rename(mine / "x")
    (mine / "masks").rename(mine / "images")
    (mine / "x").rename(mine / "masks")
    assert "are the folders of images and masks exchanged?" in "\n".join(check_folder(mine).look)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: [path.rename(path.with_stem(path.stem + " mask final")) for path in
                    sorted((m / "masks").iterdir())],
         r"4 images have no mask: 0.png, (.|\n)*4 masks have no image(.|\n)*0 mask final.png begins as "
         r"0.png: if it is its mask, call it 0_mask.png"),
        (lambda m: [path.rename(path.with_stem(path.stem[0] + name)) for path, name in
                    zip(sorted((m / "images").iterdir()), ("_DAPI", "_x", "_y", "_z"), strict=True)]
         and (m / "images/0_GFP.png").write_bytes((m / "images/0_DAPI.png").read_bytes()),
         r"0_DAPI.png and 0_GFP.png begin as the mask 0.png: if they are channels"),
        (lambda m: (m / "images/far.png").symlink_to("/nowhere/far.png"),
         r"far.png in images, passed over: a link to a file that is not there"),
        (lambda m: (m / "images/0.png").unlink() or tifffile.imwrite(
            m / "images/0.tif", np.zeros((40, 60, 4), np.uint8), photometric="minisblack"),
         r"image of 40x60 with 4 channels, saved as a stack: with tifffile say planarconfig=.contig"),
        (lambda m: (m / "images/0.png").unlink() or tifffile.imwrite(
            m / "images/0.tif", np.zeros((3, 40, 60), np.uint8), photometric="minisblack"),
         r"3 page\(s\), but its mask 0.png has 1; .*if its pages are channels, save them so"),
        (lambda m: [path.rename(path.with_suffix(".npy")) for path in (m / "images").iterdir()],
         r"4 files in images \(0.npy, .*\), passed over: .npy is not read"),
    ],
)  # fmt: skip
def test_what_to_do_is_said(mine, change, words):
    fine(mine)
    change(mine)
    assert_found(words, data_check(mine, "--no-sheet").stdout)


# ---- folders ----


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ((), "there is nothing"),
        (("images",), "there is images/"),
        (("images", "results"), "there is images/, results/"),
        (("images", "masks"), "has no files that end in"),
        (("gt", "labels", "images"), "there is gt/, images/, labels/"),
    ],
)
def test_a_folder_without_pairs_must_be_mended(tmp_path, inside, words):
    for name in inside:
        (tmp_path / "x" / name).mkdir(parents=True)
    (tmp_path / "x").mkdir(exist_ok=True)
    done = data_check(tmp_path / "x")
    assert done.exit_code == 1, done.output
    assert words in done.stdout
    assert not list(tmp_path.glob("*.png"))


def test_other_folders_beside_the_two_are_named(mine):
    fine(mine)
    (mine / "labels").mkdir()
    (mine / "notes").mkdir()
    Image.fromarray(noise((9, 9))).save(mine / "labels/0.png")
    (look,) = check_folder(mine).look
    assert look == "beside images and masks there are images that are not read: labels/"


def test_one_image_and_empty_masks_are_no_training(mine):
    put(mine, [squares(1)])
    assert "training, validation and test need one" in data_check(mine, "--no-sheet").stdout
    put(mine, [np.zeros((40, 60))] * 3)
    done = data_check(mine, "--no-sheet")
    assert done.exit_code == 1
    assert "there is nothing to learn" in done.stdout


def test_what_is_no_folder_is_said(tmp_path):
    done = data_check(tmp_path / "nowhere")
    assert isinstance(done.exception, FileNotFoundError)
    (tmp_path / "a.png").write_bytes(b"")
    assert isinstance(data_check(tmp_path / "a.png").exception, NotADirectoryError)


# ---- the contact sheet ----


def test_the_sheet_lies_where_one_is_and_never_in_the_folder(mine, monkeypatch):
    fine(mine, 3)
    before = sorted(mine.rglob("*"))
    monkeypatch.chdir(mine.parent)
    done = data_check("mine", "--json")
    assert done.exit_code == 0, repr(done.exception)
    assert json.loads(done.stdout)["sheet"] == "mine-check.png"
    with Image.open("mine-check.png") as sheet:
        assert sheet.size[0] > 300
    monkeypatch.chdir(mine)
    done = data_check(".")
    assert (done.exit_code, "--sheet FILE.png" in done.output) == (0, True)
    done = data_check(".", "--sheet", "masks/a.png")
    assert "would lie among the images" in str(done.exception)
    assert sorted(mine.rglob("*")) == before
    assert data_check(".", "--sheet", "../s.png").exit_code == 0
    assert (mine.parent / "s.png").exists()


def test_a_sheet_shows_a_part_of_large_images_and_numbers_in_doubt():
    image, numbers = np.zeros((700, 30, 3)), np.zeros((700, 30), int)
    image[600, 8:19] = numbers[600:650, 5:20] = 1
    shown = [Shown(image, numbers, "a", warning=True), Shown(image, numbers, "b", beside=numbers)]
    figure = contact_sheet(shown, title="two", class_names=["no", "yes"])
    pictures = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(pictures) == 3
    assert all(picture.shape[:2] == (320, 30) for picture in pictures)
    assert pictures[0].any()
    with pytest.raises(ValueError, match="at least one image"):
        contact_sheet([])


def test_masks_are_packed_without_loss():
    arrays = [np.array([[0, 70000], [3, -1]]), np.zeros((3, 0), bool), np.eye(4, dtype=np.float32)]
    packed = Packed(arrays)
    for before, after in zip(arrays, packed, strict=True):
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    packed = Packed([squares(*[7] * 12, shape=(400, 600))])
    assert len(packed._packed[0][0]) < 400 * 600 / 50
