"""The real data sets, where they are: set TINYUNET_DATA to the folder that holds them."""

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from tinyunet import data


def load_or_skip(name):
    try:
        return data.load(name)
    except FileNotFoundError as error:
        pytest.skip(f"real data not found: {error}")


@pytest.fixture(scope="module")
def nuclei():
    return load_or_skip("dsb2018")


@pytest.fixture(scope="module")
def membranes():
    return load_or_skip("isbi2012")


def jaccard_of_cells(instances, predicted):
    """For each cell: its overlap over union with the component that covers most of it, or 0."""
    scores = []
    for number in range(1, instances.max() + 1):
        cell = instances == number
        if not cell.any():
            continue
        counts = np.bincount(predicted[cell])
        best = int(counts.argmax())
        if best == 0 or counts[best] <= cell.sum() / 2:
            scores.append(0.0)
        else:
            found = predicted == best
            scores.append((cell & found).sum() / (cell | found).sum())
    return scores


def test_nuclei_have_the_documented_form(nuclei):
    assert nuclei.channels == 1
    assert nuclei.num_classes == 2
    assert nuclei.names == sorted(nuclei.names)
    for image, labels, instances in zip(
        nuclei.images, nuclei.labels, nuclei.instances, strict=True
    ):
        assert 0 <= image.min() < image.max() <= 1
        np.testing.assert_array_equal(labels, data.separate(instances) > 0)


def test_fluorescent_nuclei_are_brighter_than_the_background(nuclei):
    """Catches images and masks that do not belong together."""
    # The full archive also holds stained tissue, dark nuclei on a bright ground: leave those out.
    dark = [i for i, image in enumerate(nuclei.images) if np.median(image) < 0.5]
    brighter = [
        nuclei.images[i][nuclei.instances[i] > 0].mean()
        > nuclei.images[i][nuclei.instances[i] == 0].mean()
        for i in dark
    ]
    assert np.mean(brighter) > 0.95


def test_separation_lets_a_perfect_mask_tell_nuclei_apart(nuclei):
    """The paper's reason for the border: without it even a perfect mask merges touching cells."""
    parted, merged = [], []
    for labels, instances in list(zip(nuclei.labels, nuclei.instances, strict=True))[:25]:
        parted += jaccard_of_cells(instances, ndimage.label(labels)[0])
        merged += jaccard_of_cells(instances, ndimage.label(instances)[0])
    assert np.mean(parted) > 0.94
    assert np.mean(parted) > np.mean(merged) + 0.05


def test_isbi_has_the_documented_form(membranes):
    assert membranes.channels == 1
    assert membranes.num_classes == 2
    assert {image.shape for image in membranes.images} == {(512, 512, 1)}
    assert 0.7 < np.mean(membranes.labels) < 0.85
    cell, membrane = (
        np.mean([image[labels == k].mean() for image, labels in pairs(membranes)]) for k in (1, 0)
    )
    assert cell > membrane + 0.1
    for labels, instances in zip(membranes.labels, membranes.instances, strict=True):
        np.testing.assert_array_equal(instances > 0, labels == 1)


def pairs(dataset):
    return zip(dataset.images, dataset.labels, strict=True)


# ---- a small imitation of the ISBI files, always tested ----


def test_isbi_layouts_and_values(tmp_path):
    volume = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    targets = np.full((2, 4, 5), 255, np.uint8)
    targets[:, :, 2] = 0
    (tmp_path / "isbi2012").mkdir()
    tifffile.imwrite(tmp_path / "isbi2012" / "train-volume.tif", volume, photometric="minisblack")
    with pytest.raises(FileNotFoundError, match=r"both train-volume\.tif and train-labels\.tif"):
        data.load_isbi2012(tmp_path)
    tifffile.imwrite(tmp_path / "isbi2012" / "train-labels.tif", targets, photometric="minisblack")
    for root in (tmp_path, tmp_path / "isbi2012"):
        loaded = data.load_isbi2012(root)
        np.testing.assert_array_equal(loaded.images[1], volume[1][..., None] / np.float32(255))
        np.testing.assert_array_equal(loaded.labels[0][0], [1, 1, 0, 1, 1])
        np.testing.assert_array_equal(loaded.instances[0][0], [1, 1, 0, 2, 2])
    tifffile.imwrite(
        tmp_path / "isbi2012" / "train-labels.tif", targets[:, :3], photometric="minisblack"
    )
    with pytest.raises(ValueError, match=r"two 8-bit stacks of one shape .*\(2, 3, 5\)"):
        data.load_isbi2012(tmp_path)
