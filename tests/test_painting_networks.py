"""pix2pix and PaintsChainer: the authors' sizes and counts, and the contract that all networks keep."""

import copy
import inspect
import math

import numpy as np
import pytest
from helpers import assert_close, assert_same, run, upstream
from painters import JUDGES, PAINTERS, made, without_effect
from relatives import by_running_statistics
from test_relatives_layers import random

import tinyunet as tu
from tinyunet.networks import (
    Outline,
    PaintsChainer,
    PaintsChainerDiscriminator,
    PatchGAN,
    Pix2PixGenerator,
)
from tinyunet.networks.receptive_field import recorded_calls
from tinyunet.networks.small import small_input

EVERY = [*PAINTERS, *JUDGES]
every = pytest.mark.parametrize("name", EVERY)
painting = pytest.mark.parametrize("name", PAINTERS)
judging = pytest.mark.parametrize("name", JUDGES)


def shape_of(model):
    """Of two images, so that sums over the batch matter."""
    return 2, *small_input(model)[1:]


def shapes(model, height, width=None, names=()):
    """What each of some layers makes of an image: (H, W, C) by the layer's name."""
    x = np.zeros((1, height, width or height, model.in_channels), model.dtype)
    with recorded_calls(model, x) as calls:
        y = model.predict(x)
    found = {name: z.shape[1:] for name, _, z, _ in calls.made}
    return y.shape[1:], [found[name] for name in names]


# ---------------------------------------------------------------------- the authors' networks


def config_of(cls, **options):
    """A whole config, without making the network."""
    parameters = inspect.signature(cls).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters} | options


@pytest.mark.parametrize(
    ("cls", "options", "published"),
    [
        (Pix2PixGenerator, {}, 54_419_459),
        (Pix2PixGenerator, {"port": True}, 54_413_955),
        (Pix2PixGenerator, {"levels": 7}, 41_833_475),
        (PatchGAN, {}, 2_769_601),
        (PatchGAN, {"port": True}, 2_768_705),
        (PatchGAN, {"in_channels": 3}, 2_766_529),
        (PatchGAN, {"layers": 0}, 9_153),
        (PatchGAN, {"layers": 1}, 139_713),
        (PatchGAN, {"layers": 2}, 666_817),
        (PatchGAN, {"layers": 4}, 6_965_441),
        (PatchGAN, {"layers": 5}, 11_161_281),
        (PaintsChainer, {}, 18_639_619),
        (PaintsChainer, {"in_channels": 3, "num_classes": 1}, 18_638_177),
        (PaintsChainerDiscriminator, {}, 918_082),
        # small ones, for lessons
        (Pix2PixGenerator, {"widths": (24, 48, 64, 64), "drops": 2}, 338_115),
        (PatchGAN, {"base_channels": 24, "layers": 1}, 21_673),
    ],
)
def test_the_published_counts(cls, options, published):
    outline = cls.outline(config_of(cls, **options))
    assert sum(math.prod(shape) for shape in outline.parameters.values()) == published
    if published < 5e6:
        assert cls(**options).num_parameters == published


def of_norms(model):
    return sum(a.size for name, a in model.named_parameters() if a.ndim == 1) - sum(
        layer.params["bias"].size
        for _, layer in model.named_layers()
        if isinstance(layer, tu.Conv2d | tu.ConvTranspose2d) and "bias" in layer.params
    )


def test_the_parameters_of_batch_norm():
    assert 64 * of_norms(Pix2PixGenerator(base_channels=1)) == 9_856
    assert 32 * of_norms(PaintsChainer(base_channels=1)) == 6_784
    judge = PaintsChainerDiscriminator()
    assert of_norms(judge) == 1_408
    assert judge.stages[-1].num_parameters == 32_770


def test_the_sides_of_pix2pix_for_256_pixels():
    model = Pix2PixGenerator(base_channels=1)
    downs = [f"downs.{i}.{int(i > 0)}" for i in range(8)]
    ups = [f"ups.{i}.1" for i in range(8)]
    y, found = shapes(model, 256, names=[*downs, *ups])
    assert y == (256, 256, 3)
    assert [side for side, _, _ in found[:8]] == [128, 64, 32, 16, 8, 4, 2, 1]
    assert [channels for *_, channels in found[:8]] == [1, 2, 4, 8, 8, 8, 8, 8]
    assert [side for side, _, _ in found[8:]] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert [channels for *_, channels in found[8:]] == [8, 8, 8, 8, 4, 2, 1, 3]
    ins = [up.layers[1].in_channels for up in model.ups]
    assert ins == [8, 16, 16, 16, 16, 8, 4, 2]  # 512, 1024, ... for 64 base channels


