"""Pixels to ignore count nowhere: in batches, losses, weight maps, metrics and evaluation."""

import numpy as np
import pytest

import tinyunet as tu
from tinyunet import metrics
from tinyunet.data import Augmentation, Batches, Dataset
from tinyunet.segmentation.evaluation import details, evaluate, mean, references, score_classes
from tinyunet.segmentation.thresholds import choose_threshold

VOID = 255


def data_set(n=4, instances=True, seed=0):
    """Cells on a gray ground, with a strip of void on the right that hides half a cell."""
    rng = np.random.default_rng(seed)
    images, labels, cells = [], [], []
    for _ in range(n):
        numbers = np.zeros((32, 32), np.int64)
        numbers[4:12, 5:13], numbers[18:28, 20:28] = 1, 2
        image = 0.3 + 0.5 * (numbers > 0) + 0.05 * rng.standard_normal(numbers.shape)
        label = (numbers > 0).astype(np.int64)
        label[:, 24:], numbers[:, 24:] = VOID, 0
        images.append(image[..., None])
        labels.append(label)
        cells.append(numbers)
    return Dataset(images, labels, cells if instances else None, ignore_label=VOID)


def tiny():
    return tu.UNet(1, 2, base_channels=4, depth=1, padding="same", seed=1)


def test_a_data_set_leaves_the_label_out_of_its_classes():
    data = data_set()
    assert data.num_classes == 2
    assert data.ignored(0).sum() == 8 * 32
    assert data.subset([1, 2]).ignore_label == VOID
    assert set(np.unique(data.classes()[0])) == {0, 1}
    plain = Dataset(data.images, data.classes())
    assert plain.ignored(0) is None
    minus = Dataset([np.zeros((2, 2, 1))], [np.array([[-1, 0], [1, 2]])], ignore_label=-1)
    assert minus.num_classes == 3


@pytest.mark.parametrize("augment", [Augmentation.full(), Augmentation.rigid(), False])
def test_windows_turn_and_mirror_the_void_with_the_image(augment):
    labels = np.zeros((24, 24), np.int64)
    labels[3:20, 16:], labels[2:9, 2:12] = VOID, 1
    image = (labels == VOID).astype(np.float32)[..., None]
    data = Dataset([image], [labels], ignore_label=VOID)
    for i in range(6):
        images, found, _ = Batches(data, None, 2, (40, 40), (40, 40), augment, seed=3)[i]
        assert set(np.unique(found)) <= {0, 1, VOID}
        assert np.mean((images[..., 0] > 0.5) == (found == VOID)) > 0.97


@pytest.mark.parametrize("loss", [tu.SoftmaxCrossEntropy, tu.DiceLoss])
def test_losses_and_their_gradients_leave_pixels_out(loss):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((1, 4, 6, 3))
    labels = rng.integers(0, 3, (1, 4, 6))
    kept = loss()(logits[:, :, :4], labels[:, :, :4])
    labels[:, :, 4:] = VOID
    f = loss(ignore_label=VOID)
    assert f(logits, labels) == pytest.approx(kept, rel=1e-12)
    assert not f.backward()[:, :, 4:].any()
    assert tu.check_gradients(loss(ignore_label=VOID), logits, labels).passed
    f(logits, np.full_like(labels, VOID))
    assert not f.backward().any()


def test_fit_takes_the_label_from_the_data():
    """What the void shows does not matter."""
    losses = []
    for value in (0.0, 1.0):
        data = data_set()
        for image in data.images:
            image[:, 30:] = value  # farther from what counts than a network of depth 0 sees
        model = tu.Sequential(tu.Conv2d(1, 2, 1))
        losses.append(
            tu.fit(model, data, steps=3, batch_size=2, augment=False, progress=False).loss
        )
    assert losses[0] == losses[1]
    with pytest.raises(ValueError, match=r"label 255.*DiceLoss\(\.\.\., ignore_label=255\)"):
        tu.fit(tiny(), data, steps=1, loss=tu.DiceLoss())
    tu.fit(tiny(), data, steps=1, loss=tu.DiceLoss(ignore_label=VOID), progress=False)


