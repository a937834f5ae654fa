"""U-Net++ and PSPNet: counts, sizes, gradients, pruning, training."""

import copy

import numpy as np
import pytest
from helpers import assert_close, upstream

import tinyunet as tu
from tinyunet.gradcheck.suite import with_biases
from tinyunet.networks import PSPNet, SmallPSPNet, UNetPlusPlus
from tinyunet.networks.receptive_field import recorded_calls
from tinyunet.networks.resnet import Bottleneck
from tinyunet.networks.small import small_input

BCE_DICE = tu.BCEDiceLoss()


def nested(heads=3, **options):
    return UNetPlusPlus(
        2, 1, **{"channels": (3, 4, 5, 6), "dropout": 0.3, "heads": heads, **options}
    )


def pyramid(**options):
    return PSPNet(2, 3, **{"base_channels": 2, "blocks": (1, 1, 2, 1), "bins": (1, 3), **options})


def small(**options):
    return SmallPSPNet(**{"channels": (3, 4, 5), "dilations": (1, 2), "bins": (1, 3), **options})


def image(model, n=2, dtype="float32", seed=5):
    """Images whose sides differ."""
    rows, columns = model.sizes
    shape = (n, rows.first, columns.first + columns.step, model.in_channels)
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


NETWORKS = {
    "U-Net++": lambda: nested(heads=1, channels=(3, 4, 5)),
    "U-Net++, three heads": nested,
    "U-Net++, batch norm": lambda: nested(2, channels=(3, 4, 5), batch_norm=True),
    "PSPNet": pyramid,
    "PSPNet, two heads": lambda: pyramid(auxiliary=True, blocks=(1, 1, 1, 1), bins=(1, 2)),
    "PSPNet, small": small,
    "PSPNet, small, no pyramid": lambda: small(bins=()),
}
both = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS.keys())


# ---------------------------------------------------------------------- counts


def test_a_nested_unet_has_the_published_number_of_parameters():
    assert UNetPlusPlus().num_parameters == 9_041_601
    model = UNetPlusPlus(heads=4)
    assert model.num_parameters == 9_041_700
    pruned = [model.pruned(level).num_parameters for level in (1, 2, 3, 4)]
    assert pruned == [100_961, 511_105, 2_204_961, 9_041_601]


def test_a_pspnet_has_the_published_number_of_parameters():
    model = PSPNet()
    assert model.num_parameters == 46_782_550
    norms = [a.size for name, a in model.named_parameters() if ".norm." in name]
    assert sum(norms) == 58_624
    running = [a.size for name, a in model.named_buffers() if "running" in name]
    assert sum(running) == 58_624
    biases = [n for n, _ in model.named_parameters() if n.endswith("bias") and ".norm." not in n]
    assert biases == ["head.2.bias"]
    # PSPNet101 has 17 more bottlenecks in stage 4; 21 classes save 129 rows of the last convolution.
    more = Bottleneck(1024, 256, dilation=2).num_parameters
    assert 46_782_550 + 17 * more == 65_774_678
    assert model.head.layers[2].num_parameters == 150 * (512 + 1)
    assert 46_782_550 - 129 * (512 + 1) == 46_716_373


def test_an_auxiliary_head_adds_the_published_number_of_parameters():
    from tinyunet.networks.pspnet import head

    rng = np.random.default_rng(0)
    assert head(1024, 256, 150, 0.1, rng).num_parameters == 2_398_358
    assert head(1024, 256, 21, 0.1, rng).num_parameters == 2_365_205
    without, model = pyramid(), pyramid(auxiliary=True)
    assert model.num_parameters == without.num_parameters + model.auxiliary.num_parameters
    others = dict(model.named_parameters())
    for name, array in without.named_parameters():
        np.testing.assert_array_equal(others[name], array)


