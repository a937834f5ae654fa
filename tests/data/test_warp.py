"""Elastic deformation and rotation: the paper's field, one map for image and targets."""

import numpy as np
import pytest
from scipy import ndimage

from tinyunet.data import deformed, displacement_field, random_crop, random_warped_crop, warp


def coordinates(height, width):
    """An image whose two channels are a pixel's row and column."""
    return np.moveaxis(np.indices((height, width)), 0, -1).astype(np.float32)


def code(image):
    """One number for each (row, column), as labels."""
    return (np.rint(image[..., 0]) * 1000 + np.rint(image[..., 1])).astype(np.int64)


def noise(height, width, channels=1, seed=0):
    return np.random.default_rng(seed).random((height, width, channels), np.float32)


class QuarterTurn:
    """A random generator that draws the first place and a quarter turn."""

    def integers(self, low, high):
        return low

    def uniform(self, low, high):
        return np.pi / 2


# ---- the field ----


def test_vectors_on_the_grid_are_gaussian_with_ten_pixels_for_512():
    rng = np.random.default_rng(0)
    shape = (65, 129)  # grid points lie on pixels
    draws = np.array([displacement_field(rng, shape)[:, ::32, ::64] for _ in range(2000)])
    assert draws.shape == (2000, 2, 3, 3)
    values = draws.reshape(2000, 18) / (10 * 65 / 512)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=0.1)
    independent = np.corrcoef(values.T) - np.eye(18)
    assert np.abs(independent).max() < 0.1
    kurtosis = (values**4).mean() / (values**2).mean() ** 2
    assert 2.8 < kurtosis < 3.2


def test_field_is_the_cubic_spline_of_its_grid_as_scipy_computes_it():
    shape = (50, 81)
    field = displacement_field(np.random.default_rng(3), shape, std=20)
    grid = warp.displacement_grid(np.random.default_rng(3), shape, std=20)
    assert field.shape == (2, *shape)
    y, x = np.indices(shape, float)
    at = [2 * y / 49, 2 * x / 80]
    for component, values in zip(field, grid, strict=True):
        spline = ndimage.map_coordinates(values, at, order=3, mode="mirror")
        np.testing.assert_allclose(component, spline, atol=1e-10)


def test_field_grows_with_the_image():
    small, large = (displacement_field(np.random.default_rng(1), (n, n)) for n in (65, 129))
    np.testing.assert_allclose(large[:, ::2, ::2], small * 129 / 65, atol=1e-10)
    twice = displacement_field(np.random.default_rng(1), (65, 65), std=20)
    np.testing.assert_allclose(twice, 2 * small, atol=1e-10)


@pytest.mark.parametrize("shape", [(256, 256), (40, 512), (512, 40)])
def test_field_is_smooth_and_never_folds_the_image(shape):
    rng, (height, width) = np.random.default_rng(2), shape
    for _ in range(20):
        field = displacement_field(rng, shape)
        inner = np.s_[:, : height - 1, : width - 1]
        (a, c), (b, d) = (
            np.diff(field, axis=axis)[inner] for axis in (1, 2)
        )  # a = dfy/dy, b = dfy/dx
        assert ((1 + a) * (1 + d) - b * c > 0.3).all()  # the area of a pixel: it stays positive
        for axis in (1, 2):
            assert np.abs(np.diff(field, 2, axis=axis)).max() < 0.02 * 256 / min(shape)


def test_beyond_the_border_the_displacement_is_that_of_the_border():
    grid = warp.displacement_grid(np.random.default_rng(0), (40, 60))
    wide = warp.spread(grid, np.arange(-9, 49), np.arange(-7, 67), (40, 60))
    field = warp.spread(grid, np.arange(40), np.arange(60), (40, 60))
    np.testing.assert_array_equal(wide, np.pad(field, ((0, 0), (9, 9), (7, 7)), mode="edge"))


# ---- interpolation ----


