"""Losses of one channel, sums over heads, class weights: by hand, by loops, against PyTorch."""

import copy
import math

import numpy as np
import pytest
from helpers import assert_close

import tinyunet as tu

LOSSES = [tu.BCEWithLogitsLoss, tu.BCEDiceLoss]
each_loss = pytest.mark.parametrize("make", LOSSES)


def example(dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    logits = (2 * rng.standard_normal((2, 3, 4, 1))).astype(dtype)
    return logits, rng.integers(0, 2, (2, 3, 4)), rng.uniform(0.5, 3, (2, 3, 4)).astype(dtype)


def on(xp, *arrays):
    return [xp.asarray(array) for array in arrays]


def row(*values):
    """One image of one row."""
    return np.array(values).reshape(1, 1, -1)


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


# ---------------------------------------------------------------------- cross-entropy of one channel


@pytest.mark.parametrize(
    ("label", "losses"),
    [
        (1, [100, 1.313261688, 0.693147181, 0.126928011, 0]),
        (0, [0, 0.313261688, 0.693147181, 2.126928011, 100]),
    ],
)
def test_cross_entropy_of_printed_logits(label, losses, xp):
    z = np.array([-100.0, -1, 0, 2, 100]).reshape(1, 1, 5, 1)
    loss = tu.BCEWithLogitsLoss()
    logits, labels = on(xp, z, np.full((1, 1, 5), label))
    assert loss(logits, labels) == pytest.approx(sum(losses) / 5, abs=5e-10)
    dz = np.array([-0.2, -0.146211716, -0.1, -0.023840584, 0])  # of label 1
    dz += (1 - label) / 5  # p - t is 1 more for label 0
    np.testing.assert_allclose(tu.to_cpu(loss.backward()).ravel(), dz, atol=5e-10)
    for value, expected in zip(z.ravel(), losses, strict=True):
        one = loss(np.full((1, 1, 1, 1), value), np.full((1, 1, 1), label))
        assert one == pytest.approx(expected, abs=5e-10)


def test_cross_entropy_by_hand():
    # p = 3/4 with label 1, and p = 1/5 with label 0.
    logits, labels = row(math.log(3), -math.log(4))[..., None], row(1, 0)
    loss = tu.BCEWithLogitsLoss()
    assert loss(logits, labels) == pytest.approx((math.log(4 / 3) + math.log(5 / 4)) / 2, rel=1e-14)
    np.testing.assert_allclose(loss.backward().ravel(), [-1 / 8, 1 / 10], rtol=1e-14)
    expected = (2 * math.log(4 / 3) + 10 * math.log(5 / 4)) / 2
    assert loss(logits, labels, row(2.0, 10.0)) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(loss.backward().ravel(), [-2 / 8, 10 / 10], rtol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_label", [None, 0, 255])
def test_cross_entropy_equals_that_of_two_channels(ignore_label, weighted):
    logits, labels, weights = example()
    if ignore_label == 255:
        labels[0, 1] = 255
    weights = weights if weighted else None
    one, two = tu.BCEWithLogitsLoss(ignore_label), tu.SoftmaxCrossEntropy(ignore_label)
    both = np.concatenate([np.zeros_like(logits), logits], axis=3)
    assert one(logits, labels, weights) == pytest.approx(two(both, labels, weights), rel=1e-13)
    np.testing.assert_allclose(one.backward(), two.backward()[..., 1:], rtol=1e-12, atol=1e-17)


def test_gradients_stay_where_probabilities_round():
    # 1 - p is 2e-9 at z = 20: in float32, p is 1, and a log of p with a clamp has no slope.
    loss = tu.BCEWithLogitsLoss()
    logits, labels = row(20.0, -20.0).astype("float32")[..., None], row(0, 1)
    assert loss(logits, labels) == pytest.approx(20, rel=1e-6)
    np.testing.assert_allclose(loss.backward().ravel(), [0.5, -0.5], rtol=1e-6)
    assert loss(logits, 1 - labels) == pytest.approx(math.exp(-20), rel=1e-6)


# ---------------------------------------------------------------------- with Dice


def test_bce_and_dice_of_printed_probabilities(xp):
    p, g = np.array([0.2, 0.9, 0.6, 0.1]), [0, 1, 1, 0]
    logits, labels = on(xp, np.log(p / (1 - p)).reshape(1, 1, 4, 1), row(*g))
    loss = tu.BCEDiceLoss()
    assert loss(logits, labels) == pytest.approx(-0.715247058, abs=5e-10)
    dp = [0.329861111, -0.381944444, -0.451388889, 0.3125]
    np.testing.assert_allclose(tu.to_cpu(loss.backward()).ravel() / (p * (1 - p)), dp, atol=5e-9)
    dice = tu.BCEDiceLoss(bce=0)
    assert -dice(logits, labels) == pytest.approx(0.833333333, abs=5e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_label", [None, 255])
def test_bce_and_dice_by_loops(ignore_label, weighted, xp):
    logits, labels, weights = example(seed=4)
    if ignore_label is not None:
        labels[1, 2] = ignore_label
    smooth, a, b = 0.5, 0.3, 1.7
    over = under = smooth
    total, counted = 0.0, 0
    for pixel in np.ndindex(labels.shape):
        if labels[pixel] == ignore_label:
            continue
        p, t = sigmoid(logits[pixel][0]), int(labels[pixel])
        w = weights[pixel] if weighted else 1.0
        total -= w * math.log(p if t else 1 - p)
        counted += 1
        over += 2 * w * p * t
        under += w * (p + t)
    loss = tu.BCEDiceLoss(a, b, smooth, ignore_label)
    arrays = on(xp, logits, labels, weights)[: 3 if weighted else 2]
    assert loss(*arrays) == pytest.approx(a * total / counted - b * over / under, rel=1e-12)


def test_dice_is_of_the_whole_batch():
    logits, labels, _ = example()
    p = 1 / (1 + np.exp(-logits[..., 0]))
    dice = (2 * (p * labels).sum() + 1) / (p.sum() + labels.sum() + 1)
    assert tu.BCEDiceLoss(bce=0)(logits, labels) == pytest.approx(-dice, rel=1e-13)


def test_bce_and_dice_of_a_perfect_answer():
    _, labels, _ = example()
    assert tu.BCEDiceLoss()((200.0 * labels - 100)[..., None], labels) == pytest.approx(
        -1, abs=1e-12
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smooth": 0}, "smooth above 0, got 0"),
        ({"bce": -1}, "factors of 0 or more, got bce=-1, dice=1.0"),
        ({"dice": -0.5}, "factors of 0 or more, got bce=0.5, dice=-0.5"),
    ],
)
def test_arguments_that_make_no_loss(options, message):
    with pytest.raises(ValueError, match=message):
        tu.BCEDiceLoss(**options)


# ---------------------------------------------------------------------- both


@each_loss
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("ignored", [False, True])
def test_agrees_with_pytorch(make, dtype, tolerance, weighted, ignored):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
    logits, labels, weights = example(dtype, seed=1)
    if ignored:
        labels[:, 1] = 7
    z = torch.tensor(logits[..., 0], requires_grad=True)
    counted = torch.tensor(labels != 7).to(z.dtype)
    w = counted * torch.tensor(weights if weighted else np.ones_like(weights))
    t = torch.tensor(labels == 1).to(z.dtype)
    each = torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    expected = (w * each).sum() / counted.sum()
    if make is tu.BCEDiceLoss:
        p = torch.sigmoid(z)
        dice = (2 * (w * p * t).sum() + 1) / ((w * p).sum() + (w * t).sum() + 1)
        expected = expected / 2 - dice
    expected.backward()
    loss = make(ignore_label=7 if ignored else None)
    value = loss(logits, labels, *([weights] if weighted else []))
    assert value == pytest.approx(expected.item(), rel=tolerance)
    assert_close(loss.backward()[..., 0], z.grad.numpy(), tolerance, "dlogits")


@each_loss
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_label", [None, 0])
def test_gradients(make, weighted, ignore_label):
    logits, labels, weights = example(seed=2)
    report = tu.check_gradients(
        make(ignore_label=ignore_label), logits, labels, *([weights] if weighted else [])
    )
    assert report.passed, report


@each_loss
@pytest.mark.parametrize("size", [1e4, 3e38])
def test_huge_logits_stay_finite_in_float32(make, size, xp):
    logits = row(size, -size).astype("float32")[..., None]
    loss = make()
    for labels in (row(0, 1), row(1, 0)):
        value = loss(*on(xp, logits / 2, labels))
        assert math.isfinite(value)
        assert np.isfinite(tu.to_cpu(loss.backward())).all()


@each_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_python_float_and_a_gradient_of_the_logits_kind(make, dtype, xp):
    logits, labels, weights = on(xp, *example(dtype=dtype))
    loss = make()
    for arrays in ((logits, labels), (logits, labels, weights)):
        assert type(loss(*arrays)) is float
        gradient = loss.backward()
        assert gradient.dtype == dtype
        assert gradient.shape == logits.shape
        assert tu.array_module(gradient) is xp


@each_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_the_double_agrees_with_numpy(make, weighted, xp):
    arrays = example(seed=5)[: 3 if weighted else 2]
    here, there = make(ignore_label=0), make(ignore_label=0)
    assert there(*on(xp, *arrays)) == pytest.approx(here(*arrays), rel=1e-13)
    assert_close(there.backward(), here.backward(), 1e-13)


@each_loss
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_labels_of_any_integer_kind(make, dtype):
    logits, labels, _ = example()
    assert make()(logits, labels.astype(dtype)) == make()(logits, labels)


@each_loss
def test_arrays_of_any_memory_layout(make):
    logits, labels, weights = example()
    loss, other = make(), make()
    value = loss(logits, labels, weights)
    turned = [np.asfortranarray(array) for array in (logits, labels, weights)]
    assert other(*turned) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(other.backward(), loss.backward(), rtol=1e-13)


@each_loss
def test_weights_of_one_change_nothing(make):
    logits, labels, _ = example()
    ones = np.ones(labels.shape)
    assert make()(logits, labels, ones) == pytest.approx(make()(logits, labels), rel=1e-14)


@each_loss
def test_ignored_pixels_get_no_gradient_and_do_not_count(make):
    logits, labels, weights = example()
    labels[:, :2] = 255
    loss, alone = make(ignore_label=255), make()
    value = loss(logits, labels, weights)
    assert value == pytest.approx(alone(logits[:, 2:], labels[:, 2:], weights[:, 2:]), rel=1e-12)
    gradient = loss.backward()
    assert not gradient[:, :2].any()
    np.testing.assert_allclose(gradient[:, 2:], alone.backward(), rtol=1e-12)


@each_loss
def test_nothing_left_to_count(make, xp):
    logits, labels, weights = on(xp, *example())
    loss = make(ignore_label=7)
    nothing = {tu.BCEWithLogitsLoss: 0.0, tu.BCEDiceLoss: -1.0}[make]
    assert loss(logits, labels * 0 + 7, weights) == nothing
    assert not tu.to_cpu(loss.backward()).any()


@each_loss
def test_arguments_stay_as_they_are(make):
    arrays = example()
    before = [array.tobytes() for array in arrays]
    loss = make()
    loss(*arrays)
    loss.backward()
    assert [array.tobytes() for array in arrays] == before


@each_loss
def test_one_forward_allows_one_backward(make):
    loss = make()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=f"{make.__name__}.backward needs a fresh forward"):
            loss.backward()
        loss(*example())
        loss.backward()


@each_loss
@pytest.mark.parametrize("label", [-1, 2, 255])
def test_labels_out_of_range_name_the_range(make, label, xp):
    logits, labels, _ = example()
    loss = make()
    loss(*on(xp, logits, labels))
    labels[1, 2, 3] = label
    message = f"labels from {min(label, 0)} to {max(label, 1)}, .* labels must be 0 to 1$"
    with pytest.raises(ValueError, match=message):
        loss(*on(xp, logits, labels))
    with pytest.raises(RuntimeError):  # not even the gradient of the batch before is left
        loss.backward()
    with pytest.raises(ValueError, match=r"0 to 1 or 9 \(ignored\)"):
        make(ignore_label=9)(logits, labels)


@each_loss
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda z, t, w: (z[0], t, w),
            ValueError,
            r"logits \(N, H, W, K\), got float64 \(3, 4, 1\)",
        ),
        (lambda z, t, w: (z.astype(int), t, w), ValueError, r"float logits .*int64 \(2, 3, 4, 1\)"),
        (
            lambda z, t, w: (np.tile(z, 2), t, w),
            ValueError,
            r"of one channel, got \(2, 3, 4, 2\).*SoftmaxCrossEntropy",
        ),
        (
            lambda z, t, w: (z, t[:, 1:], w),
            ValueError,
            r"\(2, 3, 4, 1\): they should be \(2, 3, 4\)",
        ),
        (lambda z, t, w: (z, t[..., None], w), ValueError, r"labels of shape \(2, 3, 4, 1\)"),
        (lambda z, t, w: (z, t.astype(float), w), TypeError, r"use labels.astype\(int\)"),
        (lambda z, t, w: (z, t == 1, w), TypeError, "integer labels, got bool"),
        (lambda z, t, w: (z, t, w[:1]), ValueError, r"weights of shape \(1, 3, 4\)"),
        (lambda z, t, w: (z, t, w.astype("f4")), TypeError, "float64 logits but float32 weights"),
    ],
)
def test_what_does_not_fit(make, change, error, message):
    loss = make()
    loss(*example())
    with pytest.raises(error, match=message):
        loss(*change(*example()))
    with pytest.raises(RuntimeError):
        loss.backward()


