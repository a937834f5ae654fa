"""The layers of the U-Net's relatives: their definitions as loops, and numbers from the outside.

The numbers were computed by PyTorch in float64, from S(shape) as input and C(shape) as upstream
gradient, and are compared to the digits that are printed.
"""

import copy
import math
from fractions import Fraction

import numpy as np
import pytest
from helpers import assert_close, upstream

import tinyunet as tu
from tinyunet.layers.average import bin_means
from tinyunet.layers.bilinear import bilinear_kernel, bilinear_weight
from tinyunet.layers.resize import interpolation


def S(*shape):
    return np.sin(np.arange(math.prod(shape))).reshape(shape)


def C(*shape):
    return np.cos(2 * np.arange(math.prod(shape))).reshape(shape)


def random(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_digits(actual, *expected):
    """Equal to nine digits after the point."""
    np.testing.assert_allclose(np.ravel(actual), expected, rtol=0, atol=0.6e-9)


def assert_rows(matrix, text):
    rows = [[float(Fraction(word)) for word in row.split()] for row in text.split("|")]
    np.testing.assert_allclose(matrix, rows, atol=1e-15)


# ---------------------------------------------------------------------- batch normalisation


def normed(channels=2, **options):
    """A trained normalisation in float64."""
    layer, rng = tu.BatchNorm2d(channels, **options).astype("float64"), np.random.default_rng(3)
    for array in (layer.params["weight"], layer.buffers["running_var"]):
        array[...] = rng.uniform(0.5, 2, channels)
    for array in (layer.params["bias"], layer.buffers["running_mean"]):
        array[...] = rng.standard_normal(channels)
    return layer


def test_batch_norm_in_numbers():
    layer = tu.BatchNorm2d(2).astype("float64")
    layer.params["weight"][...], layer.params["bias"][...] = (1.5, 0.5), (0.1, -0.2)
    y = layer(S(2, 2, 2, 2))
    assert_digits(
        y, -0.106193912, 0.313193542, 1.835589756, -0.2031589, -1.722328173, -1.014195894,
        -0.702879259, 0.177177507, 2.006557788, -0.003358043, -1.267938438, -1.044472848,
        -1.252032994, 0.002575967, 2.009225232, 0.172238668,
    )  # fmt: skip
    assert_digits(
        layer.backward(C(2, 2, 2, 2)),
        1.98684395, -0.652757039, -0.035924899, 0.681924312, -1.714900669, -0.142060287,
        1.189839841, -0.160846962, -0.552320692, 0.337043804, -0.17972883, -0.241919273,
        -0.132997421, 0.323489249, -0.560811279, -0.144873804,
    )  # fmt: skip
    assert_digits(layer.grads["weight"], -4.365609877, 3.361800489)
    assert_digits(layer.grads["bias"], -0.043293973, 0.303215793)
    assert_digits(layer.buffers["running_mean"], 0.009655638, 0.014540456)
    assert_digits(layer.buffers["running_var"], 0.956386599, 0.952560746)
    x, y = S(1, 1, 2, 2), (0.085190063, 0.223633611, 1.479881742, -0.135153739)
    assert_digits(layer.predict(x), *y)
    layer.statistics = "running"
    assert_digits(layer(x), *y)
    assert_digits(
        layer.backward(C(1, 1, 2, 2)), 1.533812411, -0.213190566, -1.002566698, 0.491891872
    )


def test_batch_norm_against_its_definition():
    layer, x = normed(3), 5 + random(2, 5, 4, 3)
    dy, y = random(2, 5, 4, 3, seed=1), layer(x)
    dx = layer.backward(dy)
    for c in range(3):
        values, count = x[..., c].ravel().tolist(), 40
        mean = math.fsum(values) / count
        root = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / count + 1e-5)
        xh = (x[..., c] - mean) / root
        weight, bias = (layer.params[name][c] for name in ("weight", "bias"))
        assert_close(y[..., c], weight * xh + bias, 1e-14)
        assert_close(layer.grads["weight"][c], (dy[..., c] * xh).sum(), 1e-13)
        assert abs(dx[..., c].sum()) < 1e-13  # constant offsets do nothing,
        assert abs((dx[..., c] * xh).sum()) < 1e-4  # nor, but for eps, does a larger contrast