def test_deformed_agrees_with_the_formula_of_a_smooth_image():
    def paint(y, x):
        return np.stack([np.sin(y / 7) * np.cos(x / 9), np.cos((y + x) / 11)], axis=-1)

    y, x = np.indices((80, 90), float)
    image = paint(y, x)
    field = np.stack([0.1 * (x - 40), -0.15 * (y - 40) + 0.05 * x])  # affine
    out = deformed(image, field)
    y, x = y + field[0], x + field[1]
    inside = (y > 5) & (y < 74) & (x > 5) & (x < 84)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(out[inside], paint(y, x)[inside], atol=1e-4)


def test_only_the_needed_part_of_the_spline_is_computed():
    image = noise(150, 140)
    places = warp.turned(np.arange(50, 70), np.arange(40, 66), 0.7)
    padded = np.pad(image[..., 0], 30, mode="reflect").astype(float)
    whole = ndimage.map_coordinates(padded, places + 30, order=3)
    np.testing.assert_allclose(warp.sample(image, places)[..., 0], whole, atol=2e-6)


def test_channels_are_deformed_alike():
    image = noise(40, 50, 3)
    field = displacement_field(np.random.default_rng(0), (40, 50), 40)
    out = deformed(image, field)
    assert out.dtype == np.float32
    for c in range(3):
        np.testing.assert_array_equal(out[..., c : c + 1], deformed(image[..., c : c + 1], field))


# ---- rotation ----


@pytest.mark.parametrize("side", [20, 21])
@pytest.mark.parametrize("quarters", range(4))
def test_quarter_turns_are_those_of_numpy(side, quarters):
    image = noise(side, side, 2)
    places = warp.turned(np.arange(side), np.arange(side), quarters * np.pi / 2)
    expected = np.rot90(image, -quarters)
    np.testing.assert_allclose(warp.sample(image, places.clip(0, side - 1)), expected, atol=1e-5)


@pytest.mark.parametrize(("input_size", "output_size"), [(24, 24), (24, 10)])
def test_a_crop_turned_by_ninety_degrees_is_turned_as_a_whole(input_size, output_size):
    image, labels = noise(24, 24), np.arange(24 * 24).reshape(24, 24)
    arguments = image, [labels], input_size, output_size
    straight, (straight_labels,) = random_crop(QuarterTurn(), *arguments)
    out, (out_labels,) = random_warped_crop(QuarterTurn(), *arguments, elastic=0)
    np.testing.assert_allclose(out, np.rot90(straight, -1), atol=1e-5)
    np.testing.assert_array_equal(out_labels, np.rot90(straight_labels, -1))


def test_rotation_keeps_distances_and_finds_all_directions():
    rng = np.random.default_rng(0)
    image = coordinates(150, 150)
    angles = []
    for _ in range(100):
        window, _ = random_warped_crop(rng, image, [], (21, 33), (21, 33), elastic=0)
        right, down = window[0, -1] - window[0, 0], window[-1, 0] - window[0, 0]
        if not (window.min() > 20 and window.max() < 130):
            continue  # mirrored, or near the border
        np.testing.assert_allclose(np.hypot(*right), 32, atol=1e-3)
        np.testing.assert_allclose(np.hypot(*down), 20, atol=1e-3)
        np.testing.assert_allclose(right @ down, 0, atol=0.05)
        assert right[1] * down[0] - right[0] * down[1] > 0  # turned, not mirrored
        angles.append(np.arctan2(*right))
    counts = np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0]
    assert counts.min() > 5


# ---- windows ----

