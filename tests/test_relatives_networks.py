"""FCN, VGG16 and SegNet: the authors' sizes and counts, and the contract that all networks keep."""

import copy
import inspect
import math

import numpy as np
import pytest
from helpers import assert_close, assert_same, run
from relatives import (
    NETWORKS,
    PADDED,
    SAME,
    VGG,
    biases_without_effect,
    by_running_statistics,
    stirred,
)

import tinyunet as tu
from tinyunet.networks import FCN, VGG16, Outline, SegNet, SegNetBasic
from tinyunet.networks.alignment import IMAGE, Grid, crops, grids, offset
from tinyunet.networks.names import ALIASES
from tinyunet.networks.small import small_input

EVERY = {**NETWORKS, **VGG}
every = pytest.mark.parametrize("name", EVERY)
segmenting = pytest.mark.parametrize("name", NETWORKS)


def config_of(cls, **options):
    """A whole config, without making the network."""
    parameters = inspect.signature(cls).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters} | options


def random(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# ---------------------------------------------------------------------- the authors' networks


@pytest.mark.parametrize(
    ("cls", "options", "published"),
    [
        (FCN, {"stride": 32}, 136_152_917),
        (FCN, {"stride": 16}, 134_815_994),
        (FCN, {"stride": 8}, 134_489_759),
        (VGG16, {}, 138_357_544),
        (SegNet, {}, 29_449_355),
        (SegNet, {"num_classes": 21}, 29_439_253 + 15_872),
        (SegNetBasic, {}, 1_416_587),
    ],
)
def test_the_published_counts(cls, options, published):
    outline = cls.outline(config_of(cls, **options))
    assert sum(math.prod(shape) for shape in outline.parameters.values()) == published
    if published < 30e6 and not options:
        assert cls(**options).num_parameters == published


@pytest.mark.parametrize(
    ("stride", "convolutions", "deconvolutions"),
    [(32, 134_346_581, 1_806_336), (16, 134_357_354, 458_640), (8, 134_362_751, 127_008)],
)
def test_what_fcn_learns_and_what_is_frozen(stride, convolutions, deconvolutions):
    outline = FCN.outline(config_of(FCN, stride=stride))
    sizes = {name: math.prod(shape) for name, shape in outline.parameters.items()}
    assert sum(sizes[name] for name in outline.frozen) == deconvolutions
    assert sum(sizes.values()) - deconvolutions == convolutions


@pytest.mark.parametrize(
    ("convolutions", "published"),
    [((1, 1, 2, 2, 2), 9_220_480), ((2, 2, 2, 2, 2), 9_404_992), ((2, 2, 4, 4, 4), 20_024_384)],
)
def test_the_convolutions_of_vgg_11_13_and_19(convolutions, published):
    shapes = VGG16.outline(config_of(VGG16, convolutions=convolutions)).parameters
    counts = {name: math.prod(shape) for name, shape in shapes.items()}
    assert sum(n for name, n in counts.items() if name.startswith("encoder")) == published


def sides(model, image, *names):
    """The (height, width) of what parts of a network make of an image (height, width)."""
    x, found, parts = np.zeros((1, *image, model.in_channels), np.float32), {}, {}
    for name, part in model.named_layers():
        if name in names:
            parts[name] = part
    for name, part in parts.items():
        forward = part.forward

        def noted(*inputs, name=name, forward=forward):
            y = forward(*inputs)
            found[name] = y.shape[1:3]
            return y

        part.forward = noted
    assert model.predict(x).shape == (1, *image, model.num_classes)
    return [found[name] for name in names]


@pytest.mark.parametrize(
    ("stride", "ups", "last"), [(32, [], 544), (16, [34], 560), (8, [34, 70], 568)]
)
def test_the_sides_of_fcn_for_500_pixels(stride, ups, last):
    """At the authors' depth, kernels and padding, and a width of 1."""
    model = FCN(stride=stride, base_channels=1, head=((4, 7), (4, 1)))
    names = ["encoder.0", *(f"pools.{i}" for i in range(5)), "head", "score"]
    names += [f"ups.{i}" for i in range(len(ups))] + [f"skips.{i}" for i in range(len(ups))]
    found = sides(model, (500, 500), *names, "up")
    assert [a for a, b in found] == [698, 349, 175, 88, 44, 22, 16, 16, *ups, *ups, last]
    assert all(a == b for a, b in found)


@pytest.mark.parametrize(("stride", "last"), [(32, 416), (16, 432), (8, 440)])
def test_the_sides_of_fcn_for_375_pixels(stride, last):
    model = FCN(stride=stride, base_channels=1, head=((4, 7), (4, 1)))
    found = sides(model, (375, 1), *(f"pools.{i}" for i in range(5)), "score", "up")
    assert [height for height, _ in found] == [287, 144, 72, 36, 18, 12, last]


@pytest.mark.parametrize("cls", [SegNet, SegNetBasic])
def test_the_sides_of_segnet_for_360_by_480_pixels(cls):
    model = cls(widths=(1, 1, 1, 1) + (1,) * (cls is SegNet))
    levels = len(model.pools)
    pools = [(180, 240), (90, 120), (45, 60), (23, 30), (12, 15)][:levels]
    ups = [(360, 480), *pools[:-1]]
    names = [f"pools.{i}" for i in range(levels)]
    assert sides(model, (360, 480), *names) == pools
    for level, unpool in enumerate(model.unpools):  # they take a size, unlike the other layers
        assert unpool._pool is model.pools[level]
        assert model.pools[level].output_size(*ups[level]) == pools[level]


def test_vgg_gives_a_vector_for_224_pixels_and_then_one_more_every_32():
    model = VGG16(1, 4, base_channels=1, head=((5, 7), (5, 1)))
    assert model.input_size(1, 1) == (224, 224)
    assert sides_out(model, 224, 256) == (1, 2)
    assert sides_out(model, 288, 224) == (3, 1)
    with pytest.raises(ValueError, match="of height 230: the nearest valid sizes are 224 or 256"):
        model.output_size(230, 224)
    with pytest.raises(ValueError, match=r"of width 30: the nearest valid sizes are 224$"):
        model.output_size(224, 30)
    cells = tu.data.synthetic_cells(2, 64)
    for wrong in (
        lambda: tu.predict_image(model, cells.images[0]),
        lambda: tu.fit(model, cells, steps=1),
    ):
        with pytest.raises(ValueError, match="one vector of logits for a window, not one a pixel"):
            wrong()


def sides_out(model, height, width):
    out = model.predict(np.zeros((1, height, width, 1), np.float32)).shape
    assert out == (1, *model.output_size(height, width), 4)
    return out[1:3]


def test_the_receptive_fields_of_vgg():
    pooled, _, _ = grids((2, 2, 3, 3, 3), (7, 1), 100, 32)
    assert [sees(grid) for grid in pooled[2:]] == [44, 100, 212]
    before, basic = pooled[3], IMAGE
    for _ in range(3):
        before = before.windows(3, padding=1)
    assert sees(before) == 196
    assert sees(pooled[4].windows(7)) == 404
    for _ in range(4):
        basic = basic.windows(7, padding=3).windows(2, 2)
    assert sees(basic) == 106


def sees(grid):
    return 2 * grid.radius + 1


# ---------------------------------------------------------------------- where maps are cut


@pytest.mark.parametrize(("stride", "published"), [(32, [19]), (16, [5, 27]), (8, [5, 9, 31])])
def test_the_published_crops(stride, published):
    assert crops((2, 2, 3, 3, 3), (7, 1), 100, stride) == published
    assert FCN(stride=stride, base_channels=1, head=((1, 7), (1, 1))).crops == published


def test_a_grid_is_where_pixels_lie():
    """Every layer shifts and thins out a line of numbers, by its definition; here for a ramp, whose
    means over windows are the places of their middles."""
    ramp = np.arange(40.0)
    for kernel, stride, padding in ((3, 1, 1), (2, 2, 0), (5, 3, 2), (7, 1, 0)):
        grid = IMAGE.windows(kernel, stride, padding)
        inside = [i for i in range(20) if 0 <= i * stride - padding <= 40 - kernel]
        means = [ramp[i * stride - padding :][:kernel].mean() for i in inside]
        assert means == [grid.pitch * i + grid.start for i in inside]
        assert sees(grid) == kernel
    coarse = IMAGE.windows(2, 2)
    assert coarse.spread(2, 2) == Grid(1, 0, 1)  # a pooling and back
    assert coarse.spread(4, 2, 1) == Grid(1, 0, 2)


def test_pixels_that_do_not_fall_on_each_other_cannot_be_cut():
    with pytest.raises(ValueError, match=r"1 i \+0 and 1 i \+0.5 cannot be cut to fit"):
        offset(IMAGE, IMAGE.windows(2))


@pytest.mark.parametrize("stride", [8, 4, 2])
@pytest.mark.parametrize("options", [SAME, PADDED], ids=["same", "padded"])
def test_scores_lie_where_they_were_seen(stride, options):
    """A bright pixel far from all borders moves logits as far on one side of it as on the other."""
    model = stirred(FCN(1, 1, stride=stride, dropout=0.0, dtype="float64", **options))
    for name, array in model.named_parameters():
        array[...] = abs(array) if name.endswith("weight") else 0
    y = np.zeros(97)
    for middle in range(88, 88 + 8):  # on average over the poolings' grid
        x = np.zeros((1, 190, 190, 1))
        x[0, middle, middle] = 1
        out = model.predict(x)[0, :, middle, 0]
        y += out[middle - 48 : middle + 49]
    places = np.arange(-48, 49)
    assert abs((y * places).sum() / y.sum()) < 0.51  # pooled pixels share one place: half a pixel


@pytest.mark.parametrize("stride", [32, 16, 8])
@pytest.mark.parametrize("padding", [100, "same"])
def test_fcn_takes_every_side(stride, padding):
    model = FCN(1, 2, stride=stride, base_channels=1, head=((1, 7), (1, 1)), padding=padding)
    for side in (1, 2, 31, 32, 33, 50, 63, 65):
        assert model.output_size(side, 7) == (side, 7)
        assert model.predict(np.zeros((1, side, 7, 1), np.float32)).shape == (1, side, 7, 2)


def test_a_padding_that_leaves_a_border_is_refused():
    options = {"base_channels": 1, "head": ((1, 7), (1, 1))}
    for stride, least in ((32, 81), (16, 73), (8, 69)):
        with pytest.raises(ValueError, match=f"it must be {least} or more"):
            FCN(stride=stride, padding=least - 1, **options)
        model = FCN(stride=stride, padding=least, **options)
        first = model.sizes[0].first
        for side in range(first, first + 40):
            x = np.zeros((1, side, first, 3), np.float32)
            assert model.predict(x).shape[1:3] == (side, first)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="power of 2, from 2 to the 32 of 5 poolings, got 12"):
        FCN(stride=12, base_channels=1)
    with pytest.raises(ValueError, match="got 64"):
        FCN(stride=64, base_channels=1)
    with pytest.raises(ValueError, match=r"one width and one number .* widths=\[4, 4\]"):
        SegNet(widths=(4, 4))
    with pytest.raises(ValueError, match="unpool must be 'indices' or 'bilinear', got 'mean'"):
        SegNet(base_channels=1, unpool="mean")


