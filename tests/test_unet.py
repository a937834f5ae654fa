"""The U-Net: the paper's counts and sizes, and every size it accepts."""

import numpy as np
import pytest
from helpers import assert_same, run

import tinyunet as tu

PADDINGS = ["valid", "same"]


@pytest.fixture(scope="module")
def paper():
    return tu.UNet()


def narrow(depth=4, padding="valid", **options):
    """A network as thin as possible, to run images of any size."""
    return tu.UNet(base_channels=1, depth=depth, padding=padding, **options)


def images(height, width, channels=1):
    return np.random.default_rng(0).standard_normal((1, height, width, channels)).astype("float32")


# ---------------------------------------------------------------------- the paper's network


def test_the_papers_parameters(paper):
    assert paper.num_parameters == 31_030_658
    assert len(list(paper.named_parameters())) == 46
    assert {array.dtype.name for _, array in paper.named_parameters()} == {"float32"}


@pytest.mark.parametrize("skip", ["sum", "none"])
def test_parameters_without_concatenation(skip):
    assert tu.UNet(skip=skip).num_parameters == 27_897_218


def test_parameters_of_the_encoder(paper):
    names = ("encoder.", "bottom.")
    sizes = [array.size for name, array in paper.named_parameters() if name.startswith(names)]
    assert sum(sizes) == 18_842_048


def test_the_papers_channels(paper):
    shapes = {name: array.shape for name, array in paper.named_parameters()}
    assert shapes["encoder.0.conv1.weight"] == (3, 3, 1, 64)
    assert shapes["encoder.3.conv2.weight"] == (3, 3, 512, 512)
    assert shapes["bottom.conv1.weight"] == (3, 3, 512, 1024)
    assert shapes["ups.3.weight"] == (1024, 2, 2, 512)
    assert shapes["decoder.3.conv1.weight"] == (3, 3, 1024, 512)
    assert shapes["decoder.0.conv2.weight"] == (3, 3, 64, 64)
    assert shapes["head.weight"] == (1, 1, 64, 2)


def test_the_papers_sizes(paper):
    assert paper.output_size(572, 572) == (388, 388)
    assert paper.output_size(188, 188) == (4, 4)
    assert paper.output_size(572, 188) == (388, 4)
    assert paper.input_size(388, 388) == (572, 572)
    assert paper.valid_input_sizes(572)[:2] == [188, 204]
    assert paper.valid_input_sizes(572)[-1] == 572
    assert paper.valid_input_sizes(187) == []


@pytest.mark.parametrize(("size", "expected"), [((188, 188), (4, 4)), ((572, 572), (388, 388))])
def test_the_papers_sizes_by_running(size, expected):
    assert narrow().predict(images(*size)).shape == (1, *expected, 2)


def test_the_papers_sides_level_by_level():
    # As printed in the paper's figure, for 572 pixels.
    model = narrow().eval()
    sides, x = [], images(572, 572)
    for block, pool in zip(model.encoder, model.pools, strict=True):
        x = block(x)
        sides.append(x.shape[1])
        x = pool(x)
    sides.append(model.bottom(x).shape[1])
    assert sides == [568, 280, 136, 64, 28]


# ---------------------------------------------------------------------- all sizes


def size_by_simulation(side, depth, padding):
    """The output's side by going through the layers in integers; None where one refuses."""
    lost = 4 if padding == "valid" else 0
    across = []
    for _ in range(depth):
        side -= lost
        across.append(side)
        if side < 2 or side % 2:
            return None
        side //= 2
    side -= lost
    if side < 1:
        return None
    for _ in range(depth):
        side *= 2
        if side > across.pop():
            return None
        side -= lost
        if side < 1:
            return None
    return side


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_every_size_up_to_1000_by_formula(depth, padding):
    model = narrow(depth, padding)
    expected = {side: size_by_simulation(side, depth, padding) for side in range(1, 1001)}
    valid = [side for side, output in expected.items() if output is not None]
    assert model.valid_input_sizes(1000) == valid
    for side in range(1, 1001):
        if expected[side] is not None:
            assert model.output_size(side, valid[0]) == (expected[side], expected[valid[0]])
            assert model.output_size(valid[0], side) == (expected[valid[0]], expected[side])
        else:
            with pytest.raises(ValueError):
                model.output_size(side, valid[0])
            with pytest.raises(ValueError):
                model.output_size(valid[0], side)


