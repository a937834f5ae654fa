"""What is wrong with many files alike is said once."""

import pytest

from tinyunet.data.check.grouping import group

NAMES = ("a.png", "b.png", "c.png", "d.png")
ALIKE = {
    "classes": "{0}: holds what the classes do not name: 77 ({1} pixels); add 77=NAME to --classes",
    "float masks": "m/{0}: a mask needs whole numbers from 0 up, but holds 0.{1} at row {1}, column 2",
    "cut files": "{0}: cannot be read: image file is truncated ({1} bytes not processed)",
    "no images": "{0}: cannot be read: it begins as no image does, with b'\\x0{1}'",
    "colour": "in/{0}: the model needs an image (H, W, 1), got one of shape (4{1}, 5, 3); save it",
    "pages": "stack.tif[{1}]: cannot be predicted",
    "valid sizes": "{0}: UNet(depth=2) cannot take an image of height {1}: the nearest are 4 or 8",
    "sizes": "{0} is 4{1}x60, but its mask m_{0} is 60x4{1}; one of them lies on its side: turn it",
    "number of pages": "{0} has 3 page(s), but its mask m_{0} has {1}; a stack needs a mask for each",
    "channels": "image '{0}' has 3 channel(s), but most have 1; convert it",
    "masks": "mask {0} has no image",
}


@pytest.mark.parametrize("what", ALIKE)
def test_the_same_of_many_files_is_one_sentence(what):
    said = [ALIKE[what].format(name, i + 1) for i, name in enumerate(NAMES)]
    (line,) = group(said)
    assert line.startswith("4 ")
    assert ("stack.tif[4]" if what == "pages" else "d.png") in line
    assert group(said[:2]) == said[:2]


def test_what_differs_in_more_than_the_file_stays_apart():
    said = [
        f"{name}: holds what the classes do not name: {i} (3 pixels)"
        for i, name in enumerate(NAMES)
    ]
    assert group(said) == said
