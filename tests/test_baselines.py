import numpy as np
import pytest

from tinyunet import metrics
from tinyunet.data import synthetic_cells
from tinyunet.segmentation.otsu import otsu_components, otsu_peaks, otsu_threshold


def discs(*circles, shape=(40, 60)):
    """An image (H, W, 1), 0.9 on discs (y, x, radius) and 0.1 elsewhere."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside = [(rows - y) ** 2 + (columns - x) ** 2 <= r * r for y, x, r in circles]
    return np.where(np.any(inside, axis=0), 0.9, 0.1)[..., None]


def two_groups(seed, n=3000):
    """Gray values about 0.3 and, a third of them, about 0.7, with some overlap."""
    rng = np.random.default_rng(seed)
    means = np.where(rng.random(n) < 1 / 3, 0.7, 0.3)
    return (means + 0.08 * rng.standard_normal(n)).reshape(-1, 50)


# ---- the threshold ----


@pytest.mark.parametrize("seed", range(5))
def test_otsu_maximizes_the_variance_between_the_groups(seed):
    image = two_groups(seed)
    _, edges = np.histogram(image, 256)

    def within(threshold):  # the definition: the least variance within the groups
        above = image > threshold
        return image[above].var() * above.mean() + image[~above].var() * (1 - above.mean())

    threshold = otsu_threshold(image)
    bin_width = edges[1] - edges[0]
    best = min(edges[1:-1], key=within)
    # The image's own variance differs a little from its histogram's, and the optimum is flat.
    assert abs(threshold - best) <= 3 * bin_width
    assert within(threshold) <= 1.001 * within(best)
    assert 0.4 < threshold < 0.6


@pytest.mark.parametrize("seed", range(5))
def test_otsu_agrees_with_scikit_image(seed):
    filters = pytest.importorskip("skimage.filters")
    for image in (two_groups(seed), synthetic_cells(1, 64, seed).images[0].astype(float)):
        assert otsu_threshold(image) == pytest.approx(filters.threshold_otsu(image), rel=1e-12)


def test_otsu_of_two_values_lies_between_them():
    image = np.array([[3.0, 3.0, 3.0, 8.0]])
    assert 3 < otsu_threshold(image) < 8


def test_otsu_does_not_depend_on_the_unit():
    image = two_groups(0)
    assert otsu_threshold(1000 * image - 70) == pytest.approx(1000 * otsu_threshold(image) - 70)


@pytest.mark.parametrize("value", [0, 0.3, -2.0])
def test_a_constant_image_has_no_foreground(value):
    image = np.full((12, 14), value, np.float32)
    assert otsu_threshold(image) == np.float32(value)
    for method in (otsu_components, otsu_peaks):
        labels = method(image[..., None])
        np.testing.assert_array_equal(labels, np.zeros((12, 14)))
        assert labels.dtype == np.int64


@pytest.mark.parametrize("values", [[], [0.2, np.nan], [0.2, np.inf]])
def test_images_without_finite_values_are_refused(values):
    with pytest.raises(ValueError, match=r"finite gray values, got an image of shape \(1, \d\)"):
        otsu_threshold(np.array([values]))


# ---- the cells ----


def test_components_are_numbered_and_specks_dropped():
    image = discs((10, 10, 5), (25, 40, 7))
    image[2, 50] = image[35, 5:14] = 0.9  # 1 and 9 pixels
    labels = otsu_components(image)
    assert labels.shape == (40, 60)
    assert labels.dtype == np.int64
    assert [labels[10, 10], labels[25, 40], labels[2, 50], labels[35, 9]] == [1, 2, 0, 0]
    np.testing.assert_array_equal(labels > 0, discs((10, 10, 5), (25, 40, 7))[..., 0] > 0.5)
    image[35, 14] = 0.9  # 10 pixels
    assert otsu_components(image).max() == 3


@pytest.mark.parametrize("method", [otsu_components, otsu_peaks])
def test_noise_does_not_hide_or_split_single_discs(method):
    image = discs((12, 12, 8), (12, 45, 8), (28, 28, 8))
    truth = otsu_components(image)
    noisy = image + 0.05 * np.random.default_rng(0).standard_normal(image.shape)
    assert truth.max() == 3
    assert metrics.f1(method(noisy), truth) == 1


def test_touching_discs_are_one_component_but_two_peaks():
    image = discs((20, 20, 9), (20, 36, 9))
    assert otsu_components(image).max() == 1
    labels = otsu_peaks(image)
    assert labels.max() == 2
    assert labels[20, 20] != labels[20, 36]
    # Each half of the image has one of them, as the two discs are mirror images.
    assert len(np.unique(labels[:, :28])) == len(np.unique(labels[:, 29:])) == 2
    np.testing.assert_array_equal(labels > 0, image[..., 0] > 0.5)


def test_a_thin_cell_beside_a_large_one_is_a_cell_of_its_own():
    image = np.full((40, 60), 0.1)
    image[10:30, 8:32] = image[12:28, 33:35] = 0.9  # everywhere close to higher points of the other
    labels = otsu_peaks(image)
    np.testing.assert_array_equal(labels > 0, image > 0.5)
    (thin,) = np.unique(labels[12:28, 33:35])
    assert thin not in labels[:, :33]


def test_two_highest_pixels_that_touch_at_a_corner_are_one_peak():
    assert otsu_peaks(discs((20, 20, 9), (21, 21, 9))).max() == 1


@pytest.mark.parametrize("seed", range(3))
def test_peaks_divide_the_regions_and_join_none(seed):
    image = synthetic_cells(1, 96, seed).images[0]
    regions, labels = otsu_components(image), otsu_peaks(image)
    np.testing.assert_array_equal(labels > 0, regions > 0)
    assert labels.dtype == np.int64
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert labels.max() > regions.max()
    for number in range(1, labels.max() + 1):
        assert len(np.unique(regions[labels == number])) == 1


def test_peaks_find_more_of_touching_cells_than_components():
    data = synthetic_cells(3, 96, seed=4)
    scores = {
        method: np.mean(
            [metrics.f1(method(x), t) for x, t in zip(data.images, data.instances, strict=True)]
        )
        for method in (otsu_components, otsu_peaks)
    }
    assert scores[otsu_components] + 0.1 < scores[otsu_peaks] < 1


@pytest.mark.parametrize("method", [otsu_components, otsu_peaks])
def test_channels_are_averaged_and_the_image_is_left_alone(method):
    gray = discs((20, 20, 9), (20, 36, 9))
    color = gray * [3.0, 0.0, 0.0]
    color[:, :28] = color[:, :28, ::-1]  # the left disc in blue, the right one in red
    before = color.copy()
    labels = method(color)
    np.testing.assert_array_equal(color, before)
    np.testing.assert_array_equal(labels, method(gray))
    np.testing.assert_array_equal(labels, method(gray[..., 0]))


def test_bright_ground_is_not_inverted():
    image = discs((20, 30, 8))
    assert otsu_components(1 - image)[20, 30] == 0
    assert otsu_components(1 - image)[0, 0] == 1
