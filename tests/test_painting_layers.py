"""LeakyReLU, Tanh, InstanceNorm2d, 4x4 kernels, L1 and the losses of GANs: numbers and definitions.

The numbers were computed by PyTorch in float64 or by hand, and are compared to the digits printed.
"""

import copy
import math

import numpy as np
import pytest
from helpers import assert_close
from test_relatives_layers import C, S, assert_digits, random

import tinyunet as tu
from tinyunet.losses import AdversarialLoss

LINE = np.array([-2, -0.5, 0, 0.5, 2]).reshape(1, 1, 5, 1)
GAN_LOSSES = {tu.GANLoss: 1, tu.LeastSquaresGANLoss: 1, tu.SoftmaxGANLoss: 2}  # channels of logits
each_gan_loss = pytest.mark.parametrize(("make", "channels"), GAN_LOSSES.items())


# ---------------------------------------------------------------------- activations


def test_leaky_relu_in_numbers():
    layer = tu.LeakyReLU(0.2)
    assert_digits(layer(LINE), -0.4, -0.1, 0, 0.5, 2)
    assert_digits(layer.backward(np.ones_like(LINE)), 0.2, 0.2, 0.2, 1, 1)
    assert_digits(tu.LeakyReLU()(LINE), -0.02, -0.005, 0, 0.5, 2)
    assert str(tu.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"


def test_a_relu_after_a_leaky_one_is_a_relu():
    """Hence a skip may carry what was there before either."""
    x = random(2, 3, 4, 2)
    np.testing.assert_array_equal(tu.ReLU()(tu.LeakyReLU(0.2)(x)), tu.ReLU()(x))


@pytest.mark.parametrize("slope", [math.nan, math.inf])
def test_a_slope_must_be_finite(slope):
    with pytest.raises(ValueError, match=f"negative_slope must be a finite number, got {slope}"):
        tu.LeakyReLU(slope)


def test_tanh_in_numbers():
    layer = tu.Tanh()
    assert_digits(layer(LINE), *(math.tanh(x) for x in LINE.ravel()))
    slopes = 0.070650825, 0.786447733, 1, 0.786447733, 0.070650825
    assert_digits(layer.backward(np.ones_like(LINE)), *slopes)
    far = np.array([-1e30, -1000, 1000, np.inf]).reshape(1, 1, 4, 1)
    assert_digits(layer(far), -1, -1, 1, 1)
    assert_digits(layer.backward(np.ones_like(far)), 0, 0, 0, 0)
    assert np.isnan(layer(np.full((1, 1, 1, 1), np.nan))).all()


@pytest.mark.parametrize("make", [tu.LeakyReLU, tu.Tanh])
def test_a_large_image_is_worked_on_in_bands(make, xp):
    x, layer, dy = random(2, 300, 210, 3), make(), random(2, 300, 210, 3, seed=1)
    f = math.tanh if make is tu.Tanh else lambda v: v if v > 0 else 0.01 * v
    assert_close(layer(xp.asarray(x)), np.vectorize(f)(x), 1e-15)
    if make is tu.Tanh:
        expected = dy * (1 - np.tanh(x) ** 2)
    else:
        expected = np.where(x > 0, dy, 0.01 * dy)
    assert_close(layer.backward(xp.asarray(dy)), expected, 1e-14)


# ---------------------------------------------------------------------- instance normalisation


def test_instance_norm_in_numbers():
    layer = tu.InstanceNorm2d(2, affine=True).astype("float64")
    layer.params["weight"][...], layer.params["bias"][...] = (1.5, 0.5), (0.1, -0.2)
    assert_digits(
        layer(S(2, 2, 2, 2)), 0.178414245, 0.279093381, 2.425547965, -0.220727401, -1.691860933,
        -1.005798047, -0.512101278, 0.147432067, 1.598753681, 0.022826012, -1.407278764,
        -1.056707516, -1.392677348, 0.028978995, 1.601202431, 0.204902509,
    )  # fmt: skip
    dx = layer.backward(C(2, 2, 2, 2)).ravel()
    assert_digits(dx[:4], 1.862390533, -0.441193238, -1.176835714, 0.720952702)


def test_one_image_is_normalised_as_a_batch_of_one():
    x, dy = 3 + random(3, 5, 4, 2), random(3, 5, 4, 2, seed=1)
    layer = tu.InstanceNorm2d(2, affine=True).astype("float64")
    layer.params["weight"][...], layer.params["bias"][...] = (1.5, 0.5), (0.1, -0.2)
    y, dx = layer(x), layer.backward(dy)
    total = {name: np.zeros(2) for name in layer.grads}
    for i in range(3):
        batch = tu.BatchNorm2d(2).astype("float64")
        batch.params = {name: array.copy() for name, array in layer.params.items()}
        assert_close(y[i : i + 1], batch(x[i : i + 1]), 1e-13)
        assert_close(dx[i : i + 1], batch.backward(dy[i : i + 1]), 1e-12)
        for name, gradient in batch.grads.items():
            total[name] += gradient
    for name, gradient in layer.grads.items():
        assert_close(gradient, total[name], 1e-12)
    assert_close(layer.predict(x), y, 0)  # there is nothing else in eval


@pytest.mark.parametrize("offset", [0, 1e4, -3e5])
def test_the_variance_of_an_instance_beside_a_large_mean(offset, xp, device):
    x = (offset + 4 * np.sin(np.arange(4096))).astype("float32").reshape(1, 64, 64, 1)
    y = tu.to_cpu(tu.InstanceNorm2d(1).to(device)(xp.asarray(x))).astype("float64")
    exact = x.astype("float64")
    assert_close(y, (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5), 1e-6)


def test_what_an_instance_norm_refuses():
    for call, words in (
        (lambda: tu.InstanceNorm2d(0), "at least 1 channel, got 0"),
        (lambda: tu.InstanceNorm2d(2, -1.0), "eps must not be negative, got -1.0"),
        (lambda: tu.InstanceNorm2d(2)(random(1, 3, 4, 3)), "got an input with 3 channels"),
        (lambda: tu.InstanceNorm2d(2)(random(9, 1, 1, 2)), "one pixel an image: .* no variance"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert not tu.InstanceNorm2d(3).params
    described = str(tu.InstanceNorm2d(2, 1e-3, affine=True))
    assert described == "InstanceNorm2d(num_features=2, eps=0.001, affine=True)"


# ---------------------------------------------------------------------- 4x4 kernels


def four_by_four(layer):
    """The layer in float64 with w[p, q] = cos(4 p + q) and the bias 1/4, one channel to one."""
    layer.astype("float64")
    layer.params["weight"][...] = np.cos(np.arange(16)).reshape(layer.params["weight"].shape)
    layer.params["bias"][...] = 0.25
    return layer


@pytest.mark.parametrize("algorithm", ["naive", "im2col", "auto"])
def test_a_strided_convolution_in_numbers(algorithm):
    conv = four_by_four(tu.Conv2d(1, 1, 4, stride=2, padding=1, algorithm=algorithm))
    y = conv(S(1, 4, 4, 1))
    assert_digits(y, 4.603820075, -0.346379197, 0.923700876, -4.026498397)
    dx = conv.backward(C(1, 2, 2, 1))
    assert_digits(dx[0, 0], 0.283662185, 1.232182012, 0.635857133, -0.399571827)
    row = conv.grads["weight"][0]
    assert_digits(row, -0.920730596, 0.226392664, 1.257613746, 0.182638158)


def test_a_transposed_convolution_in_numbers():
    up = four_by_four(tu.ConvTranspose2d(1, 1, 4, stride=2, padding=1))
    y = up(S(1, 2, 2, 1))
    assert_digits(
        y[0, :2], 0.25, -0.300022141, 0.488693499, 1.057955437, 0.741295496, -0.109715296,
        -1.340639843, -0.514780991,
    )  # fmt: skip
    dx = up.backward(C(1, 4, 4, 1))
    assert_digits(dx, -0.857098037, 1.037808237, -0.828381558, -1.062520526)
    row = up.grads["weight"][0, 0]
    assert_digits(row, -0.118409781, -0.013218129, -0.743669225, 0.767314233)


# ---------------------------------------------------------------------- L1


def test_l1_in_numbers(xp):
    x, t = (xp.asarray(np.array(v, "float64").reshape(1, 2, 2, 1)) for v in (
        [1, 2, 3, -1], [0, 2, 5, 1],
    ))  # fmt: skip
    loss = tu.L1Loss()
    assert loss(x, t) == 1.25
    assert_digits(tu.to_cpu(loss.backward()), 0.25, 0, -0.25, -0.25)
    weights = xp.asarray(np.array([2, 5, 1, 0.5]).reshape(1, 2, 2))
    assert loss(x, t, weights) == (2 * 1 + 0 + 2 + 0.5 * 2) / 4
    assert_digits(tu.to_cpu(loss.backward()), 0.5, 0, -0.25, -0.125)


def test_l1_is_least_at_the_median():
    """Of a coin's red and blue, anything in between; of three values, the middle one."""
    targets = np.array([0.0, 1.0, 5.0]).reshape(3, 1, 1, 1)
    values = np.linspace(-1, 6, 141)
    losses = [tu.L1Loss()(np.full_like(targets, v), targets) for v in values]
    assert values[np.argmin(losses)] == pytest.approx(1)
    assert targets.mean() == 2
    coin = targets[:2]
    assert {tu.L1Loss()(np.full_like(coin, v), coin) for v in (0.0, 0.25, 0.5, 1.0)} == {0.5}


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_l1(weighted):
    x, t = random(2, 3, 4, 3), random(2, 3, 4, 3, seed=1)
    weights = [np.random.default_rng(2).uniform(0.5, 2, (2, 3, 4))] if weighted else []
    report = tu.check_gradients(tu.L1Loss(), x, t, *weights)
    assert report.passed, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_l1_is_a_float_and_its_gradient_of_the_outputs_kind(dtype, xp):
    x, t = (xp.asarray(random(2, 3, 4, 3, seed=i, dtype=dtype)) for i in range(2))
    loss = tu.L1Loss()
    assert type(loss(x, t)) is float
    gradient = loss.backward()
    assert (gradient.dtype, gradient.shape) == (dtype, x.shape)
    assert tu.array_module(gradient) is xp
    with pytest.raises(RuntimeError, match=r"L1Loss\.backward needs a fresh forward"):
        loss.backward()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda x, t, w: (x[0], t, w), ValueError, r"\(N, H, W, C\), got float64 \(3, 4, 2\)"),
        (lambda x, t, w: (x > 0, t, w), ValueError, "got bool"),
        (lambda x, t, w: (x, t[:1], w), ValueError, r"targets of shape \(1, 3, 4, 2\) for .*shoul"),
        (lambda x, t, w: (x, t > 0, w), TypeError, "float64 outputs but bool targets: use targets"),
        (lambda x, t, w: (x, t, w[..., None]), ValueError, r"weights of .*should be \(2, 3, 4\)"),
        (lambda x, t, w: (x, t, w.astype("f4")), TypeError, "but float32 weights: use weights.as"),
    ],
)
def test_what_l1_refuses(change, error, words):
    with pytest.raises(error, match=words):
        tu.L1Loss()(*change(random(2, 3, 4, 2), random(2, 3, 4, 2, seed=1), np.ones((2, 3, 4))))


