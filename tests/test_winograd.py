"""Winograd's transforms: exact by construction, accurate enough in float32, and training as before."""

from fractions import Fraction

import numpy as np
import pytest
from helpers import assert_close

import tinyunet as tu
from tinyunet.convolution import im2col
from tinyunet.convolution.geometry import geometry
from tinyunet.convolution.winograd import blocked
from tinyunet.convolution.winograd.blocks import Plan
from tinyunet.convolution.winograd.matrices import POINTS, TRANSFORMS


def exact(matrix):
    """The matrix in fractions: its entries are sums and quotients of small ones."""
    return [[Fraction(x).limit_denominator(10**6) for x in row] for row in matrix]


@pytest.mark.parametrize("m", TRANSFORMS)
def test_the_matrices_slide_three_weights_over_a_line_exactly(m):
    # y[i] = sum_j w[j] x[i + j] for unit vectors x = e_k, w = e_j: in fractions, so no rounding.
    f = TRANSFORMS[m]
    at, g, bt = exact(f.A.T), exact(f.G), exact(f.BT)
    for k in range(m + 2):
        for j in range(3):
            values = [g[p][j] * bt[p][k] for p in range(m + 2)]
            y = [sum(a * v for a, v in zip(row, values, strict=True)) for row in at]
            assert y == [int(k == i + j) for i in range(m)]


@pytest.mark.parametrize("m", TRANSFORMS)
def test_the_matrices_are_values_at_the_points(m):
    f = TRANSFORMS[m]
    for row, point in zip(f.A, POINTS[m], strict=False):
        np.testing.assert_array_equal(row, [float(point) ** k for k in range(m)])
    for row, point in zip(f.G, POINTS[m], strict=False):
        np.testing.assert_allclose(row / row[0], [1, point, point**2])
    np.testing.assert_array_equal(f.A[-1], np.eye(m)[-1])  # infinity: the leading coefficient


def test_large_images_take_large_tiles_and_small_ones_small():
    assert Plan.of(1, 568, 568).f.m == 6
    assert Plan.of(1, 28, 28).f.m == 4
    assert Plan.of(1, 568, 568, summed=256).f.m == 4  # for accuracy


PAPER = {
    "256 -> 256, 136": (138, 256, 256),
    "512 -> 512, 64": (66, 512, 512),
    "64 -> 64": (284, 64, 64),
}


@pytest.mark.parametrize("name", PAPER)
def test_single_precision_on_the_papers_layers(name):
    """Activations as in the network: what a ReLU leaves, with He-initialised weights."""
    side, channels_in, channels_out = PAPER[name]
    rng, g = np.random.default_rng(0), geometry(3)
    x = np.maximum(rng.standard_normal((1, side, side, channels_in)), 0)
    w = rng.standard_normal((3, 3, channels_in, channels_out)) * np.sqrt(2 / (9 * channels_in))
    dy = rng.standard_normal((1, side - 2, side - 2, channels_out))
    x, w, dy = (array.astype("float32") for array in (x, w, dy))
    y = blocked.forward(x, w, None, g, relu=True)
    dx = blocked.input_gradient(dy, w, x.shape, g, gate=y)
    dw, db = blocked.weight_gradient(x, dy, w.shape, g, gate=y)

    x, w, dy, gate = (array.astype("float64") for array in (x, w, dy, y))
    assert_close(y, im2col.forward(x, w, None, g, relu=True), 2e-5, "y")
    assert_close(dx, im2col.input_gradient(dy, w, x.shape, g, gate), 2e-5, "dx")
    expected_dw, expected_db = im2col.weight_gradient(x, dy, w.shape, g, gate)
    assert_close(dw, expected_dw, 1e-5, "dw")
    assert_close(db, expected_db, 1e-5, "db")


def test_training_ends_where_training_with_im2col_ends():
    data = tu.data.synthetic_cells(8, 64, seed=4)
    ends = {}
    for algorithm in ("winograd", "im2col"):
        model = tu.UNet(1, 2, base_channels=8, depth=2, padding="same")
        for _, layer in model.named_layers():
            if isinstance(layer, tu.Conv2d) and layer.geometry.kernel == (3, 3):
                layer.algorithm = algorithm
        history = tu.fit(model, data, steps=120, batch_size=4, crop=64, seed=1, progress=False)
        ends[algorithm] = np.mean(history.loss[-20:]), history.loss[0]
    assert ends["winograd"][1] == pytest.approx(ends["im2col"][1], rel=1e-5)
    assert ends["winograd"][0] == pytest.approx(ends["im2col"][0], rel=0.1)
    assert ends["winograd"][0] < 0.5 * ends["winograd"][1]  # both learned