# ---------------------------------------------------------------------- gradients


@every
def test_the_gradients(name):
    model = stirred(EVERY[name](seed=3))
    report = tu.check_gradients(model, random(*small_input(model)), samples=3)
    assert report.passed, report


@pytest.mark.parametrize("name", ["FCN, same, stride 2", "SegNet", "SegNet, bilinear"])
def test_the_gradients_by_running_statistics(name):
    """Then biases in front of a normalisation have gradients, too."""
    model = by_running_statistics(stirred(NETWORKS[name](seed=3)))
    report = tu.check_gradients(model, random(*small_input(model)), samples=3)
    assert report.passed, report


@every
def test_on_each_device(name, xp, device):
    model = by_running_statistics(stirred(EVERY[name](dtype="float64")))
    x = random(2, *small_input(model)[1:])
    expected = run(copy.deepcopy(model), [x])
    assert_same(run(model.to(device), [xp.asarray(x)]), expected, 1e-12)


def test_a_bias_without_effect_must_have_a_gradient_of_0():
    class Wrong(tu.networks.ConvBlock):
        def backward(self, dy, **options):
            dx = super().backward(dy, **options)
            self.convs[0].grads["bias"] += 0.01
            return dx

    rng = np.random.default_rng(0)
    for block, right in ((tu.networks.ConvBlock, True), (Wrong, False)):
        report = tu.check_gradients(block([2, 3], rng, batch_norm=True), random(2, 5, 4, 2))
        assert report.passed == right, report