def test_small_pyramids_have_the_pilots_numbers_of_parameters():
    def count(**options):
        return SmallPSPNet(**options).num_parameters

    assert count() == 48_899
    assert count(bins=(1,)) == 41_171
    assert count(bins=()) == count(bins=(), dilations=(2, 4)) == 38_595
    assert count(bins=(), dilations=(2, 4, 8)) == 47_875


# ---------------------------------------------------------------------- sizes


def test_the_sides_and_fields_of_the_papers_pspnet():
    model = PSPNet(1, 2, base_channels=1)
    x = np.zeros((1, 473, 473, 1), np.float32)
    with recorded_calls(model, x) as calls:
        assert model.predict(x).shape == (1, 473, 473, 2)
    sides = {name: y.shape[1] for name, _, y, _ in calls.made}
    fields = {name: calls.field(i) for i, (name, *_) in enumerate(calls.made)}
    assert sides["stages.0.0.relu"] == sides["stages.0.2.relu"] == 237
    assert sides["stages.0.3"] == sides["stages.1.2.relu"] == 119
    assert sides["stages.2.0.relu"] == sides["stages.3.5.relu"] == sides["stages.4.2.relu"] == 60
    assert [sides[f"pyramid.means.{i}"] for i in range(4)] == [1, 2, 3, 6]
    assert sides["pyramid.join"] == sides["head.2"] == 60
    assert fields["stages.4.2.relu"] == (487, 487)
    layers = dict(model.named_layers())
    dilations = [layers[f"stages.{s}.0.middle.conv"].geometry.dilation[0] for s in (1, 2, 3, 4)]
    assert dilations == [1, 1, 2, 4]
    channels = [
        y.shape[3] for name, _, y, _ in calls.made if name in ("pyramid.join", "head.0.relu")
    ]
    assert channels == [64, 8]  # 4096 and 512 for 64 base channels


def test_which_sizes_are_taken():
    assert pyramid().valid_input_sizes(40) == [9, 17, 25, 33]
    assert SmallPSPNet(channels=(2, 2, 2)).valid_input_sizes(15) == [5, 9, 13]
    assert nested().valid_input_sizes(30) == [8, 16, 24]
    with pytest.raises(ValueError, match=r"PSPNet cannot .* height 472: .* are 465 or 473"):
        PSPNet(1, 2, base_channels=1).predict(np.zeros((1, 472, 473, 1), np.float32))
    with pytest.raises(ValueError, match=r"channels=.* width 20: .* are 16 or 24"):
        nested()(np.zeros((1, 8, 20, 2), np.float32))
    assert (pyramid().tile_stride, nested().tile_stride) == (8, 8)
    assert not nested().shrinks


def test_a_block_of_a_nested_unet_sees_no_further_than_it_says():
    model = UNetPlusPlus(1, 1, channels=(2, 2, 2), dropout=0).astype("float64")
    for _, array in model.named_parameters():
        array[...] = abs(array) + 0.01
    y = model(np.full((1, 64, 64, 1), 0.5))
    dy = np.zeros_like(y)
    dy[:, 28:32, 28:32] = 1
    seen = np.nonzero(model.backward(dy).any((0, 2, 3)))[0]
    assert model.reach == 24
    assert 28 - seen.min() <= 24
    assert seen.max() - 31 <= 24
    assert max(28 - seen.min(), seen.max() - 31) > 16  # and nearly as far


