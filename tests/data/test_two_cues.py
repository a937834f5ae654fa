import numpy as np
import pytest

from tinyunet.data import two_cues

DATA = two_cues(60, seed=0)
SAME = two_cues(60, seed=0, differ=False)
halves = pytest.mark.parametrize("left", [True, False])


def half(array, left):
    middle = array.shape[1] // 2
    return array[:, :middle] if left else array[:, middle:]


def read_cue(image, left):
    """The class written in the stripes of a half: where are the large steps from pixel to pixel?"""
    top = half(image[..., 0], left)[:12]
    down, right = (np.sum(abs(np.diff(top, axis=axis)) > 0.5) for axis in (0, 1))
    return 1 if down > right else 2


@pytest.mark.parametrize("size", [64, (48, 80), 32])
def test_shapes_and_ranges(size):
    data = two_cues(3, size, seed=2)
    height, width = (size, size) if isinstance(size, int) else size
    assert data.num_classes == 3
    for image, labels in zip(data.images, data.labels, strict=True):
        assert image.shape == (height, width, 1)
        assert labels.shape == (height, width)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert half(labels, True).any()
        assert half(labels, False).any()


def test_an_image_depends_on_its_seed_and_index_only():
    few, many = two_cues(2, 48, seed=7), two_cues(4, 48, seed=7)
    for i in range(2):
        np.testing.assert_array_equal(few.images[i], many.images[i])
        np.testing.assert_array_equal(few.labels[i], many.labels[i])
    assert not np.array_equal(many.images[2], many.images[3])
    assert not np.array_equal(few.images[0], two_cues(1, 48, seed=8).images[0])


@pytest.mark.parametrize(("n", "size"), [(0, 64), (1, 31), (1, (64, 8))])
def test_sizes_that_cannot_be_drawn_are_refused(n, size):
    with pytest.raises(ValueError, match="n must be at least 1 and size at least 32"):
        two_cues(n, size)


@halves
@pytest.mark.parametrize("data", [DATA, SAME], ids=["differ", "same"])
def test_the_cue_of_a_half_says_the_class_of_its_blobs(data, left):
    for image, labels in zip(data.images, data.labels, strict=True):
        (found,) = set(np.unique(half(labels, left))) - {0}
        assert found == read_cue(image, left)


def test_halves_differ_or_not():
    for labels in DATA.labels:
        assert set(np.unique(labels)) == {0, 1, 2}
    for labels in SAME.labels:
        assert len(np.unique(labels)) == 2
    assert 0.25 < np.mean([read_cue(image, True) == 1 for image in DATA.images]) < 0.75
    assert 0.25 < np.mean([read_cue(image, True) == 1 for image in SAME.images]) < 0.75


def test_a_blob_is_far_from_its_cue():
    rows = np.concatenate([np.argwhere(labels)[:, 0] for labels in DATA.labels])
    assert rows.min() >= 32  # cues end at row 11 or before


def test_blobs_of_both_classes_look_alike():
    means, shares = [], []
    for k in (1, 2):
        inside = np.concatenate(
            [x[..., 0][t == k] for x, t in zip(DATA.images, DATA.labels, strict=True)]
        )
        means.append(inside.mean())
        shares.append(inside.size / (60 * 64**2))
    assert means[0] == pytest.approx(means[1], abs=0.02)
    assert shares[0] == pytest.approx(shares[1], rel=0.25)
    assert 0.02 < sum(shares) / 2 < 0.05


def test_blobs_are_brighter_than_the_ground():
    for image, labels in zip(DATA.images, DATA.labels, strict=True):
        lower = np.arange(64)[:, None] >= 32
        gray = image[..., 0]
        assert gray[labels > 0].mean() > gray[lower & (labels == 0)].mean() + 0.2
