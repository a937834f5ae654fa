import numpy as np
import pytest

from tinyunet.data import Dataset


def image(height=4, width=6, channels=1, value=0.5):
    return np.full((height, width, channels), value, np.float32)


def labels(height=4, width=6, value=0):
    return np.full((height, width), value)


def numbered(n):
    """A data set whose image i is filled with i, its labels too, its instances with 10 i."""
    return Dataset(
        [image(value=float(i)) for i in range(n)],
        [labels(value=i) for i in range(n)],
        [labels(value=10 * i) for i in range(n)],
    )


def test_holds_images_of_different_sizes_as_float32_and_int64():
    data = Dataset(
        [image(4, 6).astype(np.float64), image(5, 3)],
        [labels(4, 6).astype(np.uint8), labels(5, 3, value=2)],
        names=["a", "b"],
    )
    assert len(data) == 2
    assert data.channels == 1
    assert data.num_classes == 3
    assert data.names == ["a", "b"]
    assert data.instances is None
    assert {x.dtype for x in data.images} == {np.dtype(np.float32)}
    assert {x.dtype for x in data.labels} == {np.dtype(np.int64)}
    assert repr(data) == (
        "Dataset(2 images, 4x6 to 5x3, 1 channel(s), 3 classes, without instances)"
    )


def test_all_background_still_has_two_classes_and_default_names():
    data = Dataset([image(), image()], [labels() > 0, labels() > 0])
    assert data.num_classes == 2
    assert data.names == ["0", "1"]
    assert data.labels[0].dtype == np.int64


def test_subset_keeps_images_labels_instances_and_names_together():
    part = numbered(5).subset([3, 1])
    assert part.names == ["3", "1"]
    assert [x[0, 0, 0] for x in part.images] == [3, 1]
    assert [x[0, 0] for x in part.labels] == [3, 1]
    assert [x[0, 0] for x in part.instances] == [30, 10]
    assert Dataset([image()], [labels()]).subset([0]).instances is None


@pytest.mark.parametrize(("n", "sizes"), [(3, (1, 1, 1)), (10, (6, 2, 2)), (23, (13, 5, 5))])
def test_split_is_a_partition_of_the_expected_sizes(n, sizes):
    parts = numbered(n).split()
    assert tuple(len(part) for part in parts) == sizes
    assert sorted(name for part in parts for name in part.names) == sorted(map(str, range(n)))


def test_split_fractions_and_order_of_the_parts():
    train, validation, test = numbered(20).split(validation=0.1, test=0.3)
    assert (len(train), len(validation), len(test)) == (12, 2, 6)


def test_split_repeats_with_a_seed_and_differs_without():
    data = numbered(20)
    assert data.split(seed=4)[2].names == data.split(seed=4)[2].names
    assert data.split(seed=4)[2].names != data.split(seed=5)[2].names


@pytest.mark.parametrize(("validation", "test"), [(0, 0.2), (0.2, 0), (0.5, 0.5), (-0.1, 0.2)])
def test_split_refuses_fractions_that_leave_a_part_empty(validation, test):
    with pytest.raises(ValueError, match="positive fractions"):
        numbered(10).split(validation, test)


def test_split_refuses_too_few_images():
    with pytest.raises(ValueError, match=r"2 image\(s\) cannot be split"):
        numbered(2).split()


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Dataset([], []), ValueError, "at least one image"),
        (lambda: Dataset([image()], []), ValueError, "1 images but 0 labels"),
        (lambda: Dataset([image()], [labels()], []), ValueError, "1 images but 0 instances"),
        (lambda: Dataset([image()], [labels()], None, "ab"), ValueError, "but 2 names"),
        (
            lambda: Dataset([image()[..., 0]], [labels()], names=["flat"]),
            ValueError,
            r"'flat' has shape \(4, 6\).*image\[\.\.\., None\]",
        ),
        (
            lambda: Dataset([image().astype(np.uint8)], [labels()]),
            TypeError,
            "dtype uint8.*image / 255",
        ),
        (lambda: Dataset([image(value=np.nan)], [labels()]), ValueError, "'0' has NaN"),
        (
            lambda: Dataset([image(), image(value=np.inf)], [labels()] * 2, names="ab"),
            ValueError,
            "'b' has NaN or infinite",
        ),
        (
            lambda: Dataset([image(), image(channels=3)], [labels()] * 2, names="ab"),
            ValueError,
            r"'b' has 3 channel\(s\), but image 'a' has 1",
        ),
        (
            lambda: Dataset([image()], [labels(6, 4)]),
            ValueError,
            r"labels of image '0' have shape \(6, 4\), but the image is 4x6",
        ),
        (
            lambda: Dataset([image()], [labels()], [labels(4, 5)]),
            ValueError,
            "instances of image '0' have shape",
        ),
        (lambda: Dataset([image()], [labels() * 1.0]), TypeError, "labels of image '0'.*float64"),
        (lambda: Dataset([image()], [labels(value=-1)]), ValueError, "negative value -1"),
        (
            lambda: Dataset([image()] * 2, [labels(value=1), labels(value=255)], names="ab"),
            ValueError,
            "labels of image 'b' hold 255, .*256 classes: .*mask > 0; if 255 means 'ignore'",
        ),
        (
            lambda: Dataset([image()], [labels(value=65535).astype(np.uint16)]),
            ValueError,
            "labels of image '0' hold 65535, which would make 65536 classes",
        ),
        (
            lambda: Dataset([image()], [labels()], [labels(value=-3)]),
            ValueError,
            "instances of image '0' hold the negative value -3",
        ),
        (
            lambda: Dataset([image()], [labels()], [labels().astype(np.uint64) + np.uint64(2**63)]),
            ValueError,
            "instances of image '0' hold 92233720368547758.*int64",
        ),
    ],
)
def test_bad_input_is_named(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_a_white_mask_becomes_two_classes_and_a_cell_may_have_the_number_255():
    white = np.array([[0, 255, 255], [0, 0, 255]], np.uint8)
    data = Dataset([image(2, 3)], [white > 0], [white])
    assert data.num_classes == 2
    np.testing.assert_array_equal(data.labels[0], white // 255)
    np.testing.assert_array_equal(data.instances[0], white)