# ---------------------------------------------------------------------- losses of GANs


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def test_the_non_saturating_loss_in_numbers(xp):
    z = xp.asarray(np.array([-100.0, -1, 0, 2, 100]).reshape(1, 1, 5, 1))
    loss = tu.GANLoss()
    real = 100, 1.313261688, 0.693147181, 0.126928011, 0
    assert loss(z, True) == pytest.approx(sum(real) / 5, abs=5e-10)
    dz = np.array([-0.2, -0.146211716, -0.1, -0.023840584, 0])
    assert_digits(tu.to_cpu(loss.backward()), *dz)
    fake = 0, 0.313261688, 0.693147181, 2.126928011, 100
    assert loss(z, False) == pytest.approx(sum(fake) / 5, abs=5e-10)
    assert_digits(tu.to_cpu(loss.backward()), *(dz + 0.2))


def test_the_least_squares_loss_by_hand(xp):
    z = xp.asarray(np.array([-1.0, 0, 1, 3]).reshape(1, 2, 2, 1))
    loss = tu.LeastSquaresGANLoss()
    assert loss(z, True) == (4 + 1 + 0 + 4) / 4
    assert_digits(tu.to_cpu(loss.backward()), -1, -0.5, 0, 1)
    assert loss(z, False) == (1 + 0 + 1 + 9) / 4
    assert_digits(tu.to_cpu(loss.backward()), -0.5, 0, 0.5, 1.5)