def test_the_weight_map_is_balanced_over_what_counts():
    cells = data_set().instances[0]
    ignored = data_set().ignored(0)
    weights = tu.weight_map(cells, ignored=ignored)
    assert not weights[ignored].any()
    kept = cells[:, :24]
    inside = kept > 0
    assert weights[:, :24][inside].sum() == pytest.approx(kept.size / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        (lambda labels: [np.ones(labels.shape)] * 3, "got 3 for 4"),
        (lambda labels: [np.ones((2, 2))] * 4, r"image '0' have shape \(2, 2\)"),
        (lambda labels: [-np.ones(labels.shape)] * 4, "image '0' have the negative value -1"),
        (lambda labels: [np.full(labels.shape, np.nan)] * 4, "NaN"),
    ],
)
def test_weight_maps_that_make_no_sense_are_named(maps, words):
    data = data_set()
    with pytest.raises(ValueError, match=words):
        tu.fit(tiny(), data, steps=1, weights=maps(data.labels[0]))


def test_metrics_of_classes_leave_the_label_out():
    truth = np.array([[0, 1, 2, VOID], [0, 1, 2, VOID]])
    predicted = np.array([[0, 1, 2, 2], [0, 1, 1, 1]])
    assert metrics.iou(predicted, truth, 1, ignore_label=VOID) == pytest.approx(2 / 3)
    assert metrics.dice(predicted, truth, 2, ignore_label=VOID) == pytest.approx(2 / 3)
    assert metrics.pixel_error(predicted, truth, ignore_label=VOID) == pytest.approx(1 / 6)
    assert score_classes(predicted, truth, 3, truth == VOID)["pixel error"] == pytest.approx(1 / 6)
    assert np.isnan(score_classes(predicted, truth, 3, truth < 999)["IoU"])


def test_metrics_of_cells_leave_ignored_pixels_out():
    truth = np.zeros((12, 20), int)
    truth[2:6, 2:8], truth[7:11, 8:12] = 1, 2
    ignored = np.zeros(truth.shape, bool)
    ignored[:, 12:] = True
    predicted = truth.copy()
    predicted[7:11, 12:15] = 2  # the hidden part of a cell
    predicted[1:5, 11:19] = 3  # a false cell, mostly hidden
    found, true = metrics.leave_out(predicted, truth, ignored)
    assert metrics.f1(predicted, truth) < 1
    assert metrics.f1(found, true) == metrics.seg(found, true) == 1
    predicted[9:11, 2:5] = 4  # one in the open counts
    assert metrics.f1(*metrics.leave_out(predicted, truth, ignored)) == pytest.approx(4 / 5)


@pytest.mark.parametrize("instances", [True, False])
def test_evaluation_leaves_pixels_out(instances):
    data = data_set(instances=instances)
    perfect = []
    for labels in data.labels:
        inside = np.where(labels == VOID, 0.9, labels)  # nonsense where nothing counts
        perfect.append(np.stack([1 - inside, inside], -1))
    scores = mean(evaluate(tiny(), data, probabilities=perfect))
    assert scores["IoU"] == 1
    assert scores["pixel error"] == 0
    if instances:
        assert scores["SEG"] == scores["F1"] == 1
        rows = references(data)
        assert mean(rows["perfect mask"])["SEG"] == 1
        found = details(data, perfect)
        assert found["warping error"] == 0
        assert found["boundary F1, 0 px"] == 1
        assert found["V_Rand"] == 1
        assert choose_threshold(tiny(), data) is not None


def test_images_without_a_pixel_that_counts_have_no_say():
    data = data_set(2)
    labels = [np.full((32, 32), VOID), data.labels[1]]
    data = Dataset(data.images, labels, ignore_label=VOID)
    flat = [np.stack([1 - x, x], -1) for x in (np.zeros((32, 32)), (labels[1] == 1) * 1.0)]
    assert mean(evaluate(tiny(), data, probabilities=flat))["IoU"] == 1


def test_images_of_0_to_255_and_labels_that_are_codes_are_refused():
    image = np.random.default_rng(0).uniform(0, 255, (8, 8, 1))
    with pytest.raises(ValueError, match=r"values up to 2.*: scale it.*image / 255"):
        Dataset([image], [np.zeros((8, 8), int)])
    codes = np.array([[0, 100, 200]])
    with pytest.raises(ValueError, match=r"201 classes: only 0, 100, 200 occur.*searchsorted"):
        Dataset([np.zeros((1, 3, 1))], [codes])
    many = np.arange(150)[None]
    assert Dataset([np.zeros((1, 150, 1))], [many]).num_classes == 150
