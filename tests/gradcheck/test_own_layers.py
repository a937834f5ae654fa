"""check_gradients on layers that people write themselves: smooth ones, kinked ones, wrong ones."""

import numpy as np
import pytest

import tinyunet as tu


class Elementwise(tu.Layer):
    """A function of each number, and its derivative as somebody wrote it."""

    def __init__(self, f, slope):
        super().__init__()
        self.f, self.slope = f, slope

    def forward(self, x):
        self._x = x
        return self.f(x)

    def backward(self, dy, *, input_gradient=True):
        return dy * self.slope(self._x)


class LayerNorm(tu.Layer):
    """Each pixel's channels with mean 0 and variance 1; `forgets` names a term that is left out."""

    def __init__(self, channels, rng, forgets=""):
        super().__init__()
        self.params = {"scale": rng.uniform(0.5, 2, channels), "shift": rng.normal(size=channels)}
        self.forgets = forgets

    def forward(self, x):
        centred = x - x.mean(3, keepdims=True)
        self._root = np.sqrt((centred**2).mean(3, keepdims=True) + 1e-5)
        self._h = centred / self._root
        return self.params["scale"] * self._h + self.params["shift"]

    def backward(self, dy, *, input_gradient=True):
        self.grads["scale"] = (dy * self._h).sum((0, 1, 2))
        self.grads["shift"] = dy.sum((0, 1, 2))
        d = dy * self.params["scale"]
        mean = 0 if self.forgets == "mean" else d.mean(3, keepdims=True)
        along = 0 if self.forgets == "variance" else (d * self._h).mean(3, keepdims=True)
        return (d - mean - self._h * along) / self._root


class MaxPool(tu.Layer):
    """2x2 pooling that knows nothing of decisions; `wrong` gives dy to all that tie."""

    def __init__(self, wrong=False):
        super().__init__()
        self.wrong = wrong

    def forward(self, x):
        n, h, w, c = x.shape
        self._x = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
        self._x = self._x.reshape(n, h // 2, w // 2, c, 4)
        return self._x.max(4)

    def backward(self, dy, *, input_gradient=True):
        winner = self._x.argmax(4)[..., None] == np.arange(4)
        if self.wrong:
            winner = np.roll(winner, 1, 4)
        dx = (dy[..., None] * winner).reshape(*dy.shape, 2, 2)
        n, h, w, c = dy.shape
        return dx.transpose(0, 1, 4, 2, 5, 3).reshape(n, 2 * h, 2 * w, c)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


SMOOTH = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "softplus": (lambda x: np.logaddexp(0, x), sigmoid),
    "SiLU": (
        lambda x: x * sigmoid(x),
        lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    ),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "ELU": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
}
KINKED = {
    "ReLU": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "leaky ReLU": (lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1, 0.1)),
    "clip": (lambda x: np.clip(x, -0.5, 0.5), lambda x: 1.0 * (abs(x) < 0.5)),
    "absolute value": (np.abs, np.sign),
}


def image(seed=0, scale=1.0, offset=0.0, shape=(2, 4, 6, 3)):
    return scale * np.random.default_rng(seed).standard_normal(shape) + offset


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 3.0])
def test_right_smooth_layers_pass(name, scale):
    report = tu.check_gradients(Elementwise(*SMOOTH[name]), image(scale=scale))
    assert report.passed, report


@pytest.mark.parametrize("name", SMOOTH)
def test_wrong_smooth_layers_fail(name):
    f, slope = SMOOTH[name]
    report = tu.check_gradients(Elementwise(f, lambda x: 1.0001 * slope(x)), image())
    assert report.failed, report


