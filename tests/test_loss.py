"""Both losses: by hand, by loops, at the extremes, and their error messages."""

import math

import numpy as np
import pytest

import tinyunet as tu

LOSSES = [tu.SoftmaxCrossEntropy, tu.DiceLoss]


def example(classes=3, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    logits = (2 * rng.standard_normal((2, 3, 4, classes))).astype(dtype)
    return logits, rng.integers(0, classes, (2, 3, 4)), rng.uniform(0.5, 3, (2, 3, 4)).astype(dtype)


def on(xp, *arrays):
    return [xp.asarray(array) for array in arrays]


def softmax(z):
    e = [math.exp(value - max(z)) for value in z]
    return [value / sum(e) for value in e]


# ---------------------------------------------------------------------- cross-entropy


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_logits_of_zero_cost_log_k(classes, xp):
    logits, labels = on(xp, np.zeros((1, 2, 3, classes)), np.ones((1, 2, 3), int))
    assert tu.SoftmaxCrossEntropy()(logits, labels) == pytest.approx(math.log(classes), rel=1e-14)


def test_cross_entropy_by_hand():
    # Two pixels: p = (1/4, 3/4) with label 1, and p = (1/2, 1/2) with label 0.
    logits = np.array([[0, math.log(3)], [5, 5]]).reshape(1, 1, 2, 2)
    labels = np.array([1, 0]).reshape(1, 1, 2)
    loss = tu.SoftmaxCrossEntropy()
    expected = (math.log(4 / 3) + math.log(2)) / 2
    assert loss(logits, labels) == pytest.approx(expected, rel=1e-14)
    by_hand = [[1 / 8, -1 / 8], [-1 / 4, 1 / 4]]
    np.testing.assert_allclose(loss.backward().reshape(2, 2), by_hand, rtol=1e-14)

    weights = np.array([2.0, 10.0]).reshape(1, 1, 2)
    expected = (2 * math.log(4 / 3) + 10 * math.log(2)) / 2
    assert loss(logits, labels, weights) == pytest.approx(expected, rel=1e-14)
    by_hand = [[2 / 8, -2 / 8], [-10 / 4, 10 / 4]]
    np.testing.assert_allclose(loss.backward().reshape(2, 2), by_hand, rtol=1e-14)


@pytest.mark.parametrize("ignore_label", [None, 1, 255])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_by_loops(weighted, ignore_label, xp):
    logits, labels, weights = example()
    labels[0, 1, 2] = 1 if ignore_label is None else ignore_label
    total, counted, gradient = 0.0, 0, np.zeros_like(logits)
    for pixel in np.ndindex(labels.shape):
        if labels[pixel] == ignore_label:
            continue
        p, w = softmax(logits[pixel]), weights[pixel] if weighted else 1.0
        total -= w * math.log(p[labels[pixel]])
        counted += 1
        gradient[pixel] = w * (np.array(p) - np.eye(3)[labels[pixel]])

    loss = tu.SoftmaxCrossEntropy(ignore_label)
    arrays = on(xp, logits, labels, weights)[: 3 if weighted else 2]
    assert loss(*arrays) == pytest.approx(total / counted, rel=1e-12)
    np.testing.assert_allclose(tu.to_cpu(loss.backward()), gradient / counted, rtol=1e-12)


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("size", [1e4, 3e38])
def test_huge_logits_stay_finite_in_float32(make, size, xp):
    logits = np.zeros((1, 1, 2, 2), "float32")
    logits[..., 1] = size
    labels = np.array([[[0, 1]]])
    loss = make()
    value = loss(*on(xp, logits, labels))
    assert math.isfinite(value)
    assert np.isfinite(tu.to_cpu(loss.backward())).all()
    if make is tu.SoftmaxCrossEntropy:
        assert value == pytest.approx(size / 2, rel=1e-6)


@pytest.mark.parametrize("make", LOSSES)
def test_one_pixels_huge_logits_leave_the_others_alone(make):
    logits = np.zeros((1, 1, 2, 2), "float32")
    logits[0, 0, 0] = 1e4
    small, labels = np.zeros_like(logits), np.array([[[0, 1]]])
    assert make()(logits, labels) == pytest.approx(make()(small, labels), rel=1e-6)


def test_a_common_shift_of_the_logits_changes_nothing():
    logits, labels, weights = example()
    for make in LOSSES:
        loss, shifted = make(), make()
        assert shifted(logits + 100, labels, weights) == pytest.approx(
            loss(logits, labels, weights), rel=1e-12
        )
        np.testing.assert_allclose(shifted.backward(), loss.backward(), rtol=1e-10)


@pytest.mark.parametrize("make", LOSSES)
def test_a_pixels_gradients_add_up_to_zero(make):
    logits, labels, weights = example()
    loss = make()
    loss(logits, labels, weights)
    np.testing.assert_allclose(loss.backward().sum(axis=3), 0, atol=1e-16)


def test_nothing_left_to_count(xp):
    logits, labels, weights = on(xp, *example())
    loss = tu.SoftmaxCrossEntropy(ignore_label=7)
    assert loss(logits, labels * 0 + 7, weights) == 0.0
    assert not tu.to_cpu(loss.backward()).any()


@pytest.mark.parametrize("ignored", [0, 3])
def test_one_pixel_to_count(ignored):
    # p = (1/5, 4/5) with label 0, beside pixels that do not count: nothing is divided by.
    logits = np.tile([0, math.log(4)], (1, 1, 1 + ignored, 1))
    labels = np.array([[[0] + [9] * ignored]])
    loss = tu.SoftmaxCrossEntropy(ignore_label=9)
    assert loss(logits, labels) == pytest.approx(math.log(5), rel=1e-14)
    np.testing.assert_allclose(loss.backward()[0, 0, 0], [-4 / 5, 4 / 5], rtol=1e-14)


def test_ignored_pixels_get_no_gradient_and_do_not_count():
    logits, labels, weights = example()
    labels[:, :2] = 255
    loss, alone = tu.SoftmaxCrossEntropy(255), tu.SoftmaxCrossEntropy()
    value = loss(logits, labels, weights)
    assert value == pytest.approx(alone(logits[:, 2:], labels[:, 2:], weights[:, 2:]), rel=1e-12)
    gradient = loss.backward()
    assert not gradient[:, :2].any()
    np.testing.assert_allclose(gradient[:, 2:], alone.backward(), rtol=1e-12)


def test_an_ignored_class_within_the_range():
    logits, labels, _ = example()
    loss = tu.SoftmaxCrossEntropy(ignore_label=0)
    loss(logits, labels)
    gradient = loss.backward()
    assert not gradient[labels == 0].any()
    assert gradient[labels != 0].all()


# ---------------------------------------------------------------------- Dice


def test_dice_by_hand():
    # p = 1/2 everywhere, labels 0 and 1, s = 1: for each class
    # D = (2 * 1/2 + 1) / (1/4 + 1/4 + 1 + 1) = 4/5.
    loss = tu.DiceLoss(smooth=1.0)
    assert loss(np.zeros((1, 1, 2, 2)), np.array([[[0, 1]]])) == pytest.approx(0.2, rel=1e-14)
    # dD0/dp at pixel 0 is (2 * 1 - 2 * 1/2 * 4/5) / (5/2) = 12/25, at pixel 1 it is -8/25; dL/dp is
    # -1/2 of that. The softmax halves the difference between the classes twice: p (dp - mean).
    by_hand = [[-1 / 10, 1 / 10], [1 / 10, -1 / 10]]
    np.testing.assert_allclose(loss.backward().reshape(2, 2), by_hand, rtol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_dice_by_loops(weighted, xp):
    logits, labels, weights = example(classes=4)
    labels[labels == 2] = 1  # class 2 is absent
    smooth, dice = 0.5, []
    for k in (0, 1, 3):
        over = under = smooth
        for pixel in np.ndindex(labels.shape):
            p, g = softmax(logits[pixel])[k], float(labels[pixel] == k)
            w = weights[pixel] if weighted else 1.0
            over += 2 * w * p * g
            under += w * (p * p + g * g)
        dice.append(over / under)
    arrays = on(xp, logits, labels, weights)[: 3 if weighted else 2]
    assert tu.DiceLoss(smooth)(*arrays) == pytest.approx(1 - sum(dice) / 3, rel=1e-12)


@pytest.mark.parametrize("make", LOSSES)
def test_gradients_of_weighted_losses_are_their_slopes(make):
    logits, labels, weights = example()
    loss, slopes, eps = make(), np.zeros_like(logits), 1e-5
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = eps
        ends = [loss(logits + sign * step, labels, weights) for sign in (1, -1)]
        slopes[place] = (ends[0] - ends[1]) / (2 * eps)
    loss(logits, labels, weights)
    np.testing.assert_allclose(loss.backward(), slopes, rtol=1e-6, atol=1e-9)


def test_dice_of_a_perfect_and_of_a_wrong_answer():
    labels = example(classes=2)[1]
    perfect = 100 * np.eye(2)[labels]
    assert tu.DiceLoss()(perfect, labels) == pytest.approx(0, abs=1e-12)
    assert tu.DiceLoss(smooth=1e-6)(-perfect, labels) == pytest.approx(1, abs=1e-6)


def test_dice_leaves_out_absent_classes():
    logits, labels, _ = example(classes=3)
    labels[...] = 1
    loss = tu.DiceLoss()
    p = np.exp(logits) / np.exp(logits).sum(axis=3, keepdims=True)
    dice = (2 * p[..., 1].sum() + 1) / ((p[..., 1] ** 2).sum() + labels.size + 1)
    assert loss(logits, labels) == pytest.approx(1 - dice, rel=1e-12)


# ---------------------------------------------------------------------- both


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_python_float_and_a_gradient_of_the_logits_kind(make, dtype, xp):
    logits, labels, weights = on(xp, *example(dtype=dtype))
    loss = make()
    assert type(loss(logits, labels, weights)) is float
    gradient = loss.backward()
    assert gradient.dtype == dtype
    assert gradient.shape == logits.shape
    assert tu.array_module(gradient) is xp


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_labels_of_any_integer_kind(make, dtype):
    logits, labels, _ = example()
    assert make()(logits, labels.astype(dtype)) == make()(logits, labels)


@pytest.mark.parametrize("make", LOSSES)
def test_weights_of_one_change_nothing(make):
    logits, labels, _ = example()
    assert make()(logits, labels, np.ones(labels.shape)) == pytest.approx(
        make()(logits, labels), rel=1e-14
    )


@pytest.mark.parametrize("make", LOSSES)
def test_arguments_stay_as_they_are(make):
    arrays = example()
    before = [array.tobytes() for array in arrays]
    loss = make()
    loss(*arrays)
    loss.backward()
    assert [array.tobytes() for array in arrays] == before


@pytest.mark.parametrize("make", LOSSES)
def test_one_forward_allows_one_backward(make):
    loss = make()
    with pytest.raises(RuntimeError, match=f"{make.__name__}.backward needs a fresh forward"):
        loss.backward()
    loss(*example())
    loss.backward()
    with pytest.raises(RuntimeError, match="needs a fresh forward"):
        loss.backward()


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("label", [-1, 3, 255])
def test_labels_out_of_range_name_the_range(make, label, xp):
    logits, labels, _ = example()
    labels[1, 2, 3] = label
    low, high = min(label, 0), max(label, 2)
    message = f"labels from {low} to {high}, but the logits have 3 classes: labels must be 0 to 2"
    loss = make()
    with pytest.raises(ValueError, match=message):
        loss(*on(xp, logits, labels))
    with pytest.raises(RuntimeError):  # nothing half done is left
        loss.backward()


def test_a_wrong_label_beside_ignored_ones():
    logits, labels, _ = example()
    labels[0, 0, 0], labels[0, 0, 1] = 255, 254
    with pytest.raises(ValueError, match=r"labels must be 0 to 2 or 255 \(ignored\)"):
        tu.SoftmaxCrossEntropy(255)(logits, labels)


def test_a_failed_forward_leaves_no_older_gradient():
    # Otherwise backward would hand out the gradient of the batch before.
    logits, labels, _ = example()
    for make in LOSSES:
        loss = make()
        loss(logits, labels)
        with pytest.raises(ValueError):
            loss(logits, labels + 9)
        with pytest.raises(RuntimeError):
            loss.backward()


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda z, t, w: (z[0], t, w), ValueError, r"float logits \(N, H, W, K\), got float64 \(3"),
        (lambda z, t, w: (z.astype(np.int64), t, w), ValueError, "float logits .*got int64"),
        (lambda z, t, w: (z[..., :1], t, w), ValueError, "at least 2 classes"),
        (lambda z, t, w: (z, t[:, 1:], w), ValueError, r"they should be \(2, 3, 4\)"),
        (lambda z, t, w: (z, t[..., None], w), ValueError, r"labels of shape \(2, 3, 4, 1\)"),
        (lambda z, t, w: (z, t.astype(float), w), TypeError, r"use labels.astype\(int\)"),
        (lambda z, t, w: (z, t == 1, w), TypeError, "integer labels, got bool"),
        (lambda z, t, w: (z, t, w[:1]), ValueError, r"weights of shape \(1, 3, 4\)"),
        (lambda z, t, w: (z, t, w.astype("f4")), TypeError, "float64 logits but float32 weights"),
    ],
)
def test_what_does_not_fit(make, change, error, message):
    with pytest.raises(error, match=message):
        make()(*change(*example()))


@pytest.mark.parametrize("make", LOSSES)
def test_arrays_on_two_devices(make, xp):
    if xp is np:
        pytest.skip("needs two devices")
    logits, labels, weights = example()
    with pytest.raises(TypeError, match="logits on the gpu and labels or weights on the cpu"):
        make()(xp.asarray(logits), labels)
    with pytest.raises(TypeError, match=r"move them with tinyunet\.to_cpu or to_gpu"):
        make()(xp.asarray(logits), xp.asarray(labels), weights)


def test_bad_smooth():
    with pytest.raises(ValueError, match="smooth above 0, got 0"):
        tu.DiceLoss(smooth=0)