def parts(sequence):
    return [type(layer).__name__ for layer in sequence.layers]


@pytest.mark.parametrize(("port", "dropping"), [(False, [0, 1, 2]), (True, [1, 2, 3])])
def test_what_stands_around_the_convolutions_of_pix2pix(port, dropping):
    model = Pix2PixGenerator(base_channels=1, port=port)
    conv, middle = ["Conv2d"], ["LeakyReLU", "Conv2d", "BatchNorm2d"]
    assert [parts(down) for down in model.downs] == [conv, *[middle] * 6, middle[:2]]
    assert {down.layers[0].negative_slope for down in model.downs[1:]} == {0.2}
    up = ["ReLU", "ConvTranspose2d", "BatchNorm2d"]
    expected = [up + ["Dropout"] * (i in dropping) for i in range(7)]
    assert [parts(layers) for layers in model.ups] == [*expected, up[:2]]
    biases = {name for name, _ in model.named_parameters() if name.endswith("1.bias")}
    assert ("ups.7.1.bias" in biases, "ups.0.1.bias" in biases) == (True, not port)
    assert ("downs.0.0.bias" in dict(model.named_parameters())) == (not port)


@pytest.mark.parametrize(
    ("layers", "sees", "side"), [(0, 1, 256), (1, 16, 126), (2, 34, 62), (3, 70, 30), (4, 142, 14),
                                 (5, 286, 6)],
)  # fmt: skip
def test_what_a_patchgan_sees(layers, sees, side):
    model = PatchGAN(base_channels=1, layers=layers)
    assert model.output_size(256, 256) == (side, side)
    summary = tu.networks.summarize(model, 256)
    assert summary.output_shape == (side, side, 1)
    assert summary.rows[-1].receptive_field == (sees, sees)
    slopes = {p.negative_slope for _, p in model.named_layers() if isinstance(p, tu.LeakyReLU)}
    assert slopes == {0.2}


def test_a_patch_is_judged_alone():
    """In eval, one pixel of the image moves logits whose windows of 34 hold it, and no others."""
    model = PatchGAN(1, base_channels=2, layers=2, dtype="float64").eval()
    x = random(1, 96, 96, 1)
    y = model(x)
    x[0, 50, 41] += 1
    moved = np.argwhere(model(x) != y)
    rows, columns = (sorted(set(moved[:, axis].tolist())) for axis in (1, 2))
    # Logit i sees the 34 pixels from 4 i - 7 on, by paddings of 1, 2, 4 and 4 pixels, less a rest.
    starts = 4 * np.arange(22) - (1 + 2 + 4 + 4)
    for found, pixel in ((rows, 50), (columns, 41)):
        assert found == [i for i, s in enumerate(starts) if s <= pixel < s + 34]


def test_the_sides_of_paintschainer_for_128_pixels():
    model = PaintsChainer(base_channels=1)
    names = ["first.0", *(f"{part}.{i}.0" for i in range(4) for part in ("downs", "convs"))]
    names += ["joins.4", *(f"{part}.{i}.0" for i in (3, 2, 1, 0) for part in ("ups", "backs"))]
    y, found = shapes(model, 128, names=[*names, "last"])
    assert y == (128, 128, 3)
    assert [side for side, _, _ in found] == [
        128, 64, 64, 32, 32, 16, 16, 8, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 128,
    ]  # fmt: skip
    assert [channels for *_, channels in found] == [
        1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 16, 8, 8, 4, 4, 2, 2, 1, 3,
    ]  # fmt: skip
    ins = [model.ups[i].layers[0].in_channels for i in (3, 2, 1, 0)] + [model.last.in_channels]
    assert ins == [32, 16, 8, 4, 2]
    assert {p.eps for _, p in model.named_layers() if isinstance(p, tu.BatchNorm2d)} == {2e-5}


def test_the_first_concat_joins_what_goes_into_the_last_convolution_and_what_comes_out():
    model = made("PaintsChainer, one level").eval()
    x = random(1, 4, 4, 2)
    half = model.downs[0](model.first(x))
    y = model.ups[0](np.concatenate([half, model.convs[0](half)], -1))
    y = model.last(np.concatenate([model.first(x), model.backs[0](y)], -1))
    np.testing.assert_array_equal(model(x), y)


def test_a_drawing_of_128_pixels_gets_one_verdict_and_a_larger_one_a_map():
    model = PaintsChainerDiscriminator(base_channels=1)
    assert model.input_size(1, 1) == (128, 128)
    assert shapes(model, 128)[0] == (1, 1, 2)
    assert shapes(model, 160, 128)[0] == (3, 1, 2)
    with pytest.raises(ValueError, match="of height 130: the nearest valid sizes are 128 or 144"):
        model.output_size(130, 128)