@every
def test_without_the_input_gradient_the_others_are_the_same(name):
    model = stirred(EVERY[name](dtype="float64"))
    x = random(2, *small_input(model)[1:])
    expected = run(copy.deepcopy(model), [x])
    found = run(model, [x], input_gradient=False)
    assert found.dx == (None,)
    assert found.grads.keys() == expected.grads.keys()
    for key, gradient in expected.grads.items():
        np.testing.assert_array_equal(found.grads[key], gradient)


def test_at_once_scales_what_goes_into_the_scores():
    model = FCN(1, 2, stride=2, at_once=True, **PADDED)
    assert [skip.scale.factor for skip in model.skips] == [0.01, 0.0001]
    assert [skip.scale.factor for skip in FCN(1, 2, stride=2, **PADDED).skips] == [1, 1]


# ---------------------------------------------------------------------- the contract


@every
def test_what_a_file_holds_is_known_without_making_the_network(name):
    model = EVERY[name]()
    stated, found = type(model).outline(model.config), Outline.of(model)
    assert list(stated.parameters.items()) == list(found.parameters.items())
    assert list(stated.buffers.items()) == list(found.buffers.items())
    assert stated.generators == found.generators
    assert sorted(stated.frozen) == sorted(found.frozen)
    counters = {key: kinds for key, kinds in stated.dtypes.items() if kinds != ("float32",)}
    assert counters == found.dtypes


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (FCN, {"stride": 3.0}),
        (FCN, {"padding": "valid"}),
        (FCN, {"widths": [3, True]}),
        (FCN, {"head": [[3, 3, 3]]}),
        (FCN, {"convolutions": [10**6] * 5}),
        (VGG16, {"head": []}),
        (VGG16, {"dropout": 1}),
        (SegNet, {"unpool": "mean"}),
        (SegNet, {"convolutions": []}),
        (SegNetBasic, {"kernel_size": 0}),
        (SegNetBasic, {"batch_norm": 1}),
        (SegNetBasic, {"depth": 3}),
    ],
)
def test_a_file_that_makes_up_a_setting_is_refused(cls, options):
    (setting,) = options
    with pytest.raises(ValueError, match=setting):
        cls.outline(config_of(cls, **options))