@pytest.mark.parametrize(
    "make", [lambda: small(bins=(), dtype="float64"), lambda: pyramid(bins=())]
)
def test_how_far_a_network_without_a_pyramid_sees(make):
    model = make().astype("float64")
    for name, array in model.named_parameters():
        if name.endswith("weight"):
            array[...] = abs(array) + 0.01
    for _, layer in model.named_layers():
        if isinstance(layer, tu.BatchNorm2d):
            layer.statistics = "running"  # those of the batch depend on all pixels
        if isinstance(layer, tu.Conv2d):
            layer.algorithm = "im2col"  # Winograd's zeros are not exact
    step, side = model.tile_stride, 2 * model.reach + 4 * model.tile_stride
    y = model(np.full((1, *model.input_size(side, side), model.in_channels), 0.5))
    dy, middle = np.zeros_like(y), side // 2 // step * step + step // 2
    dy[:, middle, middle] = 1
    seen = np.nonzero(model.backward(dy).any((0, 2, 3)))[0]
    far = max(middle - seen.min(), seen.max() - middle)
    assert model.reach - step < far <= model.reach


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (UNetPlusPlus, {"heads": 3}, "heads must be 1 or 4"),
        (UNetPlusPlus, {"channels": (8,)}, "channels must be two numbers or more"),
        (PSPNet, {"blocks": (1, 1, 1)}, "blocks must be four"),
        (PSPNet, {"base_channels": 1, "stride_in": "2x2"}, "stride_in must be"),
        (SmallPSPNet, {"dilations": ()}, "dilations must be"),
    ],
)
def test_impossible_settings_are_refused(make, options, words):
    with pytest.raises(ValueError, match=words):
        make(**options)


# ---------------------------------------------------------------------- gradients


CHECKED = {
    name: make for name, make in NETWORKS.items() if name != "PSPNet"
}  # it has two heads, too


@pytest.mark.parametrize("make", CHECKED.values(), ids=CHECKED.keys())
def test_all_gradients_agree_with_finite_differences(make):
    model = make()
    report = tu.check_gradients(
        with_biases(model, np.random.default_rng(1)), image(model), samples=2
    )
    assert report.passed, str(report)


@pytest.mark.parametrize("options", [{"stride": 2, "stride_in": "3x3"}, {"stride": 2}, {}])
def test_a_bottleneck_agrees_with_finite_differences(options):
    block = with_biases(Bottleneck(8, 2, dilation=2, **options), np.random.default_rng(1))
    assert (block.around is None) == (not options)
    x = np.random.default_rng(2).standard_normal((2, 6, 5, 8))
    report = tu.check_gradients(block, x, samples=4)
    assert report.passed, str(report)


@both
def test_gradients_of_parameters_alone_are_the_same(make):
    model, twin = make(), make()
    x = image(model)
    dys = [upstream(y, 8) for y in heads(model(x))]
    heads(twin(x))
    dys = dys if len(dys) > 1 else dys[0]
    assert model.backward(dys) is not None
    assert twin.backward(dys, input_gradient=False) is None
    whole, alone = dict(model.named_gradients()), dict(twin.named_gradients())
    assert whole.keys() == alone.keys() == dict(model.named_parameters()).keys()
    for name, gradient in whole.items():
        np.testing.assert_array_equal(alone[name], gradient)


def heads(y):
    return y if isinstance(y, list) else [y]


@both
def test_on_each_device(make, xp, device):
    """The strict double of CuPy, or a GPU, gives the host's numbers."""
    model = make().astype("float64")
    there = copy.deepcopy(model).to(device)
    x = image(model, dtype="float64")
    ours, theirs = heads(model(x)), heads(there(xp.asarray(x)))
    dys = [upstream(y) for y in ours]
    dx = model.backward(dys if len(dys) > 1 else dys[0])
    dys = [xp.asarray(dy) for dy in dys]
    dx_there = there.backward(dys if len(dys) > 1 else dys[0])
    for y, z in zip([dx, *ours], [dx_there, *theirs], strict=True):
        assert_close(z, y, 1e-12)
    gradients = dict(there.named_gradients())
    for name, gradient in model.named_gradients():
        assert_close(gradients[name], gradient, 1e-11, name)


@both
def test_backward_leaves_what_it_is_given(make):
    model = make()
    dys = [upstream(y) for y in heads(model(image(model)))]
    kept = copy.deepcopy(dys)
    model.backward(dys if len(dys) > 1 else dys[0])
    for dy, before in zip(dys, kept, strict=True):
        np.testing.assert_array_equal(dy, before)