@pytest.mark.parametrize("offset", [0.0, 500.0, -40_000.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_layer_norm_passes_and_what_is_forgotten_in_it_does_not(scale, offset):
    rng = np.random.default_rng(1)
    x = image(scale=scale, offset=offset)
    assert not tu.check_gradients(LayerNorm(3, rng), x).failed
    assert tu.check_gradients(LayerNorm(3, rng, "mean"), x).failed
    assert tu.check_gradients(LayerNorm(3, rng, "variance"), x).failed


def network(middle):
    rng = np.random.default_rng(2)
    return tu.Sequential(
        tu.Conv2d(3, 8, padding="same", rng=rng), middle, tu.Conv2d(8, 2, padding="same", rng=rng)
    )


@pytest.mark.parametrize("name", KINKED)
def test_networks_with_kinks_of_their_own_pass_and_wrong_ones_fail(name):
    f, slope = KINKED[name]
    assert tu.check_gradients(network(Elementwise(f, slope)), image()).passed
    wrong = tu.check_gradients(
        network(Elementwise(f, lambda x: slope(x) + 0.01 * (x < 0))), image()
    )
    assert wrong.failed, wrong


@pytest.mark.parametrize("name", ["ReLU", "leaky ReLU"])
def test_places_on_a_kink_are_left_out_counted_and_said(name):
    x = image()
    x[x < 0.3] = 0
    f, slope = KINKED[name]
    report = tu.check_gradients(Elementwise(f, slope), x, samples=40)
    assert report.passed, report
    assert 10 < report.rows[0].left_out < 40
    assert report.rows[0].checked + report.rows[0].left_out == 40
    assert any("coordinates on a kink were left out" in note for note in report.notes)
    assert tu.check_gradients(Elementwise(f, lambda x: slope(x) * 1.01), x).failed


def test_where_all_places_are_on_a_kink_nothing_is_proved():
    report = tu.check_gradients(Elementwise(*KINKED["ReLU"]), np.zeros((1, 2, 3, 1)))
    assert not report.passed
    assert not report.failed
    assert report.rows[0].verdict in ("not measurable", "untested")


@pytest.mark.parametrize("tied", [False, True])
def test_pooling_of_ones_own(tied):
    x = np.round(image(3)) if tied else image(3)
    assert tu.check_gradients(MaxPool(), x).passed
    assert tu.check_gradients(MaxPool(wrong=True), x).failed


def test_a_point_without_a_gradient_is_left_out_but_not_a_wrong_one_beside_it():
    def median(x):
        return np.sort(x)[2]

    def median_backward(dy, x):
        return dy * (np.arange(5) == np.argsort(x, kind="stable")[2])

    assert not tu.check_function(median, median_backward, np.array([4.0, 3, 3, 3, 9])).failed

    def halves(x):
        return np.concatenate([np.maximum(x[:6], 0), x[6:] ** 2])

    def wrong_at_0(dy, x):  # where the square is smooth
        return dy * np.concatenate([x[:6] > 0, np.where(x[6:] == 0, 1, 2 * x[6:])])

    x = np.array([1.5, 0, -2, 0, 0.3, 0, 0, 1.1, 0, -0.6, 2, 0])
    assert tu.check_function(halves, wrong_at_0, x).failed


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shared", [False, True])
def test_a_backward_that_returns_three_x_is_caught_whatever_the_seed(seed, shared):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 3, 4, 1))
    rng = np.random.default_rng(seed) if shared else None
    layer = Elementwise(lambda x: 3 * x, None)
    layer.backward = lambda dy, *, input_gradient=True: 3 * x
    assert tu.check_gradients(layer, x, rng=rng).failed
    assert tu.check_adjoint(layer, x, rng=rng).failed
    assert tu.check_function(lambda x: 3 * x, lambda dy, x: 3 * x, x, rng=rng).failed


def test_an_adjoint_is_asked_of_linear_layers_only():
    report = tu.check_adjoint(Elementwise(*SMOOTH["tanh"]), image())
    assert [row.verdict for row in report.rows] == ["not measurable"]
    assert "not linear" in report.rows[0].hint


def test_a_layer_that_is_random_or_not_finite_is_not_measurable():
    rng = np.random.default_rng(0)
    noisy = Elementwise(lambda x: x * (rng.random(x.shape) > 0.5), lambda x: 0.5 + 0 * x)
    report = tu.check_gradients(noisy, image())
    assert not report.failed
    assert not report.passed
    assert any("random" in remark for remark in report.remarks)
    with np.errstate(all="ignore"):
        report = tu.check_gradients(Elementwise(np.log, lambda x: 1 / x), image())
    assert not report.failed
    assert any("NaN or infinity in" in remark for remark in report.remarks)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("seed", range(4))
def test_right_layers_are_proved_at_every_scale(scale, seed):
    rng = np.random.default_rng(seed)
    layer = tu.Sequential(
        tu.Conv2d(3, 4, rng=rng), tu.ReLU(), tu.MaxPool2d((1, 2)), tu.ConvTranspose2d(4, 2, rng=rng)
    )
    for name, array in layer.named_parameters():
        if name.endswith("bias"):
            array[...] = 0.1 * rng.standard_normal(array.shape)
    report = tu.check_gradients(layer, image(seed, scale))
    assert report.passed, report


@pytest.mark.parametrize("offset", [512.0, 30_000.0])
def test_losses_do_not_mind_an_offset_of_the_logits(offset):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 6, 5))
    for loss in (tu.SoftmaxCrossEntropy(), tu.DiceLoss()):
        report = tu.check_gradients(loss, rng.standard_normal((2, 6, 5, 3)) + offset, labels)
        assert report.passed, report


def test_losses_with_light_weights_are_not_called_wrong():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        labels, logits = rng.integers(0, 4, (2, 6, 5)), 4 * rng.standard_normal((2, 6, 5, 4))
        weights = rng.random(labels.shape) * 10.0 ** rng.integers(-4, 4)
        for loss in (tu.DiceLoss(7.0), tu.SoftmaxCrossEntropy()):
            assert not tu.check_gradients(loss, logits, labels, weights, rng=rng).failed


# ---------------------------------------------------------------------- a report in a test


def test_a_report_is_true_if_it_passed_and_can_show_its_table():
    x = image()
    right = tu.check_gradients(Elementwise(*SMOOTH["tanh"]), x)
    assert right
    right.assert_passed()
    wrong = tu.check_gradients(Elementwise(np.tanh, lambda x: 1 + 0 * x), x)
    assert not wrong
    with pytest.raises(AssertionError) as caught:
        wrong.assert_passed()
    assert str(caught.value) == str(wrong)


def test_what_is_no_layer_is_told_where_to_go():
    with pytest.raises(TypeError, match="check_object"):
        tu.check_gradients(np.tanh, image())
