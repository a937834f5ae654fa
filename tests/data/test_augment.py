import numpy as np
import pytest

from tinyunet.data import Augmentation, random_crop, random_gray, random_symmetry


def coordinates(height, width):
    """An image whose two channels are a pixel's row and column."""
    return np.moveaxis(np.indices((height, width)), 0, -1).astype(np.float32)


def code(image):
    """One number for each (row, column), as labels or weights."""
    return (image[..., 0] * 1000 + image[..., 1]).astype(np.int64)


# ---- random_symmetry ----


def test_all_eight_symmetries_occur_and_arrays_stay_together():
    rng = np.random.default_rng(0)
    image = coordinates(5, 7)
    labels, weights = code(image), code(image) / 2
    before = image.copy()
    seen = set()
    for _ in range(200):
        new_image, new_labels, new_weights = random_symmetry(rng, image, labels, weights)
        np.testing.assert_array_equal(code(new_image), new_labels)
        np.testing.assert_array_equal(new_labels / 2, new_weights)
        assert sorted(new_labels.ravel()) == sorted(labels.ravel())
        seen.add((new_labels.shape, new_labels.tobytes()))
    assert len(seen) == 8
    np.testing.assert_array_equal(image, before)


def test_a_symmetry_returns_new_arrays():
    rng = np.random.default_rng(0)
    image = coordinates(4, 4)
    for _ in range(30):  # the identity among them
        (out,) = random_symmetry(rng, image)
        out[:] = -1
    np.testing.assert_array_equal(image, coordinates(4, 4))


def test_without_quarter_turns_the_four_symmetries_of_a_rectangle_occur():
    rng = np.random.default_rng(0)
    image = coordinates(5, 7)
    outs = [random_symmetry(rng, image, quarter_turns=False)[0] for _ in range(100)]
    assert {out.shape for out in outs} == {image.shape}
    assert len({out.tobytes() for out in outs}) == 4


# ---- random_crop ----


def test_same_padding_crops_image_and_targets_alike():
    rng = np.random.default_rng(0)
    image = coordinates(9, 12)
    seen = set()
    for _ in range(300):
        window, (labels, weights) = random_crop(
            rng, image, [code(image), image[..., 1]], (6, 8), (6, 8)
        )
        assert window.shape == (6, 8, 2)
        np.testing.assert_array_equal(code(window), labels)
        np.testing.assert_array_equal(window[..., 1], weights)
        top, left = window[0, 0]
        np.testing.assert_array_equal(window, coordinates(9, 12)[int(top) :, int(left) :][:6, :8])
        seen.add((top, left))
    assert len(seen) == (9 - 6 + 1) * (12 - 8 + 1)  # every position occurs


def test_valid_windows_are_the_middle_of_the_mirrored_image():
    rng = np.random.default_rng(1)
    image = coordinates(10, 13)
    mirrored = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="reflect")
    for _ in range(50):
        window, (labels,) = random_crop(rng, image, [code(image)], 12, 4)
        assert window.shape == (12, 12, 2)
        assert labels.shape == (4, 4)
        np.testing.assert_array_equal(code(window)[4:8, 4:8], labels)
        top, left = (int(i) for i in window[4, 4])
        np.testing.assert_array_equal(window, mirrored[top : top + 12, left : left + 12])


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (2, 1)])
def test_small_images_are_mirrored_over_and_over_and_seen_whole(shape):
    rng = np.random.default_rng(2)
    image = coordinates(*shape)
    mirrored = np.pad(image, ((40, 40), (40, 40), (0, 0)), mode="reflect")
    for _ in range(20):
        window, (labels,) = random_crop(rng, image, [code(image)], 30, 12)
        np.testing.assert_array_equal(code(window)[9:21, 9:21], labels)
        assert set(labels.ravel()) == set(code(image).ravel())
        assert any(
            np.array_equal(window, mirrored[40 - top :, 40 - left :][:30, :30])
            for top in range(40)
            for left in range(40)
        )


def test_crop_leaves_its_arguments_alone():
    image = coordinates(8, 8)
    window, (labels,) = random_crop(np.random.default_rng(0), image, [code(image)], 8, 8)
    window[:] = -1
    labels[:] = -1
    np.testing.assert_array_equal(image, coordinates(8, 8))


def test_crop_refuses_an_input_smaller_than_the_output():
    with pytest.raises(ValueError, match="input_size 4 is smaller than output_size 8"):
        random_crop(np.random.default_rng(0), coordinates(9, 9), [], 4, 8)