def test_a_head_alone_leaves_the_nodes_behind_it_without_gradient():
    model = nested(dropout=0)
    y = model(image(model))
    model.backward([upstream(y[0]), np.zeros_like(y[1]), np.zeros_like(y[2])])
    for name, gradient in model.named_gradients():
        level, step = name.split(".")[1:3] if name.startswith("nodes") else (0, 0)
        if int(level) + int(step) > 1:
            assert not gradient.any(), name
    assert dict(model.named_gradients())["nodes.1.0.conv1.weight"].any()


@pytest.mark.parametrize(("make", "count"), [(nested, 3), (lambda: pyramid(auxiliary=True), 2)])
def test_backward_asks_for_a_gradient_of_every_head(make, count):
    model = make()
    y = model(image(model))
    assert isinstance(y, list)
    assert len(y) == count
    with pytest.raises(ValueError, match=f"list of {count} gradients.* got one ndarray"):
        model.backward(y[0])
    with pytest.raises(ValueError, match=f"list of {count} gradients.* got 1"):
        model.backward(y[:1])


# ---------------------------------------------------------------------- heads


def test_several_heads_answer_in_training_and_the_last_in_eval():
    model = nested()
    x = image(model)
    assert [y.shape for y in model(x)] == [(2, 8, 16, 1)] * 3
    assert model.predict(x).shape == (2, 8, 16, 1)
    model.eval()
    every = model(x, every_head=True)
    np.testing.assert_array_equal(every[-1], model(x))
    assert nested(heads=1)(x).shape == (2, 8, 16, 1)
    auxiliary = pyramid(auxiliary=True)
    x = image(auxiliary)
    assert [y.shape for y in auxiliary(x)] == [(2, 9, 17, 3)] * 2
    assert auxiliary.predict(x).shape == (2, 9, 17, 3)


@pytest.mark.parametrize("options", [{}, {"batch_norm": True}, {"dtype": "float64"}])
def test_a_pruned_network_answers_as_the_head_bit_for_bit(options):
    model = with_biases(nested(**options), np.random.default_rng(2))
    x = image(model, dtype=model.dtype)
    model(x)  # moves running statistics
    every = model.eval()(x, every_head=True)
    for level, logits in enumerate(every, 1):
        part = model.pruned(level)
        assert (part.training, part.dtype) == (False, model.dtype)
        assert part.config["channels"] == [3, 4, 5, 6][: level + 1]
        np.testing.assert_array_equal(part(x), logits)
        assert part.sizes[0].step == 2**level


def test_a_pruned_network_is_one_of_its_own(tmp_path):
    model = nested()
    part = model.pruned(2)
    for _, array in part.named_parameters():
        array += 1
    again = model.pruned(2)
    assert not np.array_equal(part.heads[0].params["weight"], again.heads[0].params["weight"])
    tu.save(tmp_path / "part.npz", again)
    x = image(again)
    np.testing.assert_array_equal(tu.load(tmp_path / "part.npz").predict(x), again.predict(x))
    with pytest.raises(ValueError, match=r"level must be from 1 to 3, .* got 4"):
        model.pruned(4)
    with pytest.raises(ValueError, match=r"level must be from 3 to 3, .* got 1"):
        nested(heads=1).pruned(1)


# ---------------------------------------------------------------------- what a network can do


@both
def test_it_is_saved_and_copied(make, tmp_path):
    model = make()
    x = image(model)
    model(x)
    tu.save(tmp_path / "m.npz", model)
    loaded, twin = tu.load(tmp_path / "m.npz"), copy.deepcopy(model)
    assert type(loaded) is type(model)
    first = heads(model(x))
    for other in (loaded, twin):  # also the next dropout masks
        for y, expected in zip(heads(other(x)), first, strict=True):
            np.testing.assert_array_equal(y, expected)
        for (name, array), (_, expected) in zip(
            other.named_state(), model.named_state(), strict=True
        ):
            np.testing.assert_array_equal(array, expected, err_msg=name)


