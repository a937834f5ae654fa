"""Copies of an image go to one part of the split: what was trained on is no test."""

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import check_folder, load, scan_folder
from tinyunet.data.check.look import check_report
from tinyunet.data.groups import joined

CHANGES = {
    "as it is": lambda image: image,
    "turned": lambda image: np.rot90(image),
    "mirrored": lambda image: image[:, ::-1],
}


@pytest.fixture
def mine(tmp_path):
    """Nine images of noise, and a mask for each."""
    rng = np.random.default_rng(8)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(9):
        put(tmp_path, i, rng.integers(0, 256, (16, 16), np.uint8))
        mask = np.zeros((16, 16), np.uint8)
        mask[2 : 4 + i, 3:9] = 255
        Image.fromarray(mask).save(tmp_path / f"masks/{i}.png")
    return tmp_path


def put(mine, i, image):
    Image.fromarray(np.ascontiguousarray(image)).save(mine / f"images/{i}.png")


def image_of(mine, i):
    with Image.open(mine / f"images/{i}.png") as file:
        return np.asarray(file)


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_in_one_part(mine, change):
    put(mine, 7, CHANGES[change](image_of(mine, 0)))
    put(mine, 8, CHANGES[change](image_of(mine, 7)))  # a chain, in which 8 is no copy of 0
    for seed in range(5):
        check = check_folder(mine, split_seed=seed)
        assert len({check.parts[name] for name in ("0", "7", "8")}) == 1
        assert (
            check_report(mine, scan_folder(mine / "images", mine / "masks"), seed).parts
            == check.parts
        )
        for part, data in zip(("training", "validation", "test"), load(mine).split(seed=seed),
                              strict=True):  # fmt: skip
            assert data.names == [name for name, found in check.parts.items() if found == part]
    assert any("kept in one part" in line for line in check.look)
    assert not any("too good" in line for line in check.look)


def test_copies_that_are_kept_are_one_line(mine):
    for i, other in ((5, 0), (6, 1), (7, 2)):
        put(mine, i, image_of(mine, other))
    (line,) = [line for line in check_folder(mine).look if "same image" in line]
    assert "in 3 cases, each kept in one part (0 = 5, 1 = 6, 2 = 7)" in line


def test_empty_images_are_no_copies_of_each_other(mine):
    before = [part.names for part in load(mine).split()]
    for i in range(4):
        put(mine, i, np.full((16, 16), 3, np.uint8))
    assert [part.names for part in load(mine).split()] == before


def test_images_of_two_values_with_as_many_of_each_are_no_turned_copies(mine):
    for i in range(9):
        image = np.zeros((16, 16), np.uint8)
        image[i, 1:5] = 255
        put(mine, i, image)
    assert len(set(load(mine).groups)) == 9


def test_groups_that_share_an_image_become_one():
    assert joined("abcd", ["1", "2", "3", "4"]) == ["a", "b", "c", "d"]
    assert joined("abcd", ["1", "2", "1", ""]) == ["a", "b", "a", "d"]
    assert joined("abcde", [*"121", "", ""], ["5", "", "6", "5", ""]) == [*"abaae"]
    assert joined("aabbcd", ["1", "2", "2", "3", "4", "5"]) == [*"aaaacd"]
    assert joined("ab", ["", ""]) == ["a", "b"]
    assert joined("abc", ["1", "2", "1"]) == ["a", "b", "c"]  # no split parts two groups in three