@pytest.mark.parametrize("offset", [0, 1e4, -3e5])
def test_variance_beside_a_large_mean(offset, xp, device):
    x = (offset + 4 * np.sin(np.arange(4096))).astype("float32").reshape(1, 64, 64, 1)
    layer = tu.BatchNorm2d(1, momentum=1.0).to(device)
    y = tu.to_cpu(layer(xp.asarray(x)))
    exact = x.astype("float64")
    var = tu.to_cpu(layer.buffers["running_var"]) * (4095 / 4096)
    np.testing.assert_allclose(var, exact.var(), rtol=1e-6)
    np.testing.assert_allclose(layer.buffers["running_mean"].item(), exact.mean(), 1e-7, 1e-7)
    np.testing.assert_allclose(y.std(), 1, rtol=1e-5)


@pytest.mark.parametrize("shape", [(4, 32, 32), (1, 4096, 1), (1, 1, 4096), (4096, 1, 1)])
def test_the_variance_of_a_sine_far_from_0(shape):
    x = (1e4 + np.sin(np.arange(4096))).astype("float32").reshape(*shape, 1)
    assert (x * x).mean() - x.mean() ** 2 == 0  # what must not be computed
    layer = tu.BatchNorm2d(1, momentum=1.0)
    layer(x)
    assert f"{layer.buffers['running_var'].item() * 4095 / 4096:.6f}" == "0.500024"


def test_batch_norm_in_many_bands_is_as_in_one():
    layer, x = normed(5).astype("float32"), 2 + random(3, 130, 200, 5, dtype="float32")
    dy = random(*x.shape, seed=1, dtype="float32")
    exact = copy.deepcopy(layer).astype("float64")
    assert_close(layer(x), exact(x.astype("float64")), 1e-6)
    assert_close(layer.backward(dy), exact.backward(dy.astype("float64")), 1e-6)
    for name in layer.grads:
        assert_close(layer.grads[name], exact.grads[name], 1e-5)


def test_running_statistics_move_by_momentum_and_in_training_only():
    layer, x = tu.BatchNorm2d(2).astype("float64"), 3 + random(2, 3, 4, 2)
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2), ddof=1)
    layer(x)
    np.testing.assert_allclose(layer.buffers["running_mean"], 0.1 * mean)
    np.testing.assert_allclose(layer.buffers["running_var"], 0.9 + 0.1 * var)
    layer(x)
    np.testing.assert_allclose(layer.buffers["running_mean"], 0.19 * mean)
    assert layer.buffers["num_batches_tracked"] == 2
    before = layer.state_dict()
    layer.predict(x)
    layer.statistics = "running"
    layer.backward(upstream(layer(x)))
    for name, array in before.items():
        np.testing.assert_array_equal(layer.state_dict()[name], array)


def test_without_momentum_the_statistics_are_means_over_batches(xp, device):
    layer, batches = (
        tu.BatchNorm2d(2, momentum=None).to(device),
        [random(2, 3, 4, 2, seed=i) for i in range(3)],
    )
    for x in batches:
        layer(xp.asarray(x.astype("float32")))
    mean = np.mean([x.mean((0, 1, 2)) for x in batches], 0)
    np.testing.assert_allclose(tu.to_cpu(layer.buffers["running_mean"]), mean, rtol=1e-5)
    var = np.mean([x.var((0, 1, 2), ddof=1) for x in batches], 0)
    np.testing.assert_allclose(tu.to_cpu(layer.buffers["running_var"]), var, rtol=1e-5)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_a_gradient_check_leaves_the_statistics_alone(statistics):
    model = tu.Sequential(tu.Conv2d(2, 3, bias=False), normed(3, statistics=statistics), tu.ReLU())
    before = model.state_dict()
    report = tu.check_gradients(model, random(2, 5, 6, 2))
    assert report.passed, report
    for name, array in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


