"""The algorithms of `tinyunet.convolution` against loops, on geometries nobody chose by hand."""

import re

import numpy as np
import pytest
from helpers import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyunet as tu
from tinyunet.convolution import choose, gradients, im2col, naive, phases, transposed, windows
from tinyunet.convolution.geometry import geometry
from tinyunet.convolution.gpu import windows as gpu_windows
from tinyunet.convolution.gpu import winograd as gpu_winograd
from tinyunet.convolution.winograd import blocked, both, plain
from tinyunet.convolution.winograd.matrices import TRANSFORMS
from tinyunet.engine.arrays import sliding_windows


def pairs(smallest, largest):
    return st.tuples(st.integers(smallest, largest), st.integers(smallest, largest))


@st.composite
def convolutions(draw):
    """(x, w, b, geometry) with at least one output pixel."""
    g = geometry(draw(pairs(1, 4)), draw(pairs(1, 3)), draw(pairs(0, 4)), draw(pairs(1, 3)))
    least = [max(1, span - sum(padding)) for span, padding in zip(g.span, g.padding, strict=True)]
    n, channels_in, channels_out = draw(st.tuples(*[st.integers(1, 3)] * 3))
    height, width = (side + draw(st.integers(0, 5)) for side in least)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.standard_normal((n, height, width, channels_in))
    w = rng.standard_normal((*g.kernel, channels_in, channels_out))
    return x, w, rng.standard_normal(channels_out), g