@every
def test_it_is_saved_and_loaded(tmp_path, name):
    model = stirred(EVERY[name]())
    tu.save(tmp_path / "m.npz", model)
    loaded = tu.load(tmp_path / "m.npz")
    assert type(loaded) is type(model)
    for (key, array), (other, saved) in zip(model.named_state(), loaded.named_state(), strict=True):
        assert key == other
        np.testing.assert_array_equal(array, saved)
    x = random(2, *small_input(model)[1:], dtype="float32")
    np.testing.assert_array_equal(loaded(x), model(x))  # also the same dropout masks


@every
def test_a_copy_is_independent(name):
    model = stirred(EVERY[name](dtype="float64"))
    x = random(2, *small_input(model)[1:])
    twin, expected = copy.deepcopy(model), run(copy.deepcopy(model), [x])
    for _, array in model.named_parameters():
        array += 1
    model(x)
    found = run(twin, [x])  # with its own poolings' winners
    np.testing.assert_array_equal(found.y, expected.y)
    np.testing.assert_array_equal(found.dx[0], expected.dx[0])
    assert twin.config == model.config


@segmenting
def test_it_trains_and_is_scored(name):
    model = NETWORKS[name]()
    before = model.state_dict()
    images = random(3, 20, 24, 2, dtype="float32")
    labels = np.random.default_rng(1).integers(0, 3, (3, 20, 24))
    train = tu.data.Dataset(list(images), list(labels))
    history = tu.fit(model, train, steps=2, batch_size=2, seed=0, progress=False)
    assert np.isfinite(history.loss).all()
    frozen = {key for key, _ in model.named_parameters()} - {
        key for key, _ in model.named_learned()
    }
    for key, array in model.named_parameters():
        still = np.array_equal(before[key], array)
        assert still == (key in frozen) or key in biases_without_effect(model), key
    assert len(tu.evaluate(model, train)) == 3