def test_one_value_a_channel_has_no_variance():
    layer = tu.BatchNorm2d(3)
    with pytest.raises(
        ValueError, match=r"BatchNorm2d\(num_features=3\) got one value a channel: .*larger batch"
    ):
        layer(np.ones((1, 1, 1, 3), "float32"))
    assert layer.buffers["num_batches_tracked"] == 0
    layer.statistics = "running"
    layer(np.ones((1, 1, 1, 3), "float32"))
    layer.eval()(np.ones((1, 1, 1, 3), "float32"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_features": 0}, "at least 1 channel, got 0"),
        ({"eps": -1e-5}, "eps must not be negative, got -1e-05"),
        ({"momentum": 1.5}, "momentum must be from 0 to 1, or None, got 1.5"),
        ({"statistics": "mean"}, 'statistics must be "batch" or "running", got \'mean\''),
    ],
)
def test_bad_settings_of_a_normalisation(options, message):
    with pytest.raises(ValueError, match=message):
        tu.BatchNorm2d(**{"num_features": 2, **options})


def test_batch_norm_wants_its_channels_and_names_its_settings():
    with pytest.raises(ValueError, match="got an input with 3 channels"):
        tu.BatchNorm2d(2)(np.ones((2, 3, 4, 3), "float32"))
    described = str(tu.BatchNorm2d(2, 1e-3, None, statistics="running"))
    assert described == (
        "BatchNorm2d(num_features=2, eps=0.001, momentum=None, statistics='running')"
    )


CONVOLUTIONS = [
    lambda: tu.Conv2d(2, 3, padding=1),
    lambda: tu.Conv2d(2, 3, (1, 2), stride=2, bias=False),
    lambda: tu.ConvTranspose2d(2, 3),
]


