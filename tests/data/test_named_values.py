"""What a user names with --classes and --ignore: what no mask holds, and advice that may be copied."""

import re

import numpy as np
import pytest
from PIL import Image
from test_mask_kinds import fill, squares

from tinyunet.data import check_folder, load_folder, scan_folder
from tinyunet.data.files.class_codes import parse
from tinyunet.data.files.mask_files import placeholders


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


THREE = "0=background,128=nucleus,255=cell"
ABSENT = {
    "a class": ({"classes": THREE}, r"class 2 \(cell\) has no pixel in any mask: none holds 255"),
    "a value": ({"classes": "0=bg,128=cell,99=cell"}, "named cell is in no mask: none holds 99"),
    "of two": ({"classes": "0=bg,128=bg,7=cell"}, r"class 1 \(cell\) has no pixel .* holds 7"),
    "ignored": ({"ignore": "77"}, "nothing is ignored: no mask holds 77"),
    "a gray": ({"ignore": "77,77,77"}, "nothing is ignored: no mask holds 77,77,77"),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_no_mask_holds_is_named(folders, what):
    said, words = ABSENT[what]
    fill(folders, [squares(*[128] * n) for n in (3, 2, 4)])
    with pytest.warns(UserWarning, match=words):
        load_folder(*folders, **said)
    look = check_folder(folders[0].parent, **said).look
    found = [line for line in look if "no pixel in any" in line or "no mask" in line]
    assert len(found) == 1
    assert re.search(words, found[0])


def in_color(*colors):
    mask = np.zeros((40, 60, 3), np.uint8)
    for i, color in enumerate(colors):
        mask[3 + 8 * i : 8 + 8 * i, 4:30] = color
    return mask


RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def test_advice_has_a_name_for_each_value_and_none_for_what_is_ignored(folders):
    fill(folders, [in_color(RED, GREEN, WHITE), in_color(GREEN, WHITE)])
    with pytest.raises(ValueError, match="0,255,0=NAME1,255,0,0=NAME2,255,255,255=NAME3"):
        load_folder(*folders)
    for ignore in ("255,255,255", 255):
        with pytest.raises(ValueError, match=r"0,0,0=background,0,255,0=NAME1,255,0,0=NAME2 \("):
            load_folder(*folders, ignore=ignore)
    with pytest.raises(ValueError, match=r"add 0,255,0=NAME1,255,255,255=NAME2 to --classes"):
        load_folder(*folders, classes="0,0,0=background,255,0,0=cell")
    assert placeholders([7]) == "7=NAME"


def test_gray_classes_stay_numbers_beside_a_color_that_is_ignored(folders):
    masks = [in_color((1, 1, 1), (2, 2, 2), (1, 1, 1), (255, 0, 255))] * 3
    fill(folders, masks)
    data = load_folder(*folders, ignore="255,0,255")
    assert np.unique(data.labels[0]).tolist() == [0, 1, 2, 255]
    assert data.instances is None
    fill(folders, [np.where(mask == (255, 0, 255), 255, mask)[..., 0] for mask in masks])
    assert np.unique(load_folder(*folders, ignore="255,255,255").labels[0]).tolist() == [
        0,
        1,
        2,
        255,
    ]


def test_255_is_left_out_of_the_advice_for_where_it_is_ignored(folders):
    fill(folders, [squares(1, 2, 2, 255), squares(1, 1, 2, 255)])
    with pytest.raises(ValueError, match=r"--ignore 255 \(ignore=255\), and --masks classes if"):
        load_folder(*folders)
    fill(folders, [squares(60, 90, 255), squares(90, 60, 255)])
    with pytest.raises(ValueError, match=r"--ignore 255 .*=background,60=NAME1,90=NAME2 "):
        load_folder(*folders)


@pytest.mark.parametrize("classes", ["0=background,128=NAME", "1=NAME1,2=NAME2", {255: "NAME"}])
def test_a_placeholder_is_no_name(classes):
    with pytest.raises(
        ValueError, match=r"stands for a name of your choice: say what (128|1|255) is"
    ):
        parse(classes, None)
    assert parse("1=Name,2=rename1", None).names == ["background", "Name", "rename1"]


@pytest.mark.parametrize("numbers", [(1, 2, 3, 4), (20, 27, 34)])
def test_a_number_for_each_image_is_no_class(folders, numbers):
    fill(folders, [squares(*[number] * (i + 2)) for i, number in enumerate(numbers)])
    with pytest.raises(ValueError, match="one number beside 0, and no two the same"):
        load_folder(*folders)
    assert load_folder(*folders, "binary").instances[0].max() == 2
    fill(folders, [squares(*[number] * 3) for number in (*numbers, numbers[0])])
    assert "no two the same" not in scan_folder(*folders).guess.doubt


def test_a_palette_that_shows_0_as_cells_leaves_a_doubt(folders):
    fill(folders, [squares(255, 255), squares(255)])
    for i, mask in enumerate((squares(255, 255), squares(255))):
        shown = Image.fromarray((mask == 0).astype(np.uint8))
        shown.putpalette([255, 255, 255, 0, 0, 0])
        shown.save(folders[1] / f"{i}.png")
    with pytest.raises(ValueError, match="palette shows the number 0 bright and 1 black"):
        load_folder(*folders)
    data = load_folder(*folders, classes="0=cell,1=background")
    assert [cells.max() for cells in data.instances] == [2, 1]
    assert check_folder(folders[0].parent).report.guess.doubt
    usual = Image.fromarray((squares(255) > 0).astype(np.uint8))
    usual.putpalette([0, 0, 0, 255, 255, 255])
    for i in range(2):
        usual.save(folders[1] / f"{i}.png")
    assert load_folder(*folders).instances[0].max() == 1