@pytest.mark.parametrize("padding", PADDINGS)
def test_every_size_up_to_1000_by_running(padding):
    # A long narrow image goes through the same arithmetic as a square one, at a fraction of the time.
    model = narrow(padding=padding)
    least = model.valid_input_sizes(1000)[0]
    for side in model.valid_input_sizes(1000):
        height, width = model.output_size(side, least)
        assert model.predict(images(side, least)).shape == (1, height, width, 2)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_input_size_is_the_smallest_that_covers(depth, padding):
    model = narrow(depth, padding)
    outputs = {side: model.output_size(side, side)[0] for side in model.valid_input_sizes(800)}
    for wanted in range(1, 500):
        smallest = min(side for side, output in outputs.items() if output >= wanted)
        assert model.input_size(wanted, 1) == (smallest, model.input_size(1, 1)[0])
        assert model.input_size(1, wanted)[1] == smallest


@pytest.mark.parametrize(
    ("padding", "side", "nearest"),
    [
        ("valid", 571, "556 or 572"),
        ("valid", 573, "572 or 588"),
        ("valid", 580, "572 or 588"),
        ("valid", 172, "188"),
        ("valid", 1, "188"),
        ("same", 100, "96 or 112"),
        ("same", 15, "16"),
    ],
)
def test_a_wrong_size_names_the_nearest(padding, side, nearest):
    model = narrow(padding=padding)
    right = model.valid_input_sizes(200)[0]
    for what, size in (("height", (side, right)), ("width", (right, side))):
        message = f"of {what} {side}: the nearest valid sizes are {nearest}$"
        with pytest.raises(ValueError, match=message):
            model.output_size(*size)
        with pytest.raises(ValueError, match=message):
            model(images(*size))


def test_same_padding_keeps_the_size():
    assert narrow(3, "same").predict(images(24, 40)).shape == (1, 24, 40, 2)