@pytest.mark.parametrize("make", CONVOLUTIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
def test_folding_a_normalisation_into_a_convolution(make, dtype, tolerance):
    conv, norm = make().astype(dtype), normed(3).astype(dtype)
    if "bias" in conv.params:
        conv.params["bias"][...] = random(3)
    before, x = conv.state_dict(), random(2, 5, 6, 2, dtype=dtype)
    folded = tu.fold(conv, norm)
    assert type(folded) is type(conv)
    assert folded.dtype == dtype
    assert_close(folded.predict(x), norm.predict(conv.predict(x)), tolerance)
    for name, array in before.items():
        np.testing.assert_array_equal(conv.state_dict()[name], array)


def test_what_cannot_be_folded():
    with pytest.raises(ValueError, match="ReLU before the normalisation"):
        tu.fold(tu.Conv2d(2, 3, activation="relu"), normed(3))
    with pytest.raises(ValueError, match="does not normalise the 3 channels"):
        tu.fold(tu.Conv2d(2, 3), normed(4))


# ---------------------------------------------------------------------- average pooling to bins


def test_bins_in_numbers():
    layer = tu.AdaptiveAvgPool2d((3, 2))
    y = layer(S(1, 5, 7, 1))
    assert_digits(y, 0.42579133, -0.439304932, 0.081836848, -0.135747934, -0.338598975, 0.294673481)
    dx = layer.backward(C(1, 3, 2, 1))
    assert_digits(dx[0, 0], *[0.125] * 3, 0.072981645, *[-0.052018355] * 3)
    assert_digits(dx[0, 1], *[0.070529698] * 3, 0.098525534, *[0.027995836] * 3)


def test_ten_rows_in_six_bins():
    found = [(row.nonzero()[0].min(), row.nonzero()[0].max() + 1) for row in bin_means(10, 6)]
    assert found == [(0, 2), (1, 4), (3, 5), (5, 7), (6, 9), (8, 10)]


@pytest.mark.parametrize("side", [*range(1, 13), 60, 10**6])
def test_bins_by_fractions(side):
    for bins in range(1, 8):
        for i, row in enumerate(bin_means(side, bins)):
            start = math.floor(Fraction(i * side, bins))
            stop = math.ceil(Fraction((i + 1) * side, bins))
            assert np.count_nonzero(row) == stop - start
            np.testing.assert_allclose(row[start:stop], 1 / (stop - start))


def pooled_by_loops(x, dy):
    """y and dx by the definition."""
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    height, width = x.shape[1:3]
    rows, columns = dy.shape[1:3]
    for n, i, j, c in np.ndindex(dy.shape):
        part = (
            n,
            slice(i * height // rows, -(-(i + 1) * height // rows)),
            slice(j * width // columns, -(-(j + 1) * width // columns)),
            c,
        )
        y[n, i, j, c] = x[part].mean()
        dx[part] += dy[n, i, j, c] / x[part].size
    return y, dx


@pytest.mark.parametrize("bins", [1, (2, 3), (6, 4), (9, 8), (10, 1)])
def test_bins_against_loops(bins):
    layer, x = tu.AdaptiveAvgPool2d(bins), random(2, 9, 7, 3)
    y = layer(x)
    dy = upstream(y)
    expected_y, expected_dx = pooled_by_loops(x, dy)
    assert_close(y, expected_y, 1e-14)
    assert_close(layer.backward(dy), expected_dx, 1e-14)


class Pyramid(tu.Layer):
    """An image beside its means over 1, 2 and 3 bins a side, in its own size."""

    def __init__(self):
        super().__init__()
        self.pools = [tu.AdaptiveAvgPool2d(bins) for bins in (1, 2, 3)]
        self.ups = [tu.Upsample(align_corners=True) for _ in self.pools]
        self.concat = tu.Concat()

    def forward(self, x):
        branches = zip(self.pools, self.ups, strict=True)
        return self.concat(x, *(up(pool(x), x.shape[1:3]) for pool, up in branches))

    def backward(self, dy, *, input_gradient=True):
        dx, *others = self.concat.backward(dy)
        for pool, up, d in zip(self.pools, self.ups, others, strict=True):
            dx = dx + pool.backward(up.backward(d))
        return dx


def test_a_pyramid_in_numbers():
    layer = Pyramid()
    y = layer(S(1, 4, 4, 1))
    assert_digits(y[0, 0, 0], 0, 0.120980467, -0.218563946, -0.218563946)
    assert_digits(y[0, 3, 0], -0.536572918, 0.120980467, 0.321267713, 0.321267713)
    dx = layer.backward(C(1, 4, 4, 4))
    assert_digits(dx[0, 0], 1.423383859, 0.063930569, -1.525163657, 0.070628087)
    assert tu.check_adjoint(layer, random(2, 5, 7, 2)).passed


# ---------------------------------------------------------------------- bilinear resizing


def test_matrices_of_interpolation():
    assert_rows(interpolation(3, 5, True), "1 0 0 | .5 .5 0 | 0 1 0 | 0 .5 .5 | 0 0 1")
    assert_rows(interpolation(3, 5, False), "1 0 0 | .6 .4 0 | 0 1 0 | 0 .4 .6 | 0 0 1")
    shrunk = "2/3 1/3 0 0 0 | 0 0 1 0 0 | 0 0 0 1/3 2/3"
    assert_rows(interpolation(5, 3, False), shrunk)
    assert_rows(interpolation(5, 1, True), "1 0 0 0 0")
    assert_rows(interpolation(1, 3, False), "1 | 1 | 1")


@pytest.mark.parametrize("align_corners", [True, False])
def test_every_row_of_interpolation_is_a_mean(align_corners):
    for side in range(1, 9):
        for new in range(1, 20):
            matrix = interpolation(side, new, align_corners)
            assert matrix.min() >= 0
            np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-14)


def test_resizing_in_numbers_with_corners_aligned():
    layer = tu.Upsample((4, 5), align_corners=True)
    assert_digits(
        layer(S(1, 2, 3, 1)),
        0, 0.420735492, 0.841470985, 0.875384206, 0.909297427, 0.047040003, 0.17787658, 0.308713158,
        0.297635009, 0.28655686, 0.094080005, -0.064982332, -0.224044669, -0.280114188, -0.336183708,
        0.141120008, -0.307841244, -0.756802495, -0.857863385, -0.958924275,
    )  # fmt: skip
    dx = layer.backward(C(1, 4, 5, 1))
    assert_digits(dx, 0.483197431, -0.245856172, 0.242527687, 0.371049379, -0.30372345, 0.525489985)


def test_resizing_in_numbers_with_edges_aligned():
    layer = tu.Upsample((4, 5))
    assert_digits(
        layer(S(1, 2, 3, 1))[0, :2],
        0, 0.336588394, 0.841470985, 0.88216685, 0.909297427,
        0.035280002, 0.197929047, 0.441902615, 0.442106247, 0.442242001,
    )  # fmt: skip
    dx = layer.backward(C(1, 4, 5, 1))
    assert_digits(dx, 0.452768924, -0.296882382, 0.351279335, 0.427674852, -0.33104085, 0.468884981)


def resized_by_loops(x, dy, align_corners):
    """y and dx, one output pixel after the other."""

    def neighbours(i, old, new):
        if align_corners:
            place = Fraction(i * (old - 1), new - 1) if new > 1 else Fraction(0)
        else:
            place = max(Fraction(2 * i + 1, 2) * Fraction(old, new) - Fraction(1, 2), Fraction(0))
        p = math.floor(place)
        f = float(place - p)
        return (p, 1 - f), (min(p + 1, old - 1), f)

    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for n, i, j, c in np.ndindex(dy.shape):
        for p, wp in neighbours(i, x.shape[1], dy.shape[1]):
            for q, wq in neighbours(j, x.shape[2], dy.shape[2]):
                y[n, i, j, c] += wp * wq * x[n, p, q, c]
                dx[n, p, q, c] += wp * wq * dy[n, i, j, c]
    return y, dx


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(7, 9), (3, 4), (2, 5), (1, 1), (6, 2)])
def test_resizing_against_loops(size, align_corners):
    layer, x = tu.Upsample(size, align_corners=align_corners), random(2, 3, 4, 2)
    y = layer(x)
    dy = upstream(y)
    expected_y, expected_dx = resized_by_loops(x, dy, align_corners)
    assert_close(y, expected_y, 1e-14)
    assert_close(layer.backward(dy), expected_dx, 1e-14)