@st.composite
def three_by_three(draw):
    """(x, w, b, geometry) of a 3x3 kernel at stride 1, as Winograd takes them."""
    padding = draw(st.one_of(pairs(0, 2), st.just("same")))
    n, height, width = draw(st.tuples(st.integers(1, 3), st.integers(3, 14), st.integers(3, 14)))
    channels_in, channels_out = draw(pairs(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.standard_normal((n, height, width, channels_in))
    w = rng.standard_normal((3, 3, channels_in, channels_out))
    return x, w, rng.standard_normal(channels_out), geometry(3, 1, padding)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)


def assert_equal_algorithms(algorithm, x, w, b, g):
    for relu in (False, True):
        y = naive.forward(x, w, b, g, relu)
        close(algorithm.forward(x, w, b, g, relu), y)
    close(algorithm.forward(x, w, None, g), naive.forward(x, w, None, g))
    dy = np.random.default_rng(0).standard_normal(y.shape)
    for gate in (None, y):
        dx = naive.input_gradient(dy, w, x.shape, g, gate)
        close(algorithm.input_gradient(dy, w, x.shape, g, gate), dx)
        dw, db = naive.weight_gradient(x, dy, w.shape, g, gate)
        fast_dw, fast_db = algorithm.weight_gradient(x, dy, w.shape, g, gate)
        close(fast_dw, dw)
        close(fast_db, db)


def overlapping(patch):
    """Let patches overlap in memory wherever they can, not only in wide rows."""
    patch.setattr(windows, "THIN", range(1, 99))
    patch.setattr(windows, "WIDE", 1)


@pytest.mark.parametrize("adding", [0, 4, 1e9])  # from always adding patches up to never
@pytest.mark.parametrize("overlap", [False, True])
@settings(max_examples=60)
@given(convolution=convolutions())
def test_im2col_equals_the_loops(adding, overlap, convolution):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(im2col, "ADDING", adding)
        patch.setattr(phases, "ADDED", adding)  # from adding patches up to putting phases together
        if overlap:
            overlapping(patch)
        assert_equal_algorithms(im2col, *convolution)


@pytest.mark.parametrize(
    ("settings", "shape", "expected"),
    [
        ({}, (1, 9, 66, 8), True),
        ({"stride": (2, 1)}, (1, 9, 66, 32), True),
        ({"dilation": (1, 2)}, (1, 9, 68, 8), True),
        ({}, (1, 9, 65, 8), False),  # rows of 63 pixels
        ({}, (1, 9, 66, 7), False),  # a first layer has few channels
        ({}, (1, 9, 66, 33), False),
        ({"dilation": 2}, (1, 9, 70, 8), False),  # between two rows of a patch is another's
        ({"kernel_size": (1, 3)}, (1, 9, 66, 8), False),
    ],
)
def test_patches_overlap_in_long_rows_of_thin_images(settings, shape, expected):
    g, x = geometry(**{"kernel_size": 3} | settings), np.random.default_rng(0).random(shape)
    assert windows.overlap(shape, g) == expected
    rows = slice(1, 3)
    seen = windows.patches(x, (slice(0, 1), rows), g)
    assert (seen.ndim == 4) == expected
    (sy, sx), (dil_y, dil_x) = g.stride, g.dilation
    height, width = g.output_size(*shape[1:3])
    patches = [
        x[0, i * sy :: dil_y, j * sx :: dil_x][: g.kernel[0], : g.kernel[1]].ravel()
        for i in range(height)[rows]
        for j in range(width)
    ]
    np.testing.assert_array_equal(seen.reshape(-1, len(patches[0])), patches)
    first, last = np.lib.array_utils.byte_bounds(seen)
    assert (last - first < seen.nbytes) == expected


@pytest.mark.parametrize(
    ("settings", "channels", "side", "expected"),
    [
        ({"kernel_size": 16, "stride": 8}, (6, 6), 64, True),  # bilinear, eight times as large
        ({"kernel_size": 3, "stride": 2, "padding": 1}, (24, 32), 99, True),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, (64, 128), 99, False),  # zeros multiplied
        ({"kernel_size": 4, "stride": 2, "padding": 1}, (64, 128), 128, True),
        ({"kernel_size": 4, "stride": 2, "padding": 1}, (512, 1024), 8, False),  # weights copied
        ({"kernel_size": 4, "stride": 2, "padding": 1}, (1, 128), 128, False),  # patches copied
        ({"kernel_size": 3, "stride": 2, "dilation": 2}, (4, 4), 99, False),
        ({"kernel_size": 3, "padding": 3}, (64, 3), 64, False),  # no stride
    ],
)
def test_what_is_put_together_from_phases(settings, channels, side, expected, monkeypatch):
    g, used, right = geometry(**settings), [], phases.put_between
    monkeypatch.setattr(phases, "put_between", lambda *some: used.append(1) or right(*some))
    c_in, c_out = channels
    dy = np.ones((1, *g.output_size(side, side), c_out), "float32")
    w = np.ones((*g.kernel, c_in, c_out), "float32")
    im2col.input_gradient(dy, w, (1, side, side, c_in), g)
    assert bool(used) == expected


def test_what_is_copied_for_an_output_pixel():
    x = np.ones((1, 70, 70, 8))
    assert im2col.copied(x, geometry(3)) == 3 * 8  # a patch shares its other rows
    assert im2col.copied(x, geometry(3, (2, 1))) == 2 * 3 * 8
    assert im2col.copied(x, geometry(3, dilation=2)) == 9 * 8


@pytest.mark.parametrize("size", [(10, 13), (11, 14), (12, 15)])
def test_rows_that_no_window_reads_get_no_gradient(size, monkeypatch):
    g = geometry(4, 3)
    monkeypatch.setattr(phases, "suit", lambda *some: True)
    monkeypatch.setattr(phases, "empty", lambda xp, shape, dtype: np.full(shape, np.nan, dtype))
    height, width = g.output_size(*size)
    dy, w = np.ones((2, height, width, 2)), np.ones((4, 4, 5, 2))
    dx = im2col.input_gradient(dy, w, (2, *size, 5), g)
    np.testing.assert_array_equal(dx, naive.input_gradient(dy, w, (2, *size, 5), g))
    assert (dx[:, 3 * height + 1 :] == 0).all()
    assert (dx[:, :, 3 * width + 1 :] == 0).all()


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(4, 2, 1), ((3, 2), (1, 3), 0), (3, 1, 1)]
)
def test_a_transposed_convolution_reads_overlapping_patches(kernel, stride, padding, monkeypatch):
    rng, g = np.random.default_rng(0), geometry(kernel, stride, padding)
    x, w = rng.standard_normal((2, 4, 5, 2)), rng.standard_normal((2, *g.kernel, 3))
    dy = rng.standard_normal((2, *transposed.output_size(4, 5, g), 3))
    expected = transposed.gradients(x, dy, w, g)
    overlapping(monkeypatch)
    monkeypatch.setattr(im2col, "BAND", 100)
    monkeypatch.setattr(im2col, "LEAST", 100)
    for result, reference in zip(transposed.gradients(x, dy, w, g), expected, strict=True):
        close(result, reference)