@segmenting
def test_tiles_give_what_one_piece_gives(name):
    model = stirred(NETWORKS[name]())
    stride, reach = model.tile_stride, model.reach
    tile = -(-(2 * reach + stride) // stride) * stride
    image = random(tile + 2 * stride + 3, tile + stride - 1, 2, dtype="float32")  # off the grid
    whole = tu.predict_image(model, image)
    assert whole.shape == (*image.shape[:2], 3)
    assert_close(tu.predict_image(model, image, tile=tile), whole, 1e-5)


@segmenting
def test_nothing_beyond_its_reach_counts(name):
    """Rows change up to there when one does; where it lies on the poolings' grid decides how far."""
    model = stirred(NETWORKS[name](dtype="float64"))
    stride, reach = model.tile_stride, model.reach
    side = -(-(2 * reach + 4 * stride) // stride) * stride
    x, far = random(1, side, stride, 2), []
    y = model.predict(x)
    for row in range(side // 2, side // 2 + stride):
        moved = x.copy()
        moved[0, row] += 1
        changed = np.flatnonzero(abs(model.predict(moved) - y).max((0, 2, 3)) > 0)
        far.append(max(abs(changed - row)))
    assert max(far) <= reach
    assert max(far) >= reach - stride


@segmenting
def test_its_summary(name):
    model = NETWORKS[name]()
    summary = tu.networks.summarize(model)
    assert f"{model.num_parameters:,} parameters" in str(summary)
    unknown = ("SegNet, bilinear", "SegNet, not normalised")  # an enlargement, an empty block
    assert ("?" in str(summary)) == (name in unknown)
    field = summary.rows[-1].receptive_field
    if name.startswith("FCN"):  # nearly the same, counted backwards and for the widest pixel
        assert 0 <= model.reach - max(field) // 2 <= model.tile_stride


def test_names_on_the_command_line():
    for name, (cls, options) in ALIASES.items():
        found = tu.networks.find_network(cls)
        assert config_of(found, **options).items() >= options.items(), name


# ---------------------------------------------------------------------- weights


def test_a_fully_connected_layer_is_a_convolution():
    """The same vector on the map that it was made for, and a map of vectors on a larger one."""
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((6, 4 * 3 * 2)), rng.standard_normal(6)
    conv = tu.Conv2d(4, 6, (3, 2)).astype("float64")
    conv.params["weight"][...] = tu.networks.as_convolution(weight, (3, 2))
    conv.params["bias"][...] = bias
    x = rng.standard_normal((1, 5, 3, 4))
    y = conv(x)
    assert y.shape == (1, 3, 2, 6)
    for i in range(3):
        for j in range(2):
            window = np.moveaxis(x[0, i : i + 3, j : j + 2], 2, 0)  # channel by channel
            assert_close(y[0, i, j], weight @ window.ravel() + bias, 1e-13)
    assert tu.networks.as_convolution(np.zeros((8, 25088)), (7, 7)).shape == (7, 7, 512, 8)
    with pytest.raises(ValueError, match=r"\(6, 24\) reads no map of 7x7"):
        tu.networks.as_convolution(weight, (7, 7))


def test_fcn_begins_as_vgg_and_each_stride_as_the_one_before():
    settings = {"base_channels": 1, "dtype": "float64"}
    vgg = VGG16(num_classes=21, seed=1, **settings)
    coarse, fine = FCN(stride=32, seed=2, **settings), FCN(stride=16, seed=3, **settings)
    copied = tu.networks.transplant(vgg, coarse)
    assert len(copied) == 2 * (13 + 3)
    x = random(1, 224, 224, 3)
    np.testing.assert_array_equal(coarse.encoder[0].convs[0].params["weight"],
                                  vgg.encoder[0].convs[0].params["weight"])  # fmt: skip
    assert "up.weight" not in tu.networks.transplant(coarse, fine)
    assert not fine.skips[0].score.params["weight"].any()
    inner = slice(64, 160)  # enlarged at once or in two steps, which differ between the pixels
    ours, theirs = (m.predict(x)[0, inner, inner].ravel() for m in (fine, coarse))
    assert 0.98 < np.corrcoef(ours, theirs)[0, 1] < 1
    assert_close(ours.std(), theirs.std(), 0.1)
    with pytest.raises(ValueError, match="has no array of the name and shape"):
        tu.networks.transplant(tu.UNet(base_channels=1, depth=1), fine)
