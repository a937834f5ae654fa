"""Masks as people have them: what they are taken for, and where loading stops."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from tinyunet.data import load, load_folder, scan_folder


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


def squares(*numbers, side=8, shape=(40, 60), shift=0):
    """Squares with these numbers, in rows."""
    mask = np.zeros(shape, np.int64)
    places = [(y, x) for y in range(3, shape[0] - side, side + 4)
              for x in range(3 + shift, shape[1] - side, side + 4)]  # fmt: skip
    for number, (y, x) in zip(numbers, places, strict=False):
        mask[y : y + side, x : x + side] = number
    return mask


def fill(folders, masks, end=".png", dtype=np.uint8, **options):
    images, folder = folders
    for i, mask in enumerate(masks):
        mask = np.asarray(mask)
        gray = np.full(mask.shape[:2], 90, np.uint8)
        gray[0, 0] = 200
        Image.fromarray(gray).save(images / f"{i}.png")
        if end == ".tif":
            tifffile.imwrite(folder / f"{i}.tif", mask.astype(dtype))
        else:
            Image.fromarray(mask.astype(dtype)).save(folder / f"{i}{end}", **options)


def cells_of(data):
    return [int(cells.max()) for cells in data.instances]


# ---- what stops, and the words that lead on ----


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ([squares(128, 255, 255)], "--classes 0=background,128=NAME1,255=NAME2"),  # 255 has more
        ([squares(128, 128, 128, 255)], "--classes 0=background,128=NAME1,255=NAME2"),
        ([squares(127, 255)], "--classes 0=background,127=NAME1,255=NAME2"),
        ([squares(127, 255, side=4)], "--classes 0=background,127=NAME1,255=NAME2"),
        ([squares(85, 170, 255)], "85=NAME1,170=NAME2,255=NAME3"),
        ([squares(100, 200, 100, 200)], "--classes 0=background,100=NAME1,200=NAME2"),
        ([squares(30, 40, 50, 60)] * 3, "same 4, 30, 40, 50, 60.*30=NAME1"),
        ([squares(18, 19, 20)] * 3, "same 3, 18, 19, 20"),
        ([squares(1, 2, 255)], "--ignore 255"),
        ([squares(1, 1, 255)], "--ignore 255"),
        ([squares(1, 255, 255, 255)], "--ignore 255"),
        ([squares(5, 65535, 9)], "--ignore 65535"),
        ([255 - squares(255, 255, 255)] * 2, "look inverted.*--classes 0=cell,255=background"),
        ([1 - squares(1, 1, 1, 1)] * 2, "look inverted.*--classes 0=cell,1=background"),
        ([np.full((9, 9), 255)] * 2, "everything is 255 in every mask"),
    ],
)
def test_a_doubtful_guess_stops_and_says_what_to_write(folders, masks, words):
    fill(folders, masks, ".tif", np.uint16)
    with pytest.raises(ValueError, match=words):
        load_folder(*folders)
    report = scan_folder(*folders)
    assert not report.problems
    assert report.guess.doubt
    assert report.guess.reason


@pytest.mark.parametrize(
    ("masks", "dtype", "kind", "cells"),
    [
        ([squares(1, 1, 1)], np.uint8, "binary", 3),
        ([squares(255, 255)], np.uint8, "binary", 2),
        ([squares(1, 1)], bool, "binary", 2),
        ([squares(7, 7)], np.int16, "binary", 2),
        ([squares(*range(1, 13)), squares(*range(1, 11), shift=3), squares(*range(1, 8))],
         np.uint16, "instances", None),
        ([squares(3, 77, 300, 12)], np.uint16, "instances", 4),
        ([squares(70001, 5, 99999)], np.uint32, "instances", 3),
        ([squares(4, 40, 41)], np.float32, "instances", 3),
        ([squares(1, 2, 1, 2)], np.uint8, "classes", None),
        ([np.zeros((9, 9))], np.uint8, "binary", 0),
        ([np.pad(np.ones((30, 50)), 5)], np.uint8, "binary", 1),  # one large thing
    ],
)  # fmt: skip
def test_right_masks_are_never_refused(folders, masks, dtype, kind, cells):
    fill(folders, masks, ".tif", dtype)
    report = scan_folder(*folders)
    assert (report.guess.kind, report.guess.doubt) == (kind, "")
    data = load_folder(*folders)
    if cells is not None:
        assert cells_of(data)[0] == cells
    elif kind == "instances":
        assert cells_of(data) == [12, 10, 7]


def test_small_numbers_at_the_same_places_are_classes(folders):
    fill(folders, [squares(1, 2, 3, 4)] * 3)
    assert load_folder(*folders).num_classes == 5


def test_a_jpeg_under_the_name_of_a_png_is_cut(folders):
    mask = ndimage.binary_dilation(squares(1, 1, 1, 1, 1), iterations=1)
    fill(folders, [255 * mask], format="JPEG", quality=75)
    report = scan_folder(*folders)
    assert "is a JPEG" in report.pairs[0].mask.notes[0]
    data = load_folder(*folders)
    assert cells_of(data) == [5]
    assert np.mean((data.labels[0] > 0) != mask) < 0.02


def test_a_jpeg_that_was_saved_again_is_cut(folders, tmp_path):
    mask = squares(255, 255, 255, side=10)
    Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "a.jpg", quality=60)
    fill(folders, [np.asarray(Image.open(tmp_path / "a.jpg"))])
    data = load_folder(*folders)
    assert cells_of(data) == [3]
    assert np.mean((data.labels[0] > 0) != (mask > 0)) < 0.02


@pytest.mark.parametrize("numbers", [(128, 255, 255), (255, 100, 180), (10, 20, 30)])
def test_a_jpeg_of_numbers_stops(folders, numbers):
    fill(folders, [squares(*numbers)], ".jpg", quality=90)
    with pytest.raises(ValueError, match=r"JPEG, which smears numbers|numbers, which JPEG smears"):
        load_folder(*folders)


def test_numbers_that_jpeg_smeared_and_png_kept_stop(folders, tmp_path):
    for numbers, words in (
        ([128, 255, 255], "fills whole areas"),
        (range(1, 8), "as after JPEG or a resizing"),
        ([20 * i for i in range(1, 8)], "as after resizing or blurring|hardly one fills an area"),
    ):
        Image.fromarray(squares(*numbers).astype(np.uint8)).save(tmp_path / "a.jpg", quality=90)
        fill(folders, [np.asarray(Image.open(tmp_path / "a.jpg"))])
        with pytest.raises(ValueError, match=words):
            load_folder(*folders)


def test_cells_with_the_same_numbers_in_all_masks_are_cells(folders):
    fill(folders, [squares(*range(101, 108))] * 4)
    assert cells_of(load_folder(*folders)) == [7] * 4


@pytest.mark.parametrize("width", [0.8, 1.5])
def test_gaussian_edges_are_no_cells(folders, width):
    masks = [squares(*[255] * n) for n in (7, 5)]
    fill(folders, [ndimage.gaussian_filter(mask.astype(float), width) for mask in masks])
    data = load_folder(*folders)
    assert cells_of(data) == [7, 5]
    assert np.mean((data.labels[0] > 0) != (masks[0] > 0)) < 0.02


# ---- classes and what is ignored ----


def test_values_become_classes(folders):
    fill(folders, [squares(128, 255, 128)])
    data = load_folder(*folders, classes="0=background,128=nucleus,255=cell")
    assert data.class_names == ["background", "nucleus", "cell"]
    assert data.instances is None
    np.testing.assert_array_equal(data.labels[0], squares(1, 2, 1))
    same = load_folder(*folders, classes={255: "cell", 128: "cell"})
    assert (same.num_classes, cells_of(same)) == (2, [3])  # two classes: components are cells
    only = load_folder(*folders, "classes", classes={255: "cell", 128: "cell"})
    assert only.instances is None
    numbers = load_folder(*folders, classes="128=2,255=1")
    np.testing.assert_array_equal(numbers.labels[0], squares(2, 1, 2))


def test_a_value_without_a_class_is_named(folders):
    fill(folders, [squares(128, 255, 77)])
    with pytest.raises(
        ValueError, match=r"77 \(64 pixels\); add 77=NAME to --classes, or say --ign"
    ):
        load_folder(*folders, classes="0=background,128=nucleus,255=cell")


@pytest.mark.parametrize(
    "text", ["255,0,0=cell,0,0,255=nucleus", "'#ff0000'=cell;0x0000ff=nucleus"]
)
def test_colors_become_classes(folders, text):
    mask = np.zeros((40, 60, 3), np.uint8)
    mask[squares(1, 0, 1) > 0] = 255, 0, 0
    mask[squares(0, 1, 0) > 0] = 0, 0, 255
    fill(folders, [mask])
    with pytest.raises(ValueError, match=r"255,0,0=NAME2.*--masks instances"):
        load_folder(*folders)
    data = load_folder(*folders, classes=text.replace("'", ""))
    assert data.class_names == ["background", "cell", "nucleus"]
    np.testing.assert_array_equal(data.labels[0], squares(1, 2, 1))
    assert cells_of(load_folder(*folders, "instances")) == [2]  # a color for each cell


def test_colors_of_a_palette_become_classes(folders):
    fill(folders, [np.zeros((40, 60))])
    picture = Image.fromarray(squares(2, 1).astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 128, 0])
    picture.save(folders[1] / "0.png")
    data = load_folder(*folders, classes="255,0,0=a,0,128,0=b")
    np.testing.assert_array_equal(data.labels[0], squares(2, 1))
    assert load_folder(*folders).num_classes == 3  # by its indices


@pytest.mark.parametrize("text", ["cell", "0=", "=3", "0=a,0=b", "1=a,,2=b", "", "300,0,0=a"])
def test_what_cannot_be_understood_is_said(folders, text):
    fill(folders, [squares(1)])
    with pytest.raises(ValueError, match=r"class|color"):
        load_folder(*folders, classes=text)


def test_ignored_values_have_no_class_and_no_cell(folders):
    mask = squares(1, 2, 2)
    mask[-4:] = 255
    fill(folders, [mask])
    data = load_folder(*folders, ignore=255)
    assert (data.num_classes, data.ignore_label) == (3, 255)
    np.testing.assert_array_equal(data.ignored(0), mask == 255)
    cells = load_folder(*folders, "instances", ignore="255")
    assert cells_of(cells) == [2]
    assert (cells.labels[0][-4:] == 255).all()
    both = load_folder(*folders, ignore="2 255")
    assert both.num_classes == 2
    assert both.ignored(0).sum() == 2 * 64 + 4 * 60


@pytest.mark.parametrize("ignore", ["white", "25O", 254.5, ["255", "none"]])
def test_what_no_pixel_can_hold_is_not_ignored_in_silence(folders, ignore):
    fill(folders, [squares(1, 2)])
    with pytest.raises(
        ValueError, match=r"ignore must be a number or a color|whole numbers, got 254\.5"
    ):
        load_folder(*folders, ignore=ignore)


def test_cells_of_several_named_values_have_two_classes(folders):
    fill(folders, [squares(128, 255, 255)])
    data = load_folder(*folders, "binary", classes="0=background,128=dim,255=bright")
    assert (data.num_classes, data.class_names, cells_of(data)) == (2, None, [3])


def test_negative_values_are_named_and_can_be_ignored(folders):
    mask = squares(1, 1)
    mask[-3:] = -1
    fill(folders, [mask], ".tif", np.int16)
    with pytest.raises(ValueError, match=r"holds -1 at row 37, column 0: .*--ignore -1"):
        load_folder(*folders)
    assert cells_of(load_folder(*folders, ignore=-1)) == [2]


def test_soft_edges_of_floats_are_named(folders):
    fill(folders, [ndimage.gaussian_filter(squares(1, 1).astype(float), 1)], ".tif", np.float32)
    with pytest.raises(ValueError, match=r"whole numbers from 0 up, but holds .* save mask > 0\.5"):
        load_folder(*folders)


# ---- the alpha channel ----


def test_a_mask_in_the_alpha_channel_is_found(folders):
    mask = np.full((40, 60, 4), 255, np.uint8)
    mask[..., 3] = squares(255, 255, 255)
    fill(folders, [mask])
    assert "alpha" in scan_folder(*folders).pairs[0].mask.notes[0]
    assert cells_of(load_folder(*folders)) == [3]


def test_transparent_pixels_are_background_and_opaque_masks_as_they_were(folders):
    mask = np.zeros((40, 60, 4), np.uint8)
    mask[..., :3] = np.where(squares(1, 2, 3), squares(20, 30, 40), 99)[..., None]
    mask[..., 3] = 255 * (squares(1, 1, 1) > 0)
    fill(folders, [mask])
    assert cells_of(load_folder(*folders, "instances")) == [3]
    mask[..., 3] = 255
    fill(folders, [mask])
    assert cells_of(load_folder(*folders, "instances")) == [4]


# ---- polygons ----


def polygons(path, *shapes, size=(40, 60)):
    made = [
        {"label": label, "points": points, "shape_type": kind, "group_id": group}
        for label, points, kind, group in shapes
    ]
    found = {"version": "5.4", "shapes": made, "imageHeight": size[0], "imageWidth": size[1]}
    path.write_text(json.dumps(found))


TRIANGLE = [[2, 2], [12, 2], [2, 12]]
SQUARE = [[20, 5], [30, 5], [30, 15], [20, 15]]


def test_polygons_of_one_label_are_cells(folders):
    fill(folders, [np.zeros((40, 60))])
    (folders[1] / "0.png").unlink()
    shapes = [("cell", TRIANGLE, "polygon", None), ("cell", [[40, 20], [46, 20]], "circle", None)]
    shapes += [("cell", SQUARE, "polygon", 3), ("cell", [[22, 30], [28, 36]], "rectangle", 3)]
    polygons(folders[1] / "0.json", *shapes)
    data = load_folder(*folders)
    assert cells_of(data) == [3]  # two shapes are of one group
    assert data.instances[0][3, 3] == 1
    assert data.instances[0][20, 44] == 2
    assert data.instances[0][10, 25] == data.instances[0][33, 25] == 3
    assert load_folder(*folders, "binary").num_classes == 2


def test_polygons_of_several_labels_are_classes(folders):
    images, _ = folders
    fill(folders, [np.zeros((40, 60))])
    shapes = [("nucleus", TRIANGLE, "polygon", None), ("cell", SQUARE, "polygon", None)]
    shapes.append(("__ignore__", [[50, 30], [59, 39]], "rectangle", None))
    polygons(images / "0.json", *shapes)  # beside the image, where LabelMe puts it
    data = load_folder(images, images)
    assert data.class_names == ["background", "cell", "nucleus"]
    assert (data.labels[0][10, 25], data.labels[0][3, 3]) == (1, 2)
    assert data.ignored(0)[35, 55]
    named = load_folder(images, images, classes="nucleus=1,cell=2")
    assert (named.labels[0][10, 25], named.labels[0][3, 3]) == (2, 1)
    assert cells_of(load_folder(images, images, "instances")) == [2]
    with pytest.raises(
        ValueError, match="label 'cell', which the classes do not name: add cell=NAME"
    ):
        load_folder(images, images, classes="nucleus=1")


def test_other_json_says_what_it_is(folders):
    fill(folders, [np.zeros((40, 60))])
    (folders[1] / "0.png").unlink()
    (folders[1] / "0.json").write_text('{"images": [], "annotations": []}')
    with pytest.raises(ValueError, match=r"0\.json: is JSON of COCO"):
        load_folder(*folders)


# ---- names ----


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("c0.png", "c0_gt.png"), ("c0.png", "c0_cp_masks.png"), ("c0.png", "c0_segmentation.png"),
        ("c0.png", "c0_annotation.png"), ("c0.png", "c0.mask.png"), ("c0.png", "c0-Labels.png"),
        ("c0.png", "c0_Simple Segmentation.png"), ("c0.png", "mask_c0.png"),
        ("c0.png", "c0_GroundTruth.png"), ("c0_image.png", "c0_mask.png"), ("c0.ome.tif", "c0.png"),
        ("C0.PNG", "c0.png"), ("e\u0301.png", "\xe9.png"), ("c0_0000.png", "c0.png"),
        ("a_cells.png", "a_cells_mask.png"), ("mask_1.png", "mask_1.png"),
    ],
)  # fmt: skip
def test_names_that_people_give(folders, image, mask):
    gray = np.full((9, 9), 50, np.uint8)
    gray[2:5, 2:5] = 1
    Image.fromarray(gray).save(folders[0] / image, format="TIFF" if "tif" in image else "PNG")
    Image.fromarray((gray == 1).astype(np.uint8)).save(folders[1] / mask)
    assert cells_of(load_folder(*folders)) == [1]


def test_names_that_differ_by_their_case_only_are_told_apart(folders):
    for i, name in enumerate(("a.png", "A.png")):
        gray = np.full((9, 9 + i), 50, np.uint8)
        Image.fromarray(gray).save(folders[0] / name)
        Image.fromarray(gray // 50).save(folders[1] / name)
    assert len(scan_folder(*folders).pairs) == 2


def test_what_is_passed_over_is_known_and_may_be_warned_of(folders):
    fill(folders, [squares(1)])
    (folders[0] / "notes.txt").write_text("x")
    (folders[0] / "more").mkdir()
    (folders[0] / "more" / "1.png").write_bytes(b"x")
    (folders[0] / "slide.czi").write_bytes(b"x")
    report = scan_folder(*folders)
    assert [file.path.name for file in report.passed_over] == ["more", "notes.txt", "slide.czi"]
    assert [file.is_image for file in report.passed_over] == [True, False, True]
    assert report.passed_over_in_words() == "passed over: 1 folder, 1 .txt, 1 .czi"
    with pytest.warns(UserWarning, match=r"more: a folder.*1 image files.*slide\.czi: .*TIFF"):
        load_folder(*folders)
    assert json.dumps(report.to_dict())


def test_folders_of_other_names_are_found(folders, tmp_path):
    fill(folders, [squares(1), squares(1)])
    folders[0].rename(tmp_path / "Images")
    folders[1].rename(tmp_path / "labels")
    assert len(load(tmp_path)) == 2
    (tmp_path / "labels").rename(tmp_path / "results")
    with pytest.raises(FileNotFoundError, match="there is Images/, results/"):
        load(tmp_path)
    with pytest.raises(ValueError, match="--masks, --ignore is for a folder of yours"):
        load("synthetic-cells", kind="binary", ignore="255")