@each_loss
def test_arrays_on_two_devices(make, xp):
    if xp is np:
        pytest.skip("needs two devices")
    logits, labels, weights = example()
    with pytest.raises(TypeError, match="logits on the gpu and labels or weights on the cpu"):
        make()(xp.asarray(logits), labels)
    with pytest.raises(TypeError, match=r"move them with tinyunet\.to_cpu or to_gpu"):
        make()(xp.asarray(logits), xp.asarray(labels), weights)


# ---------------------------------------------------------------------- several heads


@pytest.mark.parametrize("weights", [None, [0.25, 0.5, 2]])
def test_heads_add_up(weights, xp):
    _, labels, pixels = example()
    heads = [example(seed=seed)[0] for seed in range(3)]
    loss, one = tu.DeepSupervision(tu.BCEDiceLoss(), weights), tu.BCEDiceLoss()
    value = loss(on(xp, *heads), *on(xp, labels, pixels))
    assert type(value) is float
    gradients = loss.backward()
    assert type(gradients) is list
    total = 0.0
    for c, head, gradient in zip(weights or [1] * 3, heads, gradients, strict=True):
        total += c * one(head, labels, pixels)
        assert_close(gradient, c * one.backward(), 1e-13)
        assert tu.array_module(gradient) is xp
    assert value == pytest.approx(total, rel=1e-13)