def test_crop_refuses_targets_of_another_size():
    with pytest.raises(
        ValueError, match=r"target has shape \(9, 8\), but the image is \(9, 9, 2\)"
    ):
        random_crop(np.random.default_rng(0), coordinates(9, 9), [np.zeros((9, 8))], 4, 4)


# ---- random_gray ----


def test_gray_values_change_within_the_documented_ranges():
    rng = np.random.default_rng(0)
    image = np.linspace(0, 1, 50, dtype=np.float32).reshape(5, 10, 1)
    offsets, gains, gammas = [], [], []
    for _ in range(300):
        out = random_gray(rng, image)
        assert out.dtype == np.float32
        assert out.shape == image.shape
        assert (np.diff(out.ravel()) > 0).all()  # the order of gray values stays
        black, middle, white = out.ravel()[[0, 20, -1]]
        offsets.append(black)
        gains.append(white - black)
        gammas.append(np.log((middle - black) / gains[-1]) / np.log(20 / 49))
    for values, low, high in ((offsets, -0.05, 0.05), (gains, 0.8, 1.2), (gammas, 0.8, 1.25)):
        assert low - 1e-5 <= min(values) < low + 0.02 * (high - low)
        assert high + 1e-5 >= max(values) > high - 0.02 * (high - low)


def test_gray_treats_channels_alike_and_survives_negative_values():
    image = np.repeat(np.linspace(-0.1, 1, 12, dtype=np.float32).reshape(3, 4, 1), 3, axis=2)
    before = image.copy()
    out = random_gray(np.random.default_rng(0), image)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[..., 0], out[..., 2])
    np.testing.assert_array_equal(image, before)


# ---- Augmentation ----


def test_nothing_is_the_plain_crop_and_rigid_is_symmetry_and_gray():
    image = np.random.default_rng(0).random((30, 40, 1), np.float32)
    labels = code(coordinates(30, 40))
    for augmentation in (Augmentation.none(), Augmentation.rigid()):
        rng, by_hand = (np.random.default_rng(4) for _ in range(2))
        window, targets = augmentation.window(rng, image, [labels], 24, 16)
        expected, expected_targets = random_crop(by_hand, image, [labels], 24, 16)
        if augmentation == Augmentation.rigid():
            expected, *expected_targets = random_symmetry(by_hand, expected, *expected_targets)
            expected = random_gray(by_hand, expected)
        np.testing.assert_array_equal(window, expected)
        np.testing.assert_array_equal(targets, expected_targets)


def test_each_choice_does_its_own():
    image = np.random.default_rng(0).random((40, 40, 1), np.float32)
    labels = code(coordinates(40, 40))

    def window(**choice):
        rng = np.random.default_rng(1)
        return Augmentation(**choice).window(rng, image, [labels], 40, 40)

    plain, (plain_labels,) = window()
    np.testing.assert_array_equal(plain, image)
    gray, (same_labels,) = window(gray=True)
    assert not np.array_equal(gray, image)
    np.testing.assert_array_equal(same_labels, plain_labels)
    for choice in ({"flips": True}, {"rotate": True}, {"elastic": 40.0}, {"shift": 6.0}):
        changed, (changed_labels,) = window(**choice)
        assert not np.array_equal(changed, image)
        assert not np.array_equal(changed_labels, plain_labels)


@pytest.mark.parametrize("size", [((44, 30), (24, 10)), ((32, 32), (32, 32))])
def test_full_gives_windows_of_the_asked_size_and_changes_no_argument(size):
    rng = np.random.default_rng(0)
    image = rng.random((36, 50, 3), np.float32)
    labels = rng.integers(0, 3, (36, 50))
    weights = (labels * 1.5).astype(np.float32)
    before = image.copy(), labels.copy(), weights.copy()
    seen = set()
    for _ in range(10):
        window, (y, w) = Augmentation.full().window(rng, image, [labels, weights], *size)
        assert window.shape == (*size[0], 3)
        assert y.shape == w.shape == size[1]
        assert (window.dtype, y.dtype, w.dtype) == (np.float32, labels.dtype, np.float32)
        np.testing.assert_array_equal(w, y * 1.5)
        seen.add(y.tobytes())
    assert len(seen) == 10
    for array, copy in zip((image, labels, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    "choice", [{"elastic": -1}, {"elastic": float("inf")}, {"shift": float("nan")}]
)
def test_impossible_choices_are_named(choice):
    with pytest.raises(ValueError, match=f"{next(iter(choice))} must be 0 or more pixels"):
        Augmentation(**choice)