def test_sizes_of_an_upsampling():
    x = random(1, 5, 4, 1)
    assert tu.Upsample(scale_factor=1.7)(x).shape == (1, 8, 6, 1)
    assert tu.Upsample(scale_factor=(2, 0.5))(x).shape == (1, 10, 2, 1)
    assert tu.Upsample(3)(x).shape == (1, 3, 3, 1)
    assert tu.Upsample(3)(x, size=(2, 6)).shape == (1, 2, 6, 1)
    zoomed = tu.Upsample(align_corners=True)(x, ((5 - 1) * 8 + 1, (4 - 1) * 8 + 1))
    np.testing.assert_allclose(zoomed[:, ::8, ::8], x, rtol=1e-13)  # the old pixels, and new ones


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be at least 1"),
        ({"size": 2, "scale_factor": 2}, "not both"),
        ({"scale_factor": 0}, "scale_factor must be a number above 0"),
        ({"scale_factor": (2, -1)}, "scale_factor must be a number above 0"),
        ({"scale_factor": "2x"}, "scale_factor must be a number above 0"),
        ({"scale_factor": math.inf}, "scale_factor must be a number above 0"),
        ({}, r"Upsample\(align_corners=False\) needs a size: give one"),
        ({"scale_factor": 0.2}, r"leaves nothing of an input of shape \(1, 5, 4, 1\)"),
    ],
)
def test_bad_sizes_of_an_upsampling(options, message):
    with pytest.raises(ValueError, match=message):
        tu.Upsample(**options)(random(1, 5, 4, 1))


# ---------------------------------------------------------------------- bilinear kernels