def test_two_logits_say_what_their_difference_says(xp):
    z = random(2, 3, 4, 2)
    pair, one = tu.SoftmaxGANLoss(), tu.GANLoss()
    for real in (True, False):
        value = pair(xp.asarray(z), real)
        assert value == pytest.approx(one(z[..., :1] - z[..., 1:], real), rel=1e-13)
        expected = one.backward()
        assert_close(pair.backward(), np.concatenate([expected, -expected], -1), 1e-13)


def test_by_hand():
    """G = a x and D(q) = u q + v x, the logit of the pair (x, q); x = (1, 2), y = (2, 1)."""
    a, u, v, weight = 0.5, 1.0, 0.2, 10
    x, y = (np.array(values, "float64").reshape(1, 1, 2, 1) for values in ((1, 2), (2, 1)))
    generator = tu.Conv2d(1, 1, 1, bias=False).astype("float64")
    discriminator = tu.Conv2d(2, 1, 1, bias=False).astype("float64")
    generator.params["weight"][...] = a
    discriminator.params["weight"][0, 0, :, 0] = v, u
    adversarial, l1 = tu.GANLoss(), tu.L1Loss()
    fake = generator(x)

    value, gradient = 0.0, np.zeros(2)
    for image, real in ((y, True), (fake, False)):
        value += adversarial(discriminator(np.concatenate([x, image], -1)), real) / 2
        discriminator.backward(adversarial.backward() / 2)
        gradient += discriminator.grads["weight"].ravel()
    assert value == pytest.approx(0.762276047, abs=5e-10)
    assert_digits(gradient, 0.444293209, 0.184740171)

    value = adversarial(discriminator(np.concatenate([x, fake], -1)), True)
    dfake = discriminator.backward(adversarial.backward())[..., 1:]
    value += weight * l1(fake, y)
    generator.backward(dfake + weight * l1.backward())
    assert value == pytest.approx(7.811801729, abs=5e-10)
    assert_digits(generator.grads["weight"], -5.363722225)