@judging
def test_a_judge_labels_no_pixels(name):
    data = tu.data.synthetic_cells(2, 64)
    model = JUDGES[name]()
    for wrong in (lambda: model.tile_stride, lambda: model.input_size(2, 2)):
        with pytest.raises(ValueError, match="judges what another network paints"):
            wrong()
    model = PatchGAN(1, base_channels=1, layers=1)
    for wrong in (
        lambda: tu.predict_image(model, data.images[0]),
        lambda: tu.fit(model, data, steps=1, progress=False),
    ):
        with pytest.raises(ValueError, match="logits for windows, not one a pixel"):
            wrong()


def test_weights_are_drawn_as_the_authors_drew_them():
    for model in (Pix2PixGenerator(base_channels=16, levels=5), PatchGAN()):
        convs = np.concatenate([a.ravel() for _, a in model.named_parameters() if a.ndim == 4])
        assert abs(convs.mean()) < 2e-4
        assert convs.std() == pytest.approx(0.02, rel=0.01)
        norms = [p for _, p in model.named_layers() if isinstance(p, tu.BatchNorm2d)]
        scales = np.concatenate([norm.params["weight"] for norm in norms])
        assert scales.mean() == pytest.approx(1, abs=0.005)
        assert scales.std() == pytest.approx(0.02, rel=0.2)
        assert not any(a.any() for name, a in model.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize(
    "make", [PAINTERS["pix2pix"], JUDGES["PatchGAN"], JUDGES["PaintsChainer's"]]
)
def test_the_seed_draws_everything(make):
    one, same, other = (make(seed=seed).state_dict() for seed in (1, 1, 2))
    for name, array in one.items():
        np.testing.assert_array_equal(array, same[name])
    assert any(not np.array_equal(array, other[name]) for name, array in one.items())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Pix2PixGenerator(levels=1), "two levels or more.*, got \\[64\\]"),
        (lambda: Pix2PixGenerator(widths=(4, 0)), "two levels or more"),
        (lambda: PatchGAN(layers=-1), "layers from 0 to 30, got .* layers=-1"),
        (lambda: PatchGAN(base_channels=0), "base_channels must be at least 1"),
        (lambda: PaintsChainer(widths=(4,)), r"two levels or more.*, got \[4\]"),
        (lambda: PaintsChainerDiscriminator(size=100), "multiple of 16, .* 4 times, got 100"),
        (lambda: PaintsChainerDiscriminator(size=0), "multiple of 16"),
    ],
)
def test_impossible_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# ---------------------------------------------------------------------- gradients


@every
def test_the_gradients(name):
    model = made(name)
    report = tu.check_gradients(model, random(*shape_of(model)), samples=2)
    assert report.passed, report


@pytest.mark.parametrize("name", ["pix2pix", "PaintsChainer", "PatchGAN", "PaintsChainer's"])
def test_the_gradients_by_running_statistics(name):
    """Then biases in front of a normalisation have gradients, too."""
    model = by_running_statistics(made(name))
    report = tu.check_gradients(model, random(*shape_of(model)), samples=1)
    assert report.passed, report


class ThroughBoth(tu.Layer):
    """The logits of the pair (x, G(x)), or of G(x) alone."""

    def __init__(self, generator, discriminator, conditional):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.conditional = conditional

    def forward(self, x):
        y = self.generator(x)
        return self.discriminator(np.concatenate([x, y], -1) if self.conditional else y)

    def backward(self, dy, *, input_gradient=True):
        d = self.discriminator.backward(dy)
        direct = d[..., : self.generator.in_channels] if self.conditional else 0
        return direct + self.generator.backward(d[..., -self.generator.num_classes :])


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("make", [Pix2PixGenerator, PaintsChainer])
def test_the_generators_gradients_through_a_discriminator(make, conditional):
    generator = make(2, 3, widths=(2, 3), dtype="float64")
    judge = PatchGAN(5 if conditional else 3, base_channels=2, layers=1, dtype="float64")
    for model in (generator, judge):
        for _, array in model.named_parameters():
            array *= 10
    both = ThroughBoth(generator, judge, conditional)
    report = tu.check_gradients(both, random(*shape_of(generator)), samples=2)
    assert report.passed, report


@every
def test_on_each_device(name, xp, device):
    model = by_running_statistics(made(name))
    x = random(*shape_of(model))
    expected = run(copy.deepcopy(model), [x])
    assert_same(run(model.to(device), [xp.asarray(x)]), expected, 1e-11)


