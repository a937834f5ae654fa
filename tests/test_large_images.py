"""Probabilities of images that are read window by window are those of one piece."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.segmentation import predict_large


class Windows:
    """An image that is read by windows only, and says how much was read at once."""

    def __init__(self, image):
        self.image, self.shape, self.largest = image, image.shape, 0

    def __getitem__(self, window):
        found = self.image[window]
        self.largest = max(self.largest, found.size)
        return found


def model(padding="same", classes=2):
    return tu.UNet(1, classes, base_channels=2, depth=2, padding=padding, seed=1)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 1), np.float32)


@pytest.mark.parametrize("average", [False, "symmetries"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(150, 61), (61, 150), (1, 9)])
def test_it_is_what_predict_image_gives(padding, average, size):
    net, image = model(padding, classes=3), picture(*size)
    tile = net.input_size(60, 60)
    expected = tu.predict_image(net, image, tile=tile, average=average)
    found = np.full((*size, 3), 7, np.float32)
    predict_large(net, Windows(image), found, tile=tile, average=average)
    np.testing.assert_array_equal(found, expected)


def test_no_more_is_read_at_once_than_a_row_of_tiles():
    image = Windows(picture(400, 80))
    found = np.empty((400, 80, 2), np.float32)
    predict_large(model(), image, found, tile=64)
    assert 0 < image.largest <= 64 * 80


def test_rotations_are_of_one_piece():
    net, image = model(), picture(30, 41)
    found = np.empty((30, 41, 2), np.float32)
    predict_large(net, Windows(image), found, average="rotations")
    np.testing.assert_array_equal(found, tu.predict_image(net, image, average="rotations"))


def test_what_cannot_be_is_refused_as_by_predict_image():
    image = picture(90, 20)
    image[70] = np.nan
    found = np.empty((90, 20, 2), np.float32)
    with pytest.raises(ValueError, match="NaN or infinite"):
        predict_large(model(), image, found, tile=60)
    with pytest.raises(ValueError, match=r"\(H, W, 1\), got one of shape"):
        predict_large(model(), np.arange(5400.0).reshape(90, 20, 3), found)
    with pytest.raises(ValueError, match="none, symmetries, rotations, got 'all'"):
        predict_large(model(), image, found, average="all")