@pytest.mark.parametrize("make", [*LOSSES, lambda: tu.BCEWithLogitsLoss(ignore_label=0)])
def test_gradients_of_several_heads(make):
    rng = np.random.default_rng(6)
    _, labels, pixels = example()
    loss = tu.DeepSupervision(make(), [1, 0.5, 0.25, 2])
    heads = [rng.standard_normal((2, 3, 4, 1)) for _ in range(4)]
    report = tu.check_gradients(loss, heads, labels, pixels)
    assert report.passed, report
    assert {f"logits {j}" for j in range(4)} <= {row.name for row in report.rows}


@pytest.mark.parametrize(
    "wrong", [lambda g: g[::-1], lambda g: [*g[:3], 2 * g[3]], lambda g: g[:2]]
)
def test_a_gradient_check_sees_wrong_heads(wrong, monkeypatch):
    right = tu.DeepSupervision.backward
    monkeypatch.setattr(tu.DeepSupervision, "backward", lambda self: wrong(right(self)))
    rng = np.random.default_rng(6)
    heads = [rng.standard_normal((2, 3, 4, 1)) for _ in range(4)]
    report = tu.check_gradients(tu.DeepSupervision(tu.BCEDiceLoss()), heads, example()[1])
    assert not report.passed


def test_heads_of_several_classes_in_single_precision():
    rng = np.random.default_rng(7)
    heads = [rng.standard_normal((2, 3, 4, 5)).astype("float32") for _ in range(2)]
    labels = rng.integers(0, 5, (2, 3, 4))
    loss = tu.DeepSupervision(tu.SoftmaxCrossEntropy(ignore_label=3), [0.5, 0.5])
    assert loss.ignore_label == 3
    loss(heads, labels)
    assert all(g.dtype == "float32" and not g[labels == 3].any() for g in loss.backward())


