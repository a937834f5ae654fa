"""Prediction for any image size: tiles, borders, averaging."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet.segmentation import tiles as inference
from tinyunet.segmentation.symmetries import AVERAGES


def network(padding="valid", depth=2, device="cpu", **options):
    model = tu.UNet(1, 3, base_channels=4, depth=depth, padding=padding, seed=1, **options)
    rng = np.random.default_rng(0)
    for name, array in model.named_parameters():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    return model.to(device)


def picture(height, width, channels=1, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), np.float32)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(37, 50), (64, 64), (1, 9), (3, 1)])
def test_any_size_gives_probabilities_of_that_size(padding, size, device):
    p = tu.predict_image(network(padding, device=device), picture(*size))
    assert isinstance(p, np.ndarray)
    assert p.shape == (*size, 3)
    assert p.dtype == np.float32
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(2), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("padding", "depth", "tile"),
    [
        ("valid", 2, 48),
        ("valid", 2, 64),
        ("valid", 2, (52, 72)),
        ("valid", 3, 116),  # from here on, what a tile gives is no multiple of 2^depth
        ("valid", 3, 124),
        ("same", 1, 32),
        ("same", 2, 52),
        ("same", 2, (64, 56)),
        ("same", 3, 104),
    ],
)
def test_tiles_equal_the_whole_image(padding, depth, tile):
    model, image = network(padding, depth), picture(61, 123)
    whole = tu.predict_image(model, image)
    tiles = tu.predict_image(model, image, tile=tile)
    np.testing.assert_allclose(tiles, whole, atol=1e-5)


def test_beyond_the_border_a_same_network_sees_zeros():
    model, image = network("same", depth=3), picture(45, 64)
    made_up = np.pad(image, ((0, 3), (0, 0), (0, 0)), mode="reflect")  # to a multiple of 8
    logits = model.predict(made_up[None])[0, :45].astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    np.testing.assert_allclose(tu.predict_image(model, image), expected, atol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_large_image_is_treated_like_a_small_one(padding, monkeypatch):
    model, image, seen = network(padding, depth=1), picture(70, 90), []
    small = tu.predict_image(model, image)
    monkeypatch.setattr(inference, "WHOLE", 60)
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda x: seen.append(x.shape) or predict(x))
    np.testing.assert_allclose(tu.predict_image(model, image), small, atol=1e-5)
    assert len(seen) > 1
    assert len(set(seen)) == 1
    assert max(seen[0][1:3]) < 60


def test_a_tile_larger_than_the_image_changes_nothing():
    model, image = network("same"), picture(30, 90)
    whole = tu.predict_image(model, image)
    np.testing.assert_array_equal(tu.predict_image(model, image, tile=96), whole)
    np.testing.assert_allclose(tu.predict_image(model, image, tile=64), whole, atol=1e-5)


def test_tiles_too_small_for_the_reach_leave_a_rim_out():
    model, image = network("same", depth=3), picture(90, 110)
    whole = tu.predict_image(model, image)
    tiles = tu.predict_image(model, image, tile=96)
    difference = np.abs(tiles - whole)
    assert 1e-5 < difference.max() < 0.1
    edges = [inference.Axis(side, 96, 96, stride=96) for side in image.shape[:2]]
    assert np.abs(inference.stitch(model, image, *edges) - whole).max() > 3 * difference.max()


def test_a_misaligned_stride_would_not_do():
    """The reason for the aligned stride: shifting the image by one pixel shifts the poolings."""
    model, image = network(), picture(61, 83)
    whole = tu.predict_image(model, image)
    shifted = tu.predict_image(model, image[1:])
    assert np.abs(shifted[20:-20] - whole[21:-20]).max() > 1e-3


def test_beyond_the_border_a_valid_network_sees_a_mirror_image():
    model, image = network(), picture(20, 24)
    height, width = model.input_size(20, 24)
    out = model.output_size(height, width)
    margin = (height - out[0]) // 2
    padded = np.pad(
        image,
        ((margin, height - 20 - margin), (margin, width - 24 - margin), (0, 0)),
        mode="reflect",
    )
    logits = model.predict(padded[None])[0, :20, :24].astype(float)
    expected = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    np.testing.assert_allclose(tu.predict_image(model, image), expected, atol=1e-6)


def test_averaging_commutes_with_turning_the_image(device):
    model, image = network("same", device=device), picture(16, 24)
    p = tu.predict_image(model, image, average=True)
    turned = tu.predict_image(model, np.rot90(image), average=True)
    np.testing.assert_allclose(np.rot90(p), turned, atol=1e-5)
    single = tu.predict_image(model, image)
    assert np.abs(np.rot90(single) - tu.predict_image(model, np.rot90(image))).max() > 1e-3


def test_symmetries_go_there_and_back():
    image = picture(5, 7, channels=2)
    versions = AVERAGES["symmetries"](image)
    assert len({version.tobytes() for version, _ in versions}) == 8
    for version, back in versions:
        np.testing.assert_array_equal(back(version), image)


def test_averaging_is_the_mean_of_what_comes_back():
    model, image = network("same", depth=1), picture(10, 14)
    expected = np.zeros((10, 14, 3))
    for turns in range(4):
        turned = np.rot90(image, turns)
        upright = tu.predict_image(model, turned)
        mirrored = tu.predict_image(model, turned[:, ::-1])[:, ::-1]
        expected += (np.rot90(upright, -turns) + np.rot90(mirrored, -turns)) / 8
    average = tu.predict_image(model, image, average="symmetries")
    np.testing.assert_allclose(average, expected, atol=1e-6)
    assert np.abs(average - tu.predict_image(model, image)).max() > 1e-3


def test_rotations_go_there_and_back():
    rows, columns = np.mgrid[:37, :52]
    smooth = (np.sin(rows / 6) + np.cos(columns / 9))[..., None]  # slow enough to be interpolated
    versions = AVERAGES["rotations"](smooth)
    assert len(versions) == 7
    for i, (turned, back) in enumerate(versions):
        restored = back(turned)
        assert restored.shape == smooth.shape
        np.testing.assert_allclose(restored[6:-6, 6:-6], smooth[6:-6, 6:-6], atol=0.02)
        if i:
            assert np.abs(turned - versions[0][0]).max() > 0.5


def test_rotations_are_by_sevenths_of_a_turn():
    slope = np.tile(np.arange(41.0), (41, 1))[..., None]  # rises to the right
    angles = []
    for turned, _ in AVERAGES["rotations"](slope):
        middle = len(turned) // 2
        down, right = (g[middle, middle] for g in np.gradient(turned[..., 0]))
        angles.append((np.degrees(np.arctan2(down, right)) + 1) % 360 - 1)
    np.testing.assert_allclose(sorted(angles), np.arange(7) * 360 / 7, atol=0.5)


def test_rotations_leave_an_image_as_noisy_as_it_is():
    noise = np.random.default_rng(3).normal(size=(64, 64, 1))
    for turned, _ in AVERAGES["rotations"](noise):
        assert turned[20:-20, 20:-20].std() > 0.8 * noise.std()  # linear interpolation leaves 2/3


def test_averaging_over_rotations_takes_any_size_and_keeps_probabilities():
    model, image = network("valid"), picture(21, 34)
    p = tu.predict_image(model, image, average="rotations")
    assert p.shape == (21, 34, 3)
    assert p.dtype == image.dtype
    np.testing.assert_allclose(p.sum(2), 1, atol=1e-5)
    assert np.abs(p - tu.predict_image(model, image)).max() > 1e-4
    with pytest.raises(ValueError, match="none, symmetries, rotations, got 'mirror'"):
        tu.predict_image(model, image, average="mirror")
    plain = tu.predict_image(model, image, average="none")
    np.testing.assert_array_equal(plain, tu.predict_image(model, image))


def test_gray_images_need_no_channel_axis_and_the_mode_stays(device):
    model, image = network(device=device), picture(20, 20)
    model.train()
    np.testing.assert_array_equal(
        tu.predict_image(model, image), tu.predict_image(model, image[..., 0])
    )
    assert model.training


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (picture(20, 20, 3), ValueError, r"\(H, W, 1\).*\(20, 20, 3\)"),
        (np.full((9, 9, 1), np.nan), ValueError, "NaN"),
        (np.where(picture(9, 9) == picture(9, 9).max(), np.inf, 0), ValueError, "infinite"),
        (np.zeros((9, 9, 1), np.uint8), TypeError, "uint8"),
    ],
)
def test_bad_images_are_named(image, error, message):
    with pytest.raises(error, match=message):
        tu.predict_image(network(), image)


def test_bad_tiles_are_named():
    with pytest.raises(ValueError, match="nearest valid sizes"):
        tu.predict_image(network(), picture(90, 90), tile=50)
    with pytest.raises(ValueError, match="use 72 or more"):
        tu.predict_image(network("same", depth=3), picture(90, 90), tile=64)
    assert tu.predict_image(network("same", depth=3), picture(90, 9), tile=72).shape == (90, 9, 3)


@pytest.mark.parametrize(("depth", "tile"), [(3, 512), (4, 512), (5, 768), (6, 1536)])
def test_the_usual_tile_of_a_large_image_suits_the_depth(depth, tile):
    model = tu.UNet(1, 2, base_channels=1, depth=depth, padding="same")
    axis = inference._plan(model, 0, 4000, None)
    assert axis.reads == tile
    assert axis.margin == 6 * 2**depth
    assert axis.stride == axis.gives >= tile // 2


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_an_image_in_one_piece_is_one_tile(padding, depth):
    model = tu.UNet(1, 2, base_channels=1, depth=depth, padding=padding)
    for side in [*range(1, 40), 130, 257, 388, 572, 1000, 1024]:
        axis = inference._plan(model, 0, side, None)
        assert len(axis.starts) == 1
        assert axis.places == [slice(0, side)]


@pytest.mark.parametrize(("padding", "depth"), [("valid", 3), ("valid", 4), ("same", 4)])
def test_the_smallest_images(padding, depth):
    model = tu.UNet(1, 2, base_channels=1, depth=depth, padding=padding)
    p = tu.predict_image(model, np.full((3, 2), 0.5, np.float32))
    assert p.shape == (3, 2, 2)
    np.testing.assert_allclose(p.sum(2), 1, rtol=1e-6)


def test_tiles_are_whole_numbers_of_any_kind_and_nothing_else():
    model = tu.UNet(1, 2, base_channels=1, depth=1, padding="same")
    image = np.random.default_rng(0).random((40, 44)).astype(np.float32)
    wanted = tu.predict_image(model, image, tile=32)
    np.testing.assert_array_equal(tu.predict_image(model, image, tile=np.int64(32)), wanted)
    np.testing.assert_array_equal(tu.predict_image(model, image, tile=[32, 32]), wanted)
    for wrong in ("32", 32.5, (32,), True, 0):
        with pytest.raises(ValueError, match="tile must be"):
            tu.predict_image(model, image, tile=wrong)
    with pytest.raises(ValueError, match="average must be one of"):
        tu.predict_image(model, image, average=["symmetries"])


# ---------------------------------------------------------------------- networks of a user's own


class Sums(tu.Network):
    """What its forward does without a layer cannot be known."""

    def __init__(self, in_place):
        super().__init__()
        rng = np.random.default_rng(0)
        self.small = tu.Conv2d(1, 2, 1, rng=rng)
        self.large = tu.Conv2d(1, 2, 15, padding="same", rng=rng)
        self._in_place = in_place

    def forward(self, x):
        y = self.small(x)
        if self._in_place:
            y += self.large(x)
            return y
        return y + self.large(x)


class Filled(tu.Network):
    """It makes an image up to a multiple of 4, and cuts that off again."""

    def __init__(self):
        super().__init__()
        self.pool, self.up = tu.MaxPool2d(4), tu.ConvTranspose2d(1, 2, 4, stride=4)

    def forward(self, x):
        height, width = x.shape[1:3]
        x = np.pad(x, ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0)))
        return self.up(self.pool(x))[:, :height, :width]


def chain(*layers):
    rng = np.random.default_rng(3)
    for layer in layers:
        for array in layer.params.values():
            array[...] = 0.3 * rng.standard_normal(array.shape)
    return tu.Sequential(*layers)


@pytest.mark.parametrize(
    ("layers", "tile"),
    [
        (lambda: [tu.Conv2d(1, 4, 9, padding="same"), tu.Conv2d(4, 2, 3)], 34),
        (lambda: [tu.Conv2d(1, 2, (3, 5), padding=(0, 2)), tu.Conv2d(2, 2, (1, 5))], (34, 30)),
        (lambda: [tu.Conv2d(1, 4, (3, 7), padding=(0, 3)), tu.Conv2d(4, 2, 1)], (20, 31)),
        (lambda: [tu.Conv2d(1, 4, 5), tu.ConvTranspose2d(4, 2, 5, stride=1)], 33),
        (lambda: [tu.Conv2d(1, 3, 6, padding="same"), tu.Conv2d(3, 2, 6, padding="same")], 35),
        (
            lambda: [
                tu.Conv2d(1, 3, 5, padding=1),
                tu.MaxPool2d(3),
                tu.ConvTranspose2d(3, 2, 3, stride=3),
            ],
            38,
        ),
    ],
)
def test_tiles_of_other_networks_equal_one_piece(layers, tile):
    model, image = chain(*layers()), picture(71, 93, seed=5)
    whole = tu.predict_image(model, image)
    tiles = tu.predict_image(model, image, tile=tile)
    np.testing.assert_allclose(tiles, whole, atol=1e-5)


def test_a_network_without_padding_leaves_nothing_out():
    model = tu.networks.as_network(chain(tu.Conv2d(1, 2, 9)))
    assert not model.pads
    axis = inference._plan(model, 0, 100, 30)
    assert (axis.reads, axis.gives, axis.stride) == (30, 22, 22)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_reach_that_is_not_known_is_said_once(in_place):
    model, image = Sums(in_place), picture(130, 140)
    assert model.pads
    assert model.reach is None
    whole = tu.predict_image(model, image)  # in one piece: no word
    with pytest.warns(UserWarning, match=r"Sums\(.*Set self\.reach.*tile as large") as said:
        tiles = tu.predict_image(model, image, tile=90, average="symmetries")
    assert len(said) == 1
    tiles = tu.predict_image(model, image, tile=90)  # no second time
    np.testing.assert_allclose(tiles, whole, atol=1e-5)  # 7 pixels are less than 32
    told = Sums(in_place)
    told.reach = 7
    np.testing.assert_allclose(tu.predict_image(told, image, tile=40), whole, atol=1e-5)


def test_tiles_meet_poolings_that_sizes_do_not_show():
    model, image = Filled(), picture(150, 131)
    assert model.sizes[0].step == 1
    assert model.tile_stride == 4
    whole = tu.predict_image(model, image)
    with pytest.warns(UserWarning, match=r"self\.reach"):
        tiles = tu.predict_image(model, image, tile=90)
    np.testing.assert_allclose(tiles, whole, atol=1e-5)
    np.testing.assert_allclose(tu.predict_image(model, image, tile=(83, 85)), whole, atol=1e-5)