@settings(max_examples=80)
@given(three_by_three())
def test_winograd_equals_the_loops(convolution):
    assert_equal_algorithms(blocked, *convolution)
    assert_equal_gradients(*convolution)


def assert_equal_gradients(x, w, b, g):
    """Both gradients at once, in blocks or one after the other, beside the loops; of a view, too."""
    *_, c_out = w.shape
    size = len(x), *g.output_size(*x.shape[1:3]), c_out
    gate, *halves = np.random.default_rng(1).standard_normal((3, *size))
    dy = np.concatenate(halves, 3)[..., c_out:]  # as a skip's gradient: half of the channels
    for passing in (None, gate):
        dw, db, dx = gradients(x, dy, passing, w, g, "winograd")
        close(dx, naive.input_gradient(dy, w, x.shape, g, passing))
        expected_dw, expected_db = naive.weight_gradient(x, dy, w.shape, g, passing)
        close(dw, expected_dw)
        close(db, expected_db)


@pytest.mark.parametrize("m", TRANSFORMS)
@settings(max_examples=30)
@given(convolution=three_by_three())
def test_the_plain_winograd_equals_the_loops(m, convolution):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "F", TRANSFORMS[m])
        assert_equal_algorithms(plain, *convolution)


@pytest.fixture(scope="module")
def winograd_for_all():
    """Winograd for a GPU, also for the gradient of small weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_winograd, "WIDE", 0)
        patch.setattr(gpu_winograd, "MANY", 0)
        yield gpu_winograd


@pytest.mark.parametrize("numbers", [1, 2000, 1 << 28])
@settings(max_examples=60)
@given(convolution=three_by_three())
def test_winograd_for_a_gpu_equals_the_loops(winograd_for_all, numbers, convolution):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_winograd, "NUMBERS", numbers)  # small ones cut it into pieces
        assert_equal_algorithms(winograd_for_all, *convolution)


@pytest.mark.parametrize(
    ("shape", "channels_out"),
    [
        ((1, 90, 86, 3), 8),
        ((4, 47, 50, 16), 8),
        ((2, 12, 11, 128), 256),
        ((1, 30, 28, 256), 160),
        ((1, 3, 19, 128), 256),
        ((1, 5, 39, 256), 128),
        ((3, 4, 4, 256), 256),
    ],
    ids=[
        "large tiles",
        "several blocks",
        "thick",
        "thick, larger",
        "thick, one row of tiles",
        "thick, two rows of many tiles",
        "thick, one tile an image",
    ],
)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_winograd_equals_im2col_where_loops_are_slow(shape, channels_out, threads, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", str(threads))
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(shape), rng.standard_normal((3, 3, shape[3], channels_out))
    g, b = geometry(3, 1, 1), rng.standard_normal(channels_out)
    y = im2col.forward(x, w, b, g, True)
    dy = rng.standard_normal(y.shape)
    for result, expected in zip(
        passes(blocked, x, w, b, dy, g), passes(im2col, x, w, b, dy, g), strict=True
    ):
        assert_close(result, expected, 1e-12)


@pytest.mark.parametrize("band", [1, 40, 200])
@settings(max_examples=40)
@given(convolutions())
def test_bands_of_any_size_give_the_same_numbers(band, convolution):
    before = im2col.BAND
    im2col.BAND = band
    try:
        assert_equal_algorithms(im2col, *convolution)
    finally:
        im2col.BAND = before


def test_a_small_band_does_cut(monkeypatch):
    # Otherwise the test above would compare one band with one band.
    y_shape = 3, 5, 4, 2
    assert len(im2col.cut(y_shape, 18, 2)) == 1
    monkeypatch.setattr(im2col, "BAND", 150)  # two rows of 4 * 18 numbers
    bands = im2col.cut(y_shape, 18, 2)
    assert len(bands) == 9
    covered = np.zeros(y_shape[:2], int)
    for images, rows in bands:
        covered[images, rows] += 1
    assert (covered == 1).all()
    monkeypatch.setattr(im2col, "BAND", 800)  # two images of 5 rows
    assert im2col.cut(y_shape, 18, 2) == [
        (slice(0, 2), slice(0, 5)),
        (slice(2, 3), slice(0, 5)),
    ]


@pytest.mark.parametrize(("threads", "count"), [(1, 1), (2, 2), (4, 4)])
def test_there_is_a_band_for_every_thread_unless_it_is_soon_done(threads, count, monkeypatch):
    monkeypatch.setenv("TINYUNET_NUM_THREADS", str(threads))
    assert len(im2col.cut((8, 8, 8, 256), 512, 256)) == count  # 2^18 numbers: one band
    assert len(im2col.cut((8, 8, 8, 256), 32, 256)) == 1


@given(convolutions())
@settings(max_examples=100)
def test_naive_is_the_definition(convolution):
    """One output pixel at a time, from an image that is really padded with zeros."""
    x, w, b, g = convolution
    y = naive.forward(x, w, b, g)
    assert y.shape[1:3] == g.output_size(*x.shape[1:3])
    padded = np.pad(x, ((0, 0), *g.padding, (0, 0)))
    rng = np.random.default_rng(1)
    for _ in range(5):
        n, i, j, c = (int(rng.integers(side)) for side in y.shape)
        top, left = i * g.stride[0], j * g.stride[1]
        window = padded[n, top : top + g.span[0] : g.dilation[0]]
        window = window[:, left : left + g.span[1] : g.dilation[1]]
        close(y[n, i, j, c], (window * w[..., c]).sum() + b[c])


@pytest.mark.parametrize(("spans", "axes"), [((2, 3), (1, 2)), ((4,), (0,)), ((1, 2), (2, 0))])
def test_sliding_windows_are_the_view_that_numpy_gives(spans, axes, xp):
    x = np.random.default_rng(0).standard_normal((4, 5, 6))
    expected = np.lib.stride_tricks.sliding_window_view(x, spans, axes)
    found = sliding_windows(xp.asarray(x), spans, axes)
    assert (found.shape, found.strides) == (expected.shape, expected.strides)
    np.testing.assert_array_equal(tu.to_cpu(found), expected)


def test_dilated_kernels_as_wide_as_their_stride_read_between_each_other():
    # Kernel, stride and sides are those of windows that tile an image, but these do not.
    rng, g = np.random.default_rng(4), geometry(2, 2, 0, (2, 1))
    x, w = rng.standard_normal((2, 6, 4, 3)), rng.standard_normal((2, 2, 3, 5))
    assert_equal_algorithms(im2col, x, w, rng.standard_normal(5), g)
    g = geometry(2, 2, 0, (1, 2))
    assert_equal_algorithms(im2col, x, w, rng.standard_normal(5), g)


def test_the_kernel_is_not_turned():
    # A correlation, as neural networks have it: an impulse gives the kernel turned by 180 degrees.
    w = np.arange(6.0).reshape(2, 3, 1, 1)
    x = np.zeros((1, 3, 5, 1))
    x[0, 1, 2, 0] = 1
    for algorithm in (naive, im2col):
        y = algorithm.forward(x, w, None, geometry((2, 3)))
        np.testing.assert_array_equal(y[0, :, :, 0], w[::-1, ::-1, 0, 0])


# ---------------------------------------------------------------------- geometry


@pytest.mark.parametrize(
    ("options", "side", "expected"),
    [
        ({"kernel_size": 3}, (572, 570), (570, 568)),
        ({"kernel_size": 3, "padding": "valid"}, (5, 7), (3, 5)),
        ({"kernel_size": 3, "padding": "same"}, (5, 7), (5, 7)),
        ({"kernel_size": (2, 4), "padding": "same"}, (5, 7), (5, 7)),
        ({"kernel_size": 4, "stride": 2, "padding": 1}, (8, 6), (4, 3)),
        ({"kernel_size": 3, "stride": (2, 3)}, (8, 8), (3, 2)),
        ({"kernel_size": 3, "dilation": (2, 1)}, (5, 3), (1, 1)),
        ({"kernel_size": 3}, (2, 3), (0, 1)),
    ],
)
def test_output_size(options, side, expected):
    assert geometry(**options).output_size(*side) == expected


@given(pairs(1, 6), pairs(1, 3))
@settings(max_examples=50)
def test_same_keeps_the_size_and_pads_the_odd_pixel_at_the_bottom_and_right(kernel, dilation):
    g = geometry(kernel, 1, "same", dilation)
    assert g.output_size(11, 13) == (11, 13)
    for before, after in g.padding:
        assert after - before in (0, 1)


def test_same_with_an_even_kernel_reads_down_and_right():
    layer = tu.Conv2d(1, 1, 2, padding="same")
    layer.params["weight"][...] = np.array([[1, 10], [100, 1000]]).reshape(2, 2, 1, 1)
    x = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(layer(x)[0, :, :, 0], [[4321, 402], [43, 4]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 0}, "kernel_size must be at least 1 and whole, got 0"),
        ({"kernel_size": 2.0}, "kernel_size must be an int or a"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size must be an int or a"),
        ({"kernel_size": (3, 2.5)}, "kernel_size must be at least 1 and whole"),
        ({"kernel_size": True}, "kernel_size must be at least 1 and whole, got True"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"stride": (1, -1)}, "stride must be at least 1"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"padding": -1}, "padding must be at least 0"),
        ({"padding": "full"}, 'padding must be "valid", "same" or a number, got \'full\''),
        ({"padding": "same", "stride": 2}, 'padding="same" needs stride 1'),
        ({"activation": "tanh"}, "activation must be None or \"relu\", got 'tanh'"),
        ({"algorithm": "fft"}, "algorithm must be one of auto, .*got 'fft'"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        tu.Conv2d(1, 1, **options)


@pytest.mark.parametrize("algorithm", ["naive", "im2col", "winograd", "auto"])
@pytest.mark.parametrize("size", [(2, 5), (5, 2), (1, 1)])
def test_an_input_smaller_than_the_kernel_is_refused(algorithm, size):
    layer = tu.Conv2d(1, 2, 3, algorithm=algorithm)
    with pytest.raises(ValueError, match=r"smaller than its kernel: shape \(1, "):
        layer(np.zeros((1, *size, 1), "float32"))
    assert layer(np.zeros((1, 3, 3, 1), "float32")).shape == (1, 1, 1, 2)


@pytest.mark.parametrize("kernel", [(1, 9), (9, 1), (3, 2)])
def test_first_weights_suit_the_numbers_that_an_output_sums_up(kernel):
    weight = tu.Conv2d(30, 40, kernel).params["weight"]
    expected = np.sqrt(2 / (30 * kernel[0] * kernel[1]))
    assert weight.std() == pytest.approx(expected, rel=0.03)


def test_settings_may_be_numpy_integers():
    layer = tu.Conv2d(1, 1, np.int64(3), stride=np.array([2, 1]))
    assert layer.geometry == geometry(3, (2, 1))


def test_algorithms_are_chosen_by_name_or_by_shape(xp):
    large = 64 if xp is np else 720

    def chosen(algorithm, channels_in, channels_out, *settings, side=large):
        x, w = xp.zeros((1, side, side, channels_in)), xp.zeros((3, 3, channels_in, channels_out))
        return choose(algorithm, x, w, geometry(*settings))

    assert chosen("naive", 8, 8, 3) is naive
    assert chosen("im2col", 8, 8, 3) is im2col
    assert chosen("auto", 1, 64, 3) is im2col  # a first layer
    assert chosen("auto", 8, 8, 1) is im2col
    assert chosen("auto", 8, 8, 3, 2) is im2col
    assert chosen("auto", 64, 64, 3, 1, 1) is (blocked if xp is np else gpu_winograd)
    assert chosen("auto", 8, 8, 3, 1, 1, side=16) is im2col  # too little work
    assert chosen("auto", 24, 24, 3, 1, 1) is im2col
    if xp is np:
        assert chosen("auto", 26, 26, 3, 1, 1) is blocked
        assert chosen("auto", 100, 12, 3, 1, 1) is im2col
        assert chosen("auto", 100, 14, 3, 1, 1) is blocked
    # On a GPU this is too little, too.
    assert chosen("auto", 64, 64, 3, 1, 1, side=64) is (blocked if xp is np else im2col)


@pytest.mark.parametrize(
    "options",
    [{"kernel_size": 5}, {"kernel_size": (3, 1)}, {"stride": 2}, {"dilation": 2}, {"padding": 3}],
)
def test_winograd_refuses_what_it_cannot_do(options):
    with pytest.raises(ValueError, match='algorithm="winograd" needs a 3x3 kernel, stride 1'):
        tu.Conv2d(8, 8, algorithm="winograd", **options)


@pytest.mark.parametrize(
    ("side", "channels", "padding", "passes_over_dy"),
    [
        (12, 8, 1, 1),  # dx and dw are cut into the same tiles
        (14, 8, 0, 2),  # of 4 x 4 pixels, 16 tiles cover x, and 9 dy
        (12, 8, 2, 2),
        (8, 256, 1, 2),  # by channels: the kernels weigh more
    ],
)
def test_one_pass_over_dy_where_both_gradients_have_the_same_tiles(
    side, channels, padding, passes_over_dy, monkeypatch
):
    asked = []
    right = both.input_gradient
    monkeypatch.setattr(both, "input_gradient", lambda *some: asked.append(1) or right(*some))
    g = geometry(3, 1, padding)
    x, w = np.ones((1, side, side, channels)), np.ones((3, 3, channels, channels))
    gradients(x, np.ones((1, *g.output_size(side, side), channels)), None, w, g, "winograd")
    assert 1 + len(asked) == passes_over_dy


def test_winograd_is_done_as_the_device_likes_it(xp):
    x, w = xp.zeros((1, 5, 5, 2)), xp.zeros((3, 3, 2, 2))
    assert choose("winograd", x, w, geometry(3)) is (blocked if xp is np else gpu_winograd)


def passes(algorithm, x, w, b, dy, g):
    """Forward with a ReLU, and both gradients with its gate."""
    y = algorithm.forward(x, w, b, g, True)
    dx = algorithm.input_gradient(dy, w, x.shape, g, y)
    return y, dx, *algorithm.weight_gradient(x, dy, w.shape, g, y)


@pytest.mark.parametrize("algorithm", [naive, im2col], ids=["naive", "im2col"])
@pytest.mark.parametrize("band", [1 << 28, 200])
def test_on_every_device(algorithm, band, xp, monkeypatch):
    monkeypatch.setattr(im2col, "GPU_BAND", band)
    rng = np.random.default_rng(0)
    g = geometry((3, 2), (2, 1), (2, 1), (1, 2))
    x, w = rng.standard_normal((2, 6, 7, 2)), rng.standard_normal((3, 2, 2, 3))
    b, dy = rng.standard_normal(3), rng.standard_normal((2, *g.output_size(6, 7), 3))
    expected = passes(algorithm, x, w, b, dy, g)
    results = passes(algorithm, *(xp.asarray(array) for array in (x, w, b, dy)), g)
    for result, reference in zip(results, expected, strict=True):
        assert tu.array_module(result) is xp
        close(tu.to_cpu(result), reference)


@pytest.mark.parametrize("numbers", [1 << 28, 3600, 2000, 1])  # whole, images, rows of tiles
def test_winograd_on_a_gpu(winograd_for_all, numbers, xp, monkeypatch):
    monkeypatch.setattr(gpu_winograd, "NUMBERS", numbers)
    rng, g = np.random.default_rng(0), geometry(3, 1, (1, 2))
    x, w = rng.standard_normal((2, 13, 18, 4)), rng.standard_normal((3, 3, 4, 5))
    b, dy = rng.standard_normal(5), rng.standard_normal((2, 13, 20, 5))
    expected = passes(naive, x, w, b, dy, g)
    results = passes(winograd_for_all, *(xp.asarray(array) for array in (x, w, b, dy)), g)
    for result, reference in zip(results, expected, strict=True):
        assert tu.array_module(result) is xp
        close(tu.to_cpu(result), reference)


@pytest.mark.parametrize(("wide", "many"), [(0, 0), (5, 0), (0, 10**5)])
def test_winograd_for_a_gpu_leaves_small_weights_to_im2col(wide, many, monkeypatch):
    monkeypatch.setattr(gpu_winograd, "WIDE", wide)
    monkeypatch.setattr(gpu_winograd, "MANY", many)
    asked = []
    monkeypatch.setattr(im2col, "weight_gradient", lambda *given: asked.append(1) or (0, 0))
    x, dy = np.zeros((1, 6, 6, 4)), np.zeros((1, 4, 4, 5))
    gpu_winograd.weight_gradient(x, dy, (3, 3, 4, 5), geometry(3))
    assert bool(asked) == bool(wide or many)


@pytest.mark.parametrize("many", [0, 1 << 25])
@pytest.mark.parametrize(
    "settings_",
    [((3, 2), (2, 1), (2, 1), (1, 2)), ((2, 27), 1, (1, 13))],
    ids=["3x2", "2x27, too many views for one kernel"],
)
def test_patches_are_copied_in_two_ways_on_a_gpu(settings_, many, xp, monkeypatch):
    monkeypatch.setattr(gpu_windows, "MANY", many)
    rng, g = np.random.default_rng(0), geometry(*settings_)
    x, band = rng.standard_normal((2, 9, 7, 3)), (slice(0, 2), slice(1, 4))
    found = im2col.patches(xp.asarray(x), band, g)
    np.testing.assert_array_equal(tu.to_cpu(found), im2col.patches(x, band, g))


def test_a_gpu_applies_a_gate_once_and_a_cpu_where_it_is_needed(xp, monkeypatch):
    asked, right = [], im2col.gradients
    monkeypatch.setattr(im2col, "gradients", lambda *given: asked.append(given) or right(*given))
    rng, g = np.random.default_rng(0), geometry(2)
    x, w = rng.standard_normal((1, 3, 4, 1)), rng.standard_normal((2, 2, 1, 3))
    dy, gate = rng.standard_normal((2, 1, 2, 3, 3))
    expected = by_loops(x, dy, w, g, gate)
    found = gradients(*map(xp.asarray, (x, dy, gate, w)), g, "im2col")
    for result, reference in zip(found, expected, strict=True):
        close(tu.to_cpu(result), reference)
    ((_, given, _, _, given_gate),) = asked
    np.testing.assert_array_equal(tu.to_cpu(given), dy if xp is np else dy * (gate > 0))
    assert (given_gate is None) == (xp is not np)


def by_loops(x, dy, w, g, gate):
    """dw, db and dx from the formulas as they stand."""
    return (
        *naive.weight_gradient(x, dy, w.shape, g, gate),
        naive.input_gradient(dy, w, x.shape, g, gate),
    )


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize(
    ("settings", "one_pass"),
    [
        ({}, True),  # valid: dy is smaller than x
        ({"padding": "same"}, True),
        ({"padding": 2}, False),  # dy is larger than x
        ({"padding": "same", "dilation": 2}, True),
        ({"dilation": (1, 2)}, True),
        ({"padding": (1, 0)}, True),
        ({"padding": 1, "dilation": 2}, False),  # x meets dy between two places
        ({"stride": 2}, False),
        ({"kernel_size": (2, 3), "padding": "same"}, True),
        ({"kernel_size": 1}, True),
    ],
)
def test_one_copy_of_patches_makes_both_gradients(
    settings, one_pass, overlap, gated, xp, monkeypatch
):
    if overlap:
        overlapping(monkeypatch)
    alone, right = [], im2col.weight_gradient
    monkeypatch.setattr(im2col, "weight_gradient", lambda *some: alone.append(1) or right(*some))
    monkeypatch.setattr(im2col, "BAND", 200)  # several bands, whose shares of dw and db add up
    monkeypatch.setattr(im2col, "LEAST", 200)
    rng, g = np.random.default_rng(0), geometry(**{"kernel_size": 3} | settings)
    x, w = rng.standard_normal((2, 9, 8, 2)), rng.standard_normal((*g.kernel, 2, 3))
    dy, gate = rng.standard_normal((2, 2, *g.output_size(9, 8), 3))
    gate = gate if gated else None
    there = xp.asarray(gate) if gated else None
    found = im2col.gradients(*map(xp.asarray, (x, dy, w)), g, there)
    for result, reference in zip(found, by_loops(x, dy, w, g, gate), strict=True):
        close(tu.to_cpu(result), reference)
    assert (not alone) == one_pass
    dw, db = right(xp.asarray(x), xp.asarray(dy), w.shape, g, there)  # to the same bits alone
    assert (dw == found[0]).all()
    assert (db == found[1]).all()


@pytest.mark.parametrize(("c_out", "one_pass"), [(4, True), (5, False)])
def test_patches_of_many_more_channels_than_the_input_has_are_no_help(c_out, one_pass):
    x, dy = np.ones((1, 5, 5, 2)), np.ones((1, 5, 5, c_out))
    assert im2col._meet(x, dy, geometry(3, 1, 1)) == one_pass


def test_without_an_input_gradient_none_is_computed(monkeypatch):
    monkeypatch.setattr(im2col, "input_gradient", None)
    x, dy, w = np.ones((1, 3, 3, 1)), np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1))
    dw, db, dx = gradients(x, dy, None, w, geometry(2), "im2col", input_gradient=False)
    assert (dw == 4).all()
    assert db == 4
    assert dx is None


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1)])
def test_the_convolution_that_its_docstring_shows(kernel):
    lines = [line.strip() for line in tu.Conv2d.__doc__.split("Parameters")[0].splitlines()]
    code = "\n".join(line for line in lines if re.match(r"[\w, ]+ = ", line))
    rng = np.random.default_rng(3)
    layer = tu.Conv2d(2, 3, kernel).astype("float64")
    layer.params["bias"] = rng.standard_normal(3)
    x = rng.standard_normal((2, 6, 7, 2))
    dy = rng.standard_normal(layer(x).shape)
    w, b = layer.params["weight"], layer.params["bias"]
    shown = dict(zip(("kh", "kw"), kernel, strict=True), x=x, dy=dy, w=w, b=b, np=np)
    exec(code, shown | {"sliding_window_view": np.lib.stride_tricks.sliding_window_view}, shown)
    close(layer(x), shown["y"])
    close(layer.backward(dy), shown["dx"])
    close(layer.grads["weight"], shown["dw"])
    close(layer.grads["bias"], shown["db"])


def test_a_convolution_turned_around():
    """With stride 1, dx is a convolution of dy; with a stride or much padding it is not."""
    assert geometry(3, 1, 1).turned() == geometry(3, 1, 1)
    assert geometry(3).turned() == geometry(3, 1, 2)
    assert geometry((2, 3), 1, "same", 2).turned().padding == ((1, 1), (2, 2))
    assert geometry((2, 4), 1, "same").turned().padding == ((1, 0), (2, 1))
    for settings_of_none in ((3, 2), (2, 1, 2), (1, 1, (0, 1))):
        assert geometry(*settings_of_none).turned() is None