def test_the_loss_of_the_heads_stays_free_for_other_use():
    logits, labels, _ = example()
    inner = tu.BCEWithLogitsLoss()
    loss = tu.DeepSupervision(inner)
    inner(logits, labels)
    loss([2 * logits, 3 * logits], labels)
    expected = tu.BCEWithLogitsLoss()
    expected(logits, labels)
    np.testing.assert_array_equal(inner.backward(), expected.backward())
    copied = copy.deepcopy(loss)
    assert len(copied.backward()) == len(loss.backward()) == 2


def test_several_heads_allow_one_backward():
    logits, labels, _ = example()
    loss = tu.DeepSupervision(tu.BCEWithLogitsLoss())
    loss([logits] * 4, labels)
    loss.backward()
    with pytest.raises(RuntimeError, match=r"DeepSupervision\.backward needs a fresh forward"):
        loss.backward()
    loss([logits] * 4, labels)
    with pytest.raises(ValueError, match="labels must be 0 to 1"):
        loss([logits] * 4, labels + 5)
    with pytest.raises(RuntimeError):
        loss.backward()


@pytest.mark.parametrize(
    ("weights", "pick", "error", "message"),
    [
        (None, lambda z: z, TypeError, "got ndarray: for one head use the loss itself, BCEWithLog"),
        (None, lambda z: [], ValueError, "got 0 heads: it needs one head at least"),
        ([1, 1], lambda z: [z] * 4, ValueError, "got 4 heads: it needs 2, one a weight"),
    ],
)
def test_heads_that_do_not_fit(weights, pick, error, message):
    logits, labels, _ = example()
    with pytest.raises(error, match=message):
        tu.DeepSupervision(tu.BCEWithLogitsLoss(), weights)(pick(logits), labels)