@each_gan_loss
@pytest.mark.parametrize("real", [True, False])
def test_the_gradients_of_gan_losses(make, channels, real):
    report = tu.check_gradients(make(), 2 * random(2, 3, 4, channels), real)
    assert report.passed, report


@each_gan_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gan_loss_is_a_float_and_its_gradient_of_the_logits_kind(make, channels, dtype, xp):
    logits, loss = xp.asarray(random(2, 3, 4, channels, dtype=dtype)), make()
    for real in (True, False):
        assert type(loss(logits, real)) is float
        gradient = loss.backward()
        assert (gradient.dtype, gradient.shape) == (dtype, logits.shape)
        assert tu.array_module(gradient) is xp
        with pytest.raises(RuntimeError, match=r"backward needs a fresh forward"):
            copy.deepcopy(loss).backward()


@pytest.mark.parametrize(("make", "channels"), [(tu.GANLoss, 1), (tu.SoftmaxGANLoss, 2)])
def test_huge_logits_stay_finite(make, channels):
    logits = np.array([-1e30, 1e30], "float32").reshape(1, 2, 1, 1).repeat(channels, 3)
    loss = make()
    for real in (True, False):
        assert math.isfinite(loss(logits, real))
        assert np.isfinite(loss.backward()).all()


@each_gan_loss
def test_what_gan_losses_refuse(make, channels):
    logits = random(2, 3, 4, channels)
    for call, error, words in (
        (lambda: make()(logits, 1), TypeError, f"{make.__name__} needs to know .* True or False"),
        (lambda: make()(logits[0], True), ValueError, r"float logits \(N, H, W, C\), got float64"),
        (lambda: make()(logits > 0, True), ValueError, "got bool"),
        (lambda: make()(logits, True, np.ones((2, 3, 4))), TypeError, "takes no weights"),
    ):
        with pytest.raises(error, match=words):
            call()
    assert issubclass(make, AdversarialLoss)


def test_losses_against_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here and is not installed")
    F = torch.nn.functional
    z, t = random(2, 3, 4, 2), random(2, 3, 4, 2, seed=1)

    def first(q, real):
        return F.cross_entropy(q.movedim(3, 1), torch.full((2, 3, 4), 0 if real else 1))

    twins = [
        (tu.L1Loss(), t, lambda q, t: F.l1_loss(q, torch.tensor(t))),
        *((tu.GANLoss(), real, lambda q, real: F.binary_cross_entropy_with_logits(
            q, torch.full_like(q, float(real)))) for real in (True, False)),
        *((tu.LeastSquaresGANLoss(), real, lambda q, real: F.mse_loss(
            q, torch.full_like(q, float(real)))) for real in (True, False)),
        *((tu.SoftmaxGANLoss(), real, first) for real in (True, False)),
    ]  # fmt: skip
    for loss, target, theirs in twins:
        leaf = torch.tensor(z, requires_grad=True)
        expected = theirs(leaf, target)
        expected.backward()
        assert loss(z, target) == pytest.approx(expected.item(), rel=1e-13)
        assert_close(loss.backward(), leaf.grad.numpy(), 1e-13, type(loss).__name__)