def test_bilinear_kernels():
    assert_rows(bilinear_kernel((1, 4)), ".25 .75 .75 .25")
    assert_rows(bilinear_kernel((3, 1)), ".5 | 1 | .5")
    half = [i / 16 for i in range(1, 16, 2)]
    np.testing.assert_allclose(bilinear_kernel((1, 16))[0], half + half[::-1])
    np.testing.assert_allclose(bilinear_kernel((3, 4))[1], [0.25, 0.75, 0.75, 0.25])


def test_a_bilinear_transposed_convolution_in_numbers():
    layer = tu.BilinearConvTranspose2d(1, 4, stride=2, padding=1).astype("float64")
    assert_digits(
        layer(S(1, 2, 2, 1)),
        0, 0.15777581, 0.473327429, 0.473327429, 0.170493268, 0.337089078, 0.55661852, 0.49978743,
        0.511479803, 0.590531741, 0.407649082, 0.237155814, 0.511479803, 0.537939804, 0.249873272,
        0.079380005,
    )  # fmt: skip
    dx = layer.backward(C(1, 4, 4, 1))
    assert_digits(dx, -0.219986302, 0.418942869, 0.199397992, -0.411105533)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_inside_it_is_a_resizing(factor):
    x = random(2, 5, 6, 3)
    up = tu.BilinearConvTranspose2d(3, 2 * factor, stride=factor, padding=factor // 2)
    y, expected = up.astype("float64")(x), tu.Upsample(scale_factor=factor)(x)
    inside = slice(None), slice(factor // 2, -factor // 2), slice(factor // 2, -factor // 2)
    assert_close(y[inside], expected[inside], 1e-13)
    assert not np.allclose(y[:, 0], expected[:, 0])  # where it fades to 0


def test_its_kernel_counts_and_is_saved_but_not_learned():
    layer = tu.BilinearConvTranspose2d(3, (4, 3))
    assert layer.num_parameters == 3 * 4 * 3 * 3
    assert list(layer.state_dict()) == ["weight"]
    assert not dict(layer.named_learned())
    learned = tu.ConvTranspose2d(3, 3, (4, 3), bias=False)
    learned.params["weight"][...] = bilinear_weight(3, (4, 3))
    x = random(2, 3, 4, 3, dtype="float32")
    y = layer(x)
    np.testing.assert_array_equal(y, learned(x))
    dy = upstream(y)
    assert_close(layer.backward(dy), learned.backward(dy), 1e-6)
    assert not layer.grads


def test_held_decisions_leave_the_running_statistics_alone():
    model = tu.Sequential(tu.Conv2d(2, 3, bias=False), tu.BatchNorm2d(3), tu.ReLU())
    x = random(2, 5, 6, 2, dtype="float32")
    model(x)
    before = model.state_dict()
    with tu.held_decisions(model):
        model(x + 1)
    for name, array in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
    model(x)
    assert model.layers[1].buffers["num_batches_tracked"] == 2


# ---------------------------------------------------------------------- the small ones


def test_sigmoid_in_numbers():
    layer, x = tu.Sigmoid(), np.array([-2, -0.5, 0, 0.5, 2]).reshape(1, 1, 5, 1)
    assert_digits(layer(x), 0.119202922, 0.377540669, 0.5, 0.622459331, 0.880797078)
    slopes = 0.104993585, 0.235003712, 0.25, 0.235003712, 0.104993585
    assert_digits(layer.backward(np.ones_like(x)), *slopes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_far_from_0(dtype):
    x = np.array([-1e30, -1000, -80, 80, 1000, 1e30, np.inf], dtype).reshape(1, 1, 7, 1)
    layer = tu.Sigmoid()
    y = layer(x).ravel()
    np.testing.assert_allclose(y, [0, 0, math.exp(-80), 1, 1, 1, 1], rtol=1e-5)
    assert np.isfinite(layer.backward(np.ones_like(x))).all()
    assert np.isnan(layer(np.full((1, 1, 1, 1), np.nan, dtype))).all()  # nothing is hidden


def test_dropout_of_channels(xp):
    x = np.ones((6, 5, 4, 50), "float32")
    layer = tu.Dropout2d(0.3, np.random.default_rng(1))
    y = tu.to_cpu(layer(xp.asarray(x)))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], x.shape))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y[:, 0, 0] == 0).mean() - 0.3) < 5 * math.sqrt(0.21 / 300)
    assert not (y[:1] == y).all()  # each image has draws of its own
    np.testing.assert_array_equal(tu.to_cpu(layer.backward(xp.asarray(x))), y)
    assert not np.array_equal(tu.to_cpu(layer(xp.asarray(x))), y)
    np.testing.assert_array_equal(tu.Dropout2d(0.3, np.random.default_rng(1))(x), y)
    assert layer.predict(x) is x
    assert list(dict(layer.named_generators())) == ["rng"]