def test_heads_need_a_loss():
    with pytest.raises(TypeError, match="needs a loss, got 'bce'"):
        tu.DeepSupervision("bce")


# ---------------------------------------------------------------------- class weights

IMAGES = [np.array([[0, 0], [0, 1]]), np.zeros((2, 2), int), np.array([[0, 2], [2, 1]])]


def test_median_frequency_of_three_small_images():
    # f = 8/12, 2/8, 2/4, and their median is 1/2.
    weights = tu.median_frequency(IMAGES, 3)
    np.testing.assert_allclose(weights, [0.75, 2, 1], rtol=1e-14)
    assert weights.dtype == "float64"
    np.testing.assert_array_equal(tu.median_frequency(np.array(IMAGES, "uint8"), 3), weights)


def test_a_class_that_never_occurs_weighs_nothing_and_is_no_part_of_the_median():
    np.testing.assert_allclose(tu.median_frequency(IMAGES, 5), [0.75, 2, 1, 0, 0], rtol=1e-14)


def test_ignored_pixels_are_no_pixels():
    # Of class 0 are 3 of 4 + 2 pixels, of class 1 are 3 of 6: the median is 1/2.
    images = [np.array([[0, 0, 0, 1, 9, 9]]), np.array([[1, 1, 9]]), np.array([[0, 9]])]
    f0, f1 = 4 / 5, 3 / 6
    expected = np.median([f0, f1]) / [f0, f1]
    np.testing.assert_allclose(tu.median_frequency(images, 2, 9), expected, rtol=1e-14)