def test_rectangles_and_batches():
    model = narrow(2, in_channels=3, num_classes=5)
    x = np.concatenate([images(44, 60, 3), images(44, 60, 3)[:, ::-1]])
    y = model.predict(x)
    assert y.shape == (2, *model.output_size(44, 60), 5)
    np.testing.assert_allclose(y[1:], model.predict(x[1:]), rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------- weights


def test_he_initialisation(paper):
    for name, array in paper.named_parameters():
        if name.endswith("bias"):
            assert not array.any()
            continue
        # Incoming numbers of one output: kh * kw * C_in; in an up-convolution one pixel's C_in.
        fan_in = array.shape[0] if name.startswith("ups") else np.prod(array.shape[:3])
        expected = np.sqrt(2 / fan_in)
        spread = 5 / np.sqrt(2 * array.size)  # 5 standard errors of a standard deviation
        assert array.std() == pytest.approx(expected, rel=spread)
        assert abs(array.mean()) < 5 * expected / np.sqrt(array.size)


def test_activations_keep_their_size():
    # The point of that initialisation: depth neither blows activations up nor dries them out.
    logits = tu.UNet(base_channels=16, padding="same").predict(images(64, 64))
    assert 0.1 < logits.std() < 10


def test_the_same_seed_gives_the_same_weights():
    first, same, other = (dict(narrow(2, seed=s).named_parameters()) for s in (3, 3, 4))
    for name, array in first.items():
        np.testing.assert_array_equal(array, same[name])
        if name.endswith("weight"):
            assert not np.array_equal(array, other[name])


def test_no_two_layers_share_weights():
    weights = [
        w.ravel()[0] for name, w in tu.UNet(base_channels=2).named_parameters() if w.ndim > 1
    ]
    assert len(set(weights)) == len(weights)


def test_dtype():
    model = narrow(1, dtype="float64")
    assert {array.dtype.name for _, array in model.named_parameters()} == {"float64"}
    assert model.predict(images(20, 20).astype("float64")).dtype == "float64"


def test_float64_weights_are_those_of_float32():
    for (_, a), (_, b) in zip(
        narrow(1).named_parameters(), narrow(1, dtype="float64").named_parameters(), strict=True
    ):
        np.testing.assert_array_equal(a, b.astype("float32"))


# ---------------------------------------------------------------------- settings


def test_dropout_sits_at_the_end_of_the_contracting_path():
    model = narrow(3, "same", dropout=0.5)
    names = [name for name, layer in model.named_layers() if isinstance(layer, tu.Dropout)]
    assert names == ["encoder.2.dropout", "bottom.dropout"]
    x = images(16, 16)
    assert not np.array_equal(model(x), model(x))
    np.testing.assert_array_equal(model.predict(x), model.predict(x))


def test_dropout_does_not_change_the_weights():
    for (_, a), (_, b) in zip(
        narrow(2).named_parameters(), narrow(2, dropout=0.5).named_parameters(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_same_seed_gives_the_same_masks():
    x = images(16, 16)
    first, second = (narrow(2, "same", dropout=0.5, seed=7)(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_skips_matter():
    x = images(16, 16)
    model = narrow(2, "same", seed=1)
    y = model.predict(x)
    first = model.decoder[0].conv1.params["weight"]
    first[:, :, :1] = 0  # what the encoder's features are multiplied with
    assert not np.array_equal(model.predict(x), y)


def test_encoder_features_come_first_in_the_concatenation():
    skip = tu.UNet(base_channels=1, depth=1).skips[0]
    joined = skip(np.zeros((1, 6, 6, 1)), np.ones((1, 2, 2, 2)))
    np.testing.assert_array_equal(joined[0, 0, 0], [0, 1, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_channels": 0}, "base_channels must be at least 1, got 0"),
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"padding": "full"}, 'padding must be "valid" or "same", got \'full\''),
        ({"padding": 1}, 'padding must be "valid" or "same", got 1'),
        ({"skip": "add"}, 'skip must be "concat", "sum" or "none", got \'add\''),
        ({"dropout": 1.0}, "p must be at least 0 and below 1, got 1.0"),
        ({"dtype": "float16"}, "dtype must be float32 or float64, got float16"),
        ({"in_channels": 0}, "at least 1 channel"),
        ({"num_classes": 0}, "at least 1 channel"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        tu.UNet(**{"base_channels": 1, **options})


def test_wrong_images():
    model = narrow(1, in_channels=3)
    with pytest.raises(ValueError, match=r"UNet\(in_channels=3.* got an input with 1 channel"):
        model(images(20, 20))
    with pytest.raises(TypeError, match="float32 on the cpu but got an input in float64"):
        model(images(20, 20, 3).astype("float64"))
    with pytest.raises(ValueError, match=r"\(N, H, W, C\)"):
        model(images(20, 20, 3)[0])


def test_config_makes_the_same_network():
    model = tu.UNet(2, 3, base_channels=2, depth=2, padding="same", skip="sum", dropout=0.1, seed=5)
    twin = tu.UNet(**model.config)
    for (name, array), (twin_name, twin_array) in zip(
        model.named_parameters(), twin.named_parameters(), strict=True
    ):
        assert name == twin_name
        np.testing.assert_array_equal(array, twin_array)


def test_config_follows_the_dtype():
    # What is saved with the weights must say what they are.
    model = narrow(1).astype("float64")
    assert model.config["dtype"] == "float64"


# ---------------------------------------------------------------------- backward


@pytest.mark.parametrize("skip", ["concat", "sum", "none"])
def test_one_backward_fills_every_gradient(skip):
    model = narrow(2, "same", skip=skip)
    result = run(model, [images(8, 12)])
    assert result.grads.keys() == dict(model.named_parameters()).keys()
    assert result.dx[0].shape == (1, 8, 12, 1)


def test_devices_agree_on_training_steps(xp, device):
    x, labels = images(16, 16), (images(16, 16)[..., 0] > 0).astype(int)
    expected, model = (narrow(2, "same", dropout=0.2) for _ in range(2))
    model.to(device)
    losses = []
    for net, put in ((expected, np.asarray), (model, xp.asarray)):
        loss, optimizer = tu.SoftmaxCrossEntropy(), tu.Adam(net, 0.01)
        for _ in range(3):
            losses.append(loss(net(put(x)), put(labels)))
            net.backward(loss.backward(), input_gradient=False)
            optimizer.step()
    assert losses[3:] == pytest.approx(losses[:3], rel=1e-4)
    assert losses[2] < losses[0]


def test_a_batch_is_the_sum_of_its_images():
    model = narrow(1, "same", dtype="float64")
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 1))
    both = run(model, [x])
    dy = np.random.default_rng(3).standard_normal(both.y.shape)  # what `run` drew
    parts = [run(model, [x[i : i + 1]], dy[i : i + 1]) for i in range(2)]
    summed = {name: parts[0].grads[name] + parts[1].grads[name] for name in both.grads}
    dx = (np.concatenate([part.dx[0] for part in parts]),)
    y = np.concatenate([part.y for part in parts])
    assert_same(both, both._replace(y=y, dx=dx, grads=summed), 1e-12)