@both
def test_it_learns_predicts_and_is_scored(make):
    model = make()
    rng = np.random.default_rng(3)
    data = tu.data.Dataset(
        [rng.random((30, 35, model.in_channels), np.float32) for _ in range(4)],
        [rng.integers(0, max(2, model.num_classes), (30, 35)) for _ in range(4)],
    )
    loss = tu.BCEDiceLoss() if model.num_classes == 1 else tu.SoftmaxCrossEntropy()
    if isinstance(model(image(model)), list):
        loss = tu.DeepSupervision(loss)
    before = model.state_dict()
    history = tu.fit(
        model, data, data, loss=loss, steps=2, batch_size=2, schedule="poly", progress=False
    )
    assert np.isfinite(history.loss).all()
    assert all(not np.array_equal(before[n], a) for n, a in model.named_parameters())
    classes = max(2, model.num_classes)
    whole = tu.predict_image(model, data.images[0])
    assert whole.shape == (30, 35, classes)
    large = rng.random((90, 97, model.in_channels), np.float32)
    tiles = tu.predict_image(model, large, tile=model.input_size(76, 76))
    assert tiles.shape == (90, 97, classes)
    np.testing.assert_allclose(tiles.sum(2), 1, rtol=1e-5)
    assert len(tu.evaluate(model, data)) == 4


def test_minutes_are_calibrated_with_several_heads():
    model = nested(channels=(2, 2), heads=1)
    several = nested(channels=(2, 2, 2), heads=2)
    rng = np.random.default_rng(3)
    data = tu.data.Dataset([rng.random((16, 16, 2), np.float32)], [rng.integers(0, 2, (16, 16))])
    for net, loss in ((model, BCE_DICE), (several, tu.DeepSupervision(BCE_DICE))):
        history = tu.fit(
            net, data, loss=loss, minutes=0.002, batch_size=1, progress=False, augment=False
        )
        assert history.total_steps > 0


def test_tiles_without_a_pyramid_meet_the_strides_at_the_same_places():
    model = SmallPSPNet(channels=(3, 4, 5), dilations=(1,), bins=(), dtype="float64").eval()
    x = np.random.default_rng(0).standard_normal((1, 97, 97, 1))
    whole, part = model(x), model(x[:, 24:85, 28:89])
    assert_close(part[:, 20:41, 20:41], whole[:, 44:65, 48:69], 1e-12)


@pytest.mark.parametrize("make", [nested, pyramid, lambda: pyramid(auxiliary=True)])
def test_it_is_summarized(make):
    model = make()
    summary = tu.networks.summarize(model)
    assert summary.parameters == model.num_parameters
    assert summary.output_shape == (*summary.input_shape[:2], model.num_classes)
    assert f"{model.num_parameters:,} parameters" in str(summary)


def test_a_network_with_batch_norm_is_checked_on_two_images():
    assert small_input(pyramid()) == (2, 17, 25, 2)
    assert small_input(nested()) == (1, 16, 24, 2)


def test_a_loss_of_one_head_says_what_takes_several():
    model = nested()
    labels = np.zeros((2, 8, 16), int)
    with pytest.raises(TypeError, match=r"got 3: give DeepSupervision\(BCEDiceLoss\(\)\)"):
        BCE_DICE(model(image(model)), labels)


class Wrong(UNetPlusPlus, known=False):
    def backward(self, dy, **options):
        return super().backward([dy[0], 1.01 * dy[1]], **options)


def test_a_wrong_gradient_of_one_head_is_found():
    model = Wrong(channels=(2, 3, 3), heads=2)
    assert not tu.check_gradients(model, image(model), samples=2).passed