@every
def test_without_the_input_gradient_the_others_are_the_same(name):
    model, x = made(name), random(*shape_of(made(name)))
    expected = run(copy.deepcopy(model), [x])
    found = run(model, [x], input_gradient=False)
    assert found.dx == (None,)
    assert found.grads.keys() == expected.grads.keys() == dict(model.named_parameters()).keys()
    for key, gradient in expected.grads.items():
        np.testing.assert_array_equal(found.grads[key], gradient)


@every
def test_arguments_stay_as_they_are(name):
    model, x = made(name), random(*shape_of(made(name)))
    dy = upstream(copy.deepcopy(model)(x))
    before = x.tobytes(), dy.tobytes()
    run(model, [x], dy)
    assert (x.tobytes(), dy.tobytes()) == before


@every
def test_biases_without_effect_are_idle(name):
    model, found = made(name), set()
    for path, layer in model.named_layers():
        found |= {f"{path}.{key}" for key in layer.idle}
    assert found == without_effect(model)


# ---------------------------------------------------------------------- the contract


@every
def test_what_a_file_holds_is_known_without_making_the_network(name):
    model = {**PAINTERS, **JUDGES}[name]()
    stated, found = type(model).outline(model.config), Outline.of(model)
    assert list(stated.parameters.items()) == list(found.parameters.items())
    assert list(stated.buffers.items()) == list(found.buffers.items())
    assert stated.generators == found.generators
    assert not stated.frozen
    counters = {key: kinds for key, kinds in stated.dtypes.items() if kinds != ("float32",)}
    assert counters == found.dtypes


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Pix2PixGenerator, {"levels": 1.0}),
        (Pix2PixGenerator, {"levels": 10**6}),
        (Pix2PixGenerator, {"widths": [3, True]}),
        (Pix2PixGenerator, {"drops": -1}),
        (Pix2PixGenerator, {"dropout": 1}),
        (Pix2PixGenerator, {"port": 1}),
        (PatchGAN, {"layers": 31}),
        (PatchGAN, {"num_classes": 1}),
        (PatchGAN, {"base_channels": 0}),
        (PaintsChainer, {"depth": 3}),
        (PaintsChainer, {"widths": [4] * 31}),
        (PaintsChainerDiscriminator, {"size": 100}),
        (PaintsChainerDiscriminator, {"size": 2**20}),
        (PaintsChainerDiscriminator, {"size": "128"}),
    ],
)
def test_a_file_that_makes_up_a_setting_is_refused(cls, options):
    (setting,) = options
    cls.outline(config_of(cls))
    with pytest.raises(ValueError, match=setting):
        cls.outline(config_of(cls, **options))


@pytest.mark.parametrize("options", [{"levels": 1}, {"widths": [8]}])
def test_a_file_with_one_level_is_refused(options):
    config = {**Pix2PixGenerator(base_channels=1, levels=2).config, **options}
    with pytest.raises(ValueError, match="two levels or more"):
        Pix2PixGenerator.outline(config)


@every
def test_it_is_saved_and_loaded(tmp_path, name):
    model = made(name).astype("float32")
    tu.save(tmp_path / "m.npz", model)
    loaded = tu.load(tmp_path / "m.npz")
    assert type(loaded) is type(model)
    for (key, array), (other, saved) in zip(model.named_state(), loaded.named_state(), strict=True):
        assert key == other
        np.testing.assert_array_equal(array, saved)
    x = random(*shape_of(model), dtype="float32")
    np.testing.assert_array_equal(loaded(x), model(x))  # also the same dropout masks


@every
def test_a_copy_is_independent(name):
    model = made(name)
    x = random(*shape_of(model))
    twin, expected = copy.deepcopy(model), run(copy.deepcopy(model), [x])
    for _, array in model.named_parameters():
        array += 1
    model(x)
    found = run(twin, [x])
    np.testing.assert_array_equal(found.y, expected.y)
    np.testing.assert_array_equal(found.dx[0], expected.dx[0])
    assert twin.config == model.config


@every
def test_it_is_made_again_from_its_config(name):
    model = {**PAINTERS, **JUDGES}[name](seed=3)
    again = type(model).from_config(model.config)
    for (key, array), (other, same) in zip(model.named_state(), again.named_state(), strict=True):
        assert key == other
        np.testing.assert_array_equal(array, same)


@every
def test_its_summary(name):
    model = {**PAINTERS, **JUDGES}[name]()
    assert f"{model.num_parameters:,} parameters" in str(tu.networks.summarize(model))