def test_weighted_cross_entropy_of_printed_logits(xp):
    logits = np.array([[1, 2, 0.5], [0, -1, 3], [2, 2, 2], [0.1, 0.2, 0.3]]).reshape(1, 2, 2, 3)
    labels = np.array([1, 0, 2, 255]).reshape(1, 2, 2)
    logits, labels = on(xp, logits, labels)
    weights = tu.pixel_weights(labels, [0.5, 1, 4], ignore_label=255)
    np.testing.assert_array_equal(tu.to_cpu(weights).ravel(), [1, 0.5, 4, 0])
    assert tu.array_module(weights) is xp
    loss = tu.SoftmaxCrossEntropy(ignore_label=255)
    value = loss(logits, labels, weights)
    assert value == pytest.approx(2.13058663, abs=5e-9)
    assert 3 * value == pytest.approx(6.391759891, abs=5e-10)
    dz = tu.to_cpu(loss.backward())[0, 0, 0]
    np.testing.assert_allclose(dz, [0.077074633, -0.12382276, 0.046748128], atol=5e-9)
    # PyTorch's mean divides by the weights' sum.
    assert value * 3 / float(weights.sum()) == pytest.approx(1.162138162, abs=5e-10)


def test_pytorchs_mean_is_ours_over_the_mean_weight():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
    rng = np.random.default_rng(8)
    logits, labels = rng.standard_normal((2, 5, 6, 4)), rng.integers(0, 4, (2, 5, 6))
    classes = np.array([0.3, 1, 2.5, 6])
    weights = tu.pixel_weights(labels, classes)
    theirs = torch.nn.CrossEntropyLoss(weight=torch.tensor(classes))(
        torch.tensor(logits).movedim(3, 1), torch.tensor(labels)
    )
    ours = tu.SoftmaxCrossEntropy()(logits, labels, weights)
    assert ours / weights.mean() == pytest.approx(theirs.item(), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixel_weights_keep_dtype_and_shape(dtype, xp):
    labels = xp.asarray(np.array([[0, 2, 1]]))
    weights = tu.pixel_weights(labels, np.array([1, 2, 3], dtype))
    assert weights.dtype == dtype
    np.testing.assert_array_equal(tu.to_cpu(weights), [[1, 3, 2]])
    assert tu.pixel_weights(labels, [1, 2, 3]).dtype == "float64"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tu.median_frequency(IMAGES, 2), ValueError, "labels from 0 to 2 for 2 classes"),
        (lambda: tu.median_frequency([row(-1, 0)], 2), ValueError, "labels must be 0 to 1$"),
        (lambda: tu.median_frequency([row(0.0)], 2), TypeError, "median_frequency needs integer"),
        (lambda: tu.median_frequency([row(9)], 2, 9), ValueError, "labels to count, got none"),
        (lambda: tu.median_frequency([], 2), ValueError, "labels to count, got none"),
        (lambda: tu.pixel_weights(row(-1), [1, 2]), ValueError, "got labels from -1 to -1 for 2"),
        (lambda: tu.pixel_weights(row(3, 9), [1], 9), ValueError, r"0 to 0 or 9 \(ignored\)"),
        (lambda: tu.pixel_weights(row(0), [-1, 2]), ValueError, "one weight of 0 or more for each"),
        (
            lambda: tu.pixel_weights(row(0), [np.nan]),
            ValueError,
            "one weight of 0 or more for each",
        ),
        (
            lambda: tu.pixel_weights(row(0), 2.0),
            ValueError,
            "one weight of 0 or more for each class",
        ),
        (lambda: tu.pixel_weights(row(True), [1, 2]), TypeError, "needs integer labels, got bool"),
    ],
)
def test_class_weights_that_cannot_be(call, error, message):
    with pytest.raises(error, match=message):
        call()