CHOICES = [
    {"rotate": True, "elastic": 0.0},
    {"rotate": False, "elastic": 30.0},
    {"rotate": True, "elastic": 30.0, "shift": 5.0},
    {"rotate": False, "elastic": 0.0, "shift": 5.0},
]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("input_size", "output_size"), [((30, 40), (30, 40)), (40, 17), (41, 12)])
def test_image_and_targets_are_seen_through_the_same_map(choice, input_size, output_size):
    """A spline keeps straight lines: the window of a coordinate image says where it comes from."""
    rng = np.random.default_rng(0)
    image = coordinates(140, 150)
    compared = 0
    for _ in range(30):
        window, (labels,) = random_warped_crop(
            rng, image, [code(image)], input_size, output_size, **choice
        )
        margin = [(a - b) // 2 for a, b in zip(window.shape, labels.shape, strict=False)]
        middle = window[margin[0] :, margin[1] :][: labels.shape[0], : labels.shape[1]]
        assert middle.shape[:2] == labels.shape
        clear = (np.abs(middle % 1 - 0.5) > 1e-3).all(axis=2)  # not halfway between pixels
        for side, length in enumerate(image.shape[:2]):  # nor where it is mirrored
            clear &= (middle[..., side] > 10) & (middle[..., side] < length - 11)
        np.testing.assert_array_equal(labels[clear], code(middle)[clear])
        compared += clear.sum()
    assert compared > 0.5 * 30 * labels.size


def test_weights_follow_their_labels_exactly_and_no_label_is_invented():
    rng = np.random.default_rng(0)
    labels = np.random.default_rng(1).choice([0, 3, 7], (40, 50))
    table = np.array([0.5, -1, -1, 11.25, -1, -1, -1, 2.125], np.float32)
    image, weights = noise(40, 50), table[labels]
    before = image.copy(), labels.copy(), weights.copy()
    for _ in range(20):
        _, (new_labels, new_weights) = random_warped_crop(
            rng, image, [labels, weights], (48, 36), (32, 20), shift=3
        )
        assert set(np.unique(new_labels)) <= {0, 3, 7}
        np.testing.assert_array_equal(new_weights, table[new_labels])
        assert (new_labels.dtype, new_weights.dtype) == (labels.dtype, np.float32)
    for array, copy in zip((image, labels, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_with_everything_off_it_is_the_plain_crop():
    image, labels = noise(30, 40, 2), np.arange(1200).reshape(30, 40)
    arguments = image, [labels], (36, 28), (20, 12)
    plain, (plain_labels,) = random_crop(np.random.default_rng(5), *arguments)
    out, (out_labels,) = random_warped_crop(
        np.random.default_rng(5), *arguments, rotate=False, elastic=0
    )
    np.testing.assert_allclose(out, plain, atol=1e-5)
    np.testing.assert_array_equal(out_labels, plain_labels)


def test_the_same_seed_draws_the_same_window():
    image, labels = noise(60, 60), np.arange(3600).reshape(60, 60)
    runs = [
        random_warped_crop(np.random.default_rng(seed), image, [labels], 48, 32, shift=4)
        for seed in (7, 7, 8)
    ]
    for again, same in ((1, True), (2, False)):
        assert np.array_equal(runs[0][0], runs[again][0]) == same
        assert np.array_equal(runs[0][1][0], runs[again][1][0]) == same


def test_shift_moves_a_window_that_is_as_large_as_its_image():
    rng = np.random.default_rng(0)
    image = coordinates(60, 60)
    moved = []
    for _ in range(200):
        window, _ = random_warped_crop(rng, image, [], 60, 60, rotate=False, elastic=0, shift=8)
        moved.append(window[30, 30] - 30)
    moved = np.array(moved)
    assert np.abs(moved).max() <= 8
    assert moved.max() > 7
    assert moved.min() < -7
    assert (np.abs(moved - np.rint(moved)) > 0.01).mean() > 0.9  # fractions of a pixel


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (2, 1), (1, 1)])
def test_small_images_are_mirrored_over_and_over(shape):
    rng = np.random.default_rng(2)
    image, labels = noise(*shape), np.arange(shape[0] * shape[1]).reshape(shape)
    for _ in range(20):
        window, (out,) = random_warped_crop(rng, image, [labels], 30, 12, shift=2)
        assert window.shape == (30, 30, 1)
        assert np.isfinite(window).all()
        assert set(np.unique(out)) <= set(labels.ravel())


def test_what_does_not_fit_is_refused_as_by_the_plain_crop():
    with pytest.raises(ValueError, match="input_size 4 is smaller than output_size 8"):
        random_warped_crop(np.random.default_rng(0), noise(9, 9), [], 4, 8)
    with pytest.raises(ValueError, match=r"target has shape \(9, 8\)"):
        random_warped_crop(np.random.default_rng(0), noise(9, 9), [np.zeros((9, 8))], 4, 4)