def test_a_constant_factor():
    layer, x = tu.Scale(0.01), random(1, 2, 3, 2)
    np.testing.assert_array_equal(layer(x), x * 0.01)
    np.testing.assert_array_equal(layer.backward(x), x * 0.01)
    assert str(tu.Scale(1e-4)) == "Scale(factor=0.0001)"
    with pytest.raises(ValueError, match="factor must be a finite number, got nan"):
        tu.Scale(math.nan)


def test_a_crop_at_an_offset():
    x = np.arange(30.0).reshape(1, 5, 6, 1)
    np.testing.assert_array_equal(
        tu.CropAt((3, 1))(x, (2, 3))[0, :, :, 0], [[19, 20, 21], [25, 26, 27]]
    )
    layer = tu.CropAt(2)
    layer(x, (1, 2))
    dx = layer.backward(np.array([5.0, 7.0]).reshape(1, 1, 2, 1))
    assert dx[0, 2, 2:4, 0].tolist() == [5, 7]
    assert np.count_nonzero(dx) == 2
    with pytest.raises(ValueError, match=r"cannot cut 3x4 out of an input of shape \(1, 5, 6, 1\)"):
        tu.CropAt((3, 0))(x, (3, 4))
    with pytest.raises(ValueError, match="offset must be at least 0"):
        tu.CropAt((-1, 0))


# ---------------------------------------------------------------------- in networks


class Coarse(tu.Network):
    """A convolution that is normalised, at a quarter of the size, and enlarged again."""

    def __init__(self, in_channels=1, num_classes=2):
        super().__init__()
        self.in_channels, self.num_classes = in_channels, num_classes
        self.conv = tu.Conv2d(in_channels, num_classes, padding=1, bias=False)
        self.norm = tu.BatchNorm2d(num_classes)
        self.pool = tu.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.up = tu.BilinearConvTranspose2d(num_classes, 4, padding=1)

    def forward(self, x):
        return self.up(self.pool(self.norm(self.conv(x))))

    def backward(self, dy, *, input_gradient=True):
        dy = self.norm.backward(self.pool.backward(self.up.backward(dy)))
        return self.conv.backward(dy, input_gradient=input_gradient)


@pytest.mark.parametrize("make", [tu.SGD, tu.Adam])
def test_a_checkpoint_of_statistics_and_of_frozen_parameters(tmp_path, make):
    model, x = Coarse(), random(2, 8, 6, 1, dtype="float32")
    optimizer = make(model, 0.01)
    for _ in range(3):
        model.backward_parameters(0.1 * model(x))
        optimizer.step()
    tu.save(tmp_path / "m.npz", model, optimizer)
    found = tu.load(tmp_path / "m.npz", everything=True)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(found.model.state_dict()[name], array)
    assert found.model.norm.buffers["num_batches_tracked"] == 3
    for network, steps in ((model, optimizer), (found.model, found.optimizer)):
        network.backward_parameters(0.1 * network(x))
        steps.step()
    np.testing.assert_array_equal(found.model.predict(x), model.predict(x))
    assert found.optimizer.state.keys() == optimizer.state.keys()