@pytest.mark.parametrize(
    ("name", "sides"),
    [("pix2pix", [8, 16, 24, 32]), ("PaintsChainer", [8, 12, 16, 20, 24, 28, 32])],
)
def test_which_sizes_are_taken(name, sides):
    model = PAINTERS[name]()
    assert model.valid_input_sizes(32) == sides
    assert model.tile_stride == sides[1] - sides[0]
    assert model.pads
    assert not model.shrinks
    with pytest.raises(ValueError, match=r"height 21: the nearest valid sizes are (16|20) or 24"):
        model(np.zeros((1, 21, 24, model.in_channels), "float32"))
    y = model(np.zeros((2, sides[1], sides[2], model.in_channels), "float32"))
    assert y.shape == (2, sides[1], sides[2], 3)


@painting
def test_nothing_beyond_its_reach_counts(name):
    """Rows change up to there when one does; where it lies on the grid decides how far."""
    model = made(name).eval()
    stride, reach = model.tile_stride, model.reach
    side = -(-(2 * reach + 4 * stride) // stride) * stride
    x, far = random(1, side, model.sizes[1].first, model.in_channels), []
    y = model(x)
    for row in range(side // 2, side // 2 + stride):
        moved = x.copy()
        moved[0, row] += 1
        changed = np.flatnonzero(abs(model(moved) - y).max((0, 2, 3)) > 0)
        far.append(max(abs(changed - row)))
    assert max(far) <= reach
    assert max(far) >= reach - stride


def test_tiles_give_what_one_piece_gives():
    """By running statistics, which are the same for all tiles."""
    model = made("PaintsChainer, one level").astype("float32")
    stride, reach = model.tile_stride, model.reach
    tile = -(-(2 * reach + stride) // stride) * stride
    image = random(tile + 2 * stride + 3, tile + stride - 1, 2, dtype="float32")  # off the grid
    model.gives_instead = ""  # as if its pictures were logits
    whole = tu.predict_image(model, image)
    assert_close(tu.predict_image(model, image, tile=tile), whole, 1e-5)


# ---------------------------------------------------------------------- painting as published


def test_pix2pix_paints_by_the_images_own_statistics_with_dropout():
    model = made("pix2pix, no dropout")
    x = random(3, 8, 16, 1)
    expected = np.concatenate([copy.deepcopy(model)(x[i : i + 1]) for i in range(3)])
    np.testing.assert_array_equal(model.predict(x), expected)
    assert abs(copy.deepcopy(model).eval()(x) - expected).max() > 0.01
    np.testing.assert_array_equal(model.predict(x[1:2]), expected[1:2])  # whatever is beside it


def test_the_draw_of_pix2pix_is_seeded():
    model = made("pix2pix")
    x = random(2, 8, 16, 2)
    first, same, other = (model.predict(x, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    np.testing.assert_array_equal(first, model.predict(x))
    assert abs(other - first).max() > 1e-3
    drops = [p for _, p in model.named_layers() if isinstance(p, tu.Dropout)]
    assert len(drops) == 2
    # With nothing dropped it is another image: dropout is on.
    for drop in drops:
        drop.p = 0
    assert abs(model.predict(x) - first).max() > 1e-3


def test_painting_is_the_same_on_each_device(xp, device):
    model = made("pix2pix")
    x = random(2, 8, 16, 2)
    expected = model.predict(x, seed=2)
    found = model.to(device).predict(xp.asarray(x), seed=2)
    assert tu.array_module(found) is xp
    assert_close(found, expected, 1e-11)


@pytest.mark.parametrize("training", [True, False])
def test_painting_leaves_nothing_behind(training):
    model, twin = made("pix2pix"), made("pix2pix")
    x = random(2, 8, 16, 2)
    modes = {name: training for name, _ in model.named_layers()}
    if not training:
        model.eval()
        twin.eval()
    model.predict(x)
    assert {name: layer.training for name, layer in model.named_layers()} == modes
    assert all(layer._kept is None for _, layer in model.named_layers())
    for name, array in twin.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
    np.testing.assert_array_equal(model(x), twin(x))  # the dropout's generators have not moved
    model.train()(x)
    counts = [a for name, a in model.named_buffers() if name.endswith("tracked")]
    assert all(count == 1 + training for count in counts)


def test_painting_leaves_nothing_behind_after_an_error():
    model = made("pix2pix")
    with pytest.raises(ValueError, match="height 9"):
        model.predict(random(1, 9, 8, 2))
    with pytest.raises(ValueError, match="empty input"):
        model.predict(random(0, 8, 8, 2))
    x = random(1, 8, 8, 2)
    np.testing.assert_array_equal(model(x), made("pix2pix")(x))
