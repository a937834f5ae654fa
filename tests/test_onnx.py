"""Networks as ONNX files compute the same, say what they are, and refuse what they cannot hold."""

import json
import sys

import numpy as np
import pytest
from exporting import Channels, computed, difference, session, shaken

import tinyunet as tu
from tinyunet.networks.small import small_networks

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

n = tu.networks
HEAD = [(6, 3), (5, 1)]
# name: what makes the network, and two images' (height, width)
OTHERS = {
    "FCN-8s": (
        lambda: n.FCN(3, 4, stride=8, base_channels=2, head=HEAD), ((40, 53), (61, 38)),
    ),
    "FCN-16s, same": (
        lambda: n.FCN(
            1, 1, stride=16, base_channels=2, head=HEAD, padding="same", batch_norm=True, at_once=True
        ),
        ((40, 53), (67, 35)),
    ),
    "VGG16": (
        lambda: n.VGG16(3, 4, base_channels=2, head=[(6, 2), (5, 1)]), ((64, 96), (128, 64)),
    ),
    "SegNet": (
        lambda: n.SegNet(3, 4, widths=[2, 3, 4], convolutions=[1, 2, 1]), ((37, 50), (22, 41)),
    ),
    "SegNet, bilinear": (
        lambda: n.SegNet(1, 2, widths=[2, 3], convolutions=[1, 2], unpool="bilinear"),
        ((16, 12), (8, 20)),
    ),
    "SegNet-Basic": (lambda: n.SegNetBasic(1, 2, widths=[3, 3, 4]), ((23, 34), (18, 50))),
    "PSPNet, one bin": (
        lambda: n.PSPNet(3, 4, base_channels=2, blocks=(1, 1, 1, 1), bins=(1,)),
        ((41, 57), (33, 65)),
    ),
    "PaintsChainer's judge": (
        lambda: n.PaintsChainerDiscriminator(3, widths=[2, 3], size=16), ((16, 24), (20, 32)),
    ),
}  # fmt: skip
FOR_ONE_SIZE = ("pix2pix", "PSPNet, small")
SMALL = {
    name: (make, (shape[1:3], (shape[1] * 2, shape[2] * 2) if "valid" not in name else (60, 44)))
    for name, (make, shape) in small_networks().items()
    if not name.startswith(FOR_ONE_SIZE)
}


def image(model, height, width, batch=2):
    x = np.random.default_rng(3).random((batch, height, width, model.in_channels))
    return x.astype(model.dtype)


@pytest.mark.parametrize("name", [*SMALL, *OTHERS])
def test_one_file_computes_what_the_network_does_for_images_of_any_size(name, tmp_path):
    make, sizes = (SMALL | OTHERS)[name]
    model = shaken(make(), np.random.default_rng(1))
    assert tu.export_onnx(model, tmp_path / "x.onnx") == []
    for batch, size in zip((1, 3), sizes, strict=True):
        assert difference(model, tmp_path / "x.onnx", image(model, *size, batch)) < 5e-6


def test_exporting_leaves_a_network_as_it_was(tmp_path):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=0.5)
    assert model.sizes
    before = {k: set(vars(layer)) for k, layer in model.named_layers()}
    x = image(model, 4, 6)
    y = model.forward(x)
    tu.export_onnx(model, tmp_path / "x.onnx")
    model.backward(np.ones_like(model.forward(x)))
    assert model.training
    assert {k: set(vars(layer)) for k, layer in model.named_layers()} == before
    assert not np.array_equal(model.forward(x), y)  # dropout draws on


def test_probabilities_are_a_softmax_or_a_sigmoid(tmp_path):
    for classes in (3, 1):
        model = tu.UNet(1, classes, base_channels=2, depth=1, padding="same")
        tu.export_onnx(model, tmp_path / "x.onnx", probabilities=True)
        x = image(model, 8, 6, 1)
        (output,) = session(tmp_path / "x.onnx").get_outputs()
        assert output.name == "probabilities"
        p = computed(tmp_path / "x.onnx", x)[0]
        wanted = tu.predict_image(model, x[0])
        assert np.abs(p - wanted[..., -classes:]).max() < 1e-6
    model = n.PaintsChainer(2, 1, widths=(3, 4))
    with pytest.raises(ValueError, match="it has no probabilities"):
        tu.export_onnx(model, tmp_path / "x.onnx", probabilities=True)
    tu.export_onnx(model, tmp_path / "x.onnx")
    assert session(tmp_path / "x.onnx").get_outputs()[0].name == "picture"


def test_a_file_of_float64_is_one_of_float64(tmp_path):
    model = shaken(
        tu.UNet(1, 2, base_channels=2, depth=1, dtype="float64"), np.random.default_rng(0)
    )
    (note,) = tu.export_onnx(model, tmp_path / "x.onnx")
    assert 'astype("float32")' in note
    assert difference(model, tmp_path / "x.onnx", image(model, 18, 20)) < 1e-14


def test_the_file_says_what_it_is(tmp_path):
    model = tu.UNet(1, 2, base_channels=2, depth=1)
    tu.export_onnx(model, tmp_path / "x.onnx", threshold=0.35, class_names=["none", "cell"])
    file = onnx.load(tmp_path / "x.onnx")
    about = {entry.key: entry.value for entry in file.metadata_props}
    assert about["network"] == "UNet"
    assert about["tinyunet"] == tu.__version__
    again = tu.UNet.from_config(json.loads(about["config"]))
    assert again.num_parameters == model.num_parameters
    assert json.loads(about["threshold"]) == 0.35
    assert json.loads(about["class_names"]) == ["none", "cell"]
    assert (file.opset_import[0].version, file.ir_version) == (17, 8)
    assert [d.dim_param or d.dim_value for d in file.graph.input[0].type.tensor_type.shape.dim] == [
        "n", "height", "width", 1,
    ]  # fmt: skip
    names = {array.name for array in file.graph.initializer}
    assert {"encoder.0.conv1.weight", "head.bias"} <= names


def test_a_network_that_no_file_can_hold_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("tinyunet.exchange.onnx_file.LARGEST", 1000)
    with pytest.raises(
        ValueError, match=r"holds 1\.\de-06 GB of numbers, and an ONNX file takes less"
    ):
        tu.export_onnx(tu.UNet(1, 2, base_channels=2, depth=1), tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_a_size_may_be_one_side(tmp_path):
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    tu.export_onnx(model, tmp_path / "x.onnx", size=8)
    assert session(tmp_path / "x.onnx").get_inputs()[0].shape[1:3] == [8, 8]
    with pytest.raises(ValueError, match="size must be at least 1"):
        tu.export_onnx(model, tmp_path / "x.onnx", size=(0, 8))


def test_same_padding_needs_no_crop(tmp_path):
    tu.export_onnx(tu.UNet(1, 2, base_channels=2, depth=2, padding="same"), tmp_path / "x.onnx")
    kinds = {node.op_type for node in onnx.load(tmp_path / "x.onnx").graph.node}
    assert kinds == {"Transpose", "Conv", "Relu", "MaxPool", "ConvTranspose", "Concat"}


# ---------------------------------------------------------------------- one size


def test_a_network_with_several_bins_is_for_one_size_and_says_so(tmp_path):
    model = shaken(n.SmallPSPNet(1, 3, channels=(3, 4, 5), bins=(1, 3)), np.random.default_rng(0))
    (note,) = tu.export_onnx(model, tmp_path / "x.onnx")
    assert note.startswith("the file is for images of 257x257 alone, because pyramid.means.1 takes")
    assert session(tmp_path / "x.onnx").get_inputs()[0].shape[1:3] == [257, 257]
    assert tu.export_onnx(model, tmp_path / "x.onnx", size=(21, 33)) == []
    assert difference(model, tmp_path / "x.onnx", image(model, 21, 33, 3)) < 5e-6
    with pytest.raises(ValueError, match="height 20: the nearest valid sizes are 17 or 21"):
        tu.export_onnx(model, tmp_path / "x.onnx", size=(20, 33))


def test_pix2pix_paints_by_an_images_own_statistics_and_drops_for_one_size(tmp_path):
    model = n.Pix2PixGenerator(2, 1, widths=(3, 4, 5))
    (note,) = tu.export_onnx(model, tmp_path / "x.onnx")
    assert note.startswith("dropout is left out")
    calm = n.Pix2PixGenerator(2, 1, widths=(3, 4, 5), dropout=0.0)
    assert tu.export_onnx(calm, tmp_path / "calm.onnx") == []
    x = image(model, 24, 16, 3)
    assert difference(calm, tmp_path / "calm.onnx", x) < 2e-5
    assert np.abs(computed(tmp_path / "x.onnx", x) - calm.predict(x)).max() < 2e-5
    assert tu.export_onnx(model, tmp_path / "x.onnx", size=(24, 16)) == []
    assert difference(model, tmp_path / "x.onnx", x) < 2e-5
    assert np.abs(model.predict(x) - calm.predict(x)).max() > 0.01


class Enlarging(tu.Network, known=False):
    def __init__(self, factor):
        super().__init__()
        self.up, self.back = tu.Upsample(scale_factor=factor), tu.Upsample()
        self.last = tu.Conv2d(1, 2, 1)

    def forward(self, x):
        return self.last(self.back(self.up(x), x.shape[1:3]))


def test_a_factor_that_float32_rounds_is_for_one_size(tmp_path):
    """Of 90 pixels 1.3 makes 117, and float32's 1.3 makes 116."""
    (note,) = tu.export_onnx(Enlarging(1.3), tmp_path / "x.onnx")
    assert "factor that ONNX rounds" in note
    model = Enlarging(1.3)
    assert tu.export_onnx(model, tmp_path / "x.onnx", size=(40, 30)) == []
    assert difference(model, tmp_path / "x.onnx", image(model, 40, 30)) < 5e-6
    with pytest.raises(ValueError, match="makes 117 pixels of 90, and an ONNX file would make 116"):
        tu.export_onnx(model, tmp_path / "x.onnx", size=90)
    for exact in (1.5, 2):
        model = Enlarging(exact)
        assert tu.export_onnx(model, tmp_path / "x.onnx") == []
        assert difference(model, tmp_path / "x.onnx", image(model, 33, 90)) < 5e-6


# ---------------------------------------------------------------------- networks of one's own


class Mine(tu.Network, known=False):
    def __init__(self, between=lambda y: y):
        super().__init__()
        self.first, self.last = tu.Conv2d(1, 4, padding="same"), tu.Conv2d(4, 2, 1)
        self.between = between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


class Doubled(tu.Layer):
    def forward(self, x):
        return x * 2


class SaysSo(Doubled):
    def write_nodes(self, graph, x):
        return graph.node("Mul", x, graph.constant(2.0))


class NotAnyMore(SaysSo):
    def forward(self, x):
        return x * 3


def in_place(y):
    y += 1
    return y


def mirrored_in_place(y):
    y[...] = y[..., ::-1].copy()  # in another order, and of the same sum
    return y


@pytest.mark.parametrize(
    ("between", "words"),
    [
        (mirrored_in_place, r"what last \(Conv2d\) gets is an array .* changed in place"),
        (lambda y: y + 1, r"what last \(Conv2d\) gets is an array .* that no layer made"),
        (lambda y: y[:, ::-1], r"what last \(Conv2d\) gets is an array .* that no layer made"),
        (in_place, r"what last \(Conv2d\) gets is an array .* changed in place"),
        (Doubled(), r"between \(Doubled\) does not say what it computes: .* method write_nodes"),
        (NotAnyMore(), r"between \(NotAnyMore\) does not say what it computes"),
    ],
)
def test_what_no_layer_says_is_refused_in_words(between, words, tmp_path):
    with pytest.raises(TypeError, match=words):
        tu.export_onnx(Mine(between), tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize("between", [SaysSo(), Channels(0, 4), tu.Sequential()])
def test_a_layer_of_ones_own_says_its_nodes(between, tmp_path):
    model = Mine(between)
    tu.export_onnx(model, tmp_path / "x.onnx")
    assert difference(model, tmp_path / "x.onnx", image(model, 9, 7)) < 5e-6


def test_a_layer_may_run_twice(tmp_path):
    class Twice(Mine, known=False):
        def forward(self, x):
            return self.last(self.same(self.same(self.first(x))))

    model = Twice()
    model.same = tu.Conv2d(4, 4, padding="same")
    tu.export_onnx(model, tmp_path / "x.onnx")
    assert difference(model, tmp_path / "x.onnx", image(model, 9, 7)) < 5e-6
    names = [array.name for array in onnx.load(tmp_path / "x.onnx").graph.initializer]
    assert names.count("same.weight") == 1
    assert not [name for name in names if name.startswith("same.weight_")]


@pytest.mark.parametrize("times", [1, 2])
def test_a_size_may_follow_from_that_of_an_earlier_array(times, tmp_path):
    class Sized(Mine, known=False):
        def forward(self, x):
            small = self.pool(self.first(x))
            size = tuple(times * side - (times == 1) for side in small.shape[1:3])
            return self.last(self.up(small, size))

        def output_size(self, height, width):
            return (height, width) if times == 2 else (height // 2 - 1, width // 2 - 1)

    model = Sized()
    model.pool, model.up = tu.MaxPool2d(2), tu.Upsample()
    model.sizes = (n.Sizes(8, 2, 0),) * 2
    tu.export_onnx(model, tmp_path / "x.onnx")
    for size in ((10, 14), (20, 8)):
        assert difference(model, tmp_path / "x.onnx", image(model, *size)) < 5e-6


def test_a_size_that_cannot_be_explained_is_refused_but_for_one_size(tmp_path):
    class Odd(Mine, known=False):
        def forward(self, x):
            return self.last(self.up(self.first(x), (x.shape[1] ** 2 % 7 + 1, 3)))

        def output_size(self, height, width):
            return height**2 % 7 + 1, 3

    model = Odd()
    model.up, model.sizes = tu.Upsample(), (n.Sizes(4, 1, 0),) * 2
    with pytest.raises(
        ValueError, match=r"up is given a size, .* that of no array before it: give"
    ):
        tu.export_onnx(model, tmp_path / "x.onnx")
    tu.export_onnx(model, tmp_path / "x.onnx", size=(9, 5))
    assert difference(model, tmp_path / "x.onnx", image(model, 9, 5)) < 5e-6


def test_a_plain_layer_is_a_network_too(tmp_path):
    model = tu.Sequential(tu.Conv2d(3, 4), tu.ReLU(), tu.Conv2d(4, 2, 1))
    tu.export_onnx(model, tmp_path / "x.onnx")
    assert computed(tmp_path / "x.onnx", np.zeros((2, 9, 8, 3), np.float32)).shape == (2, 7, 6, 2)


def test_without_the_package_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "tinyunet\[onnx\]"'):
        tu.export_onnx(Mine(), tmp_path / "x.onnx")
    with pytest.raises(ImportError, match=r"tinyunet\[onnx\]"):
        tu.export_web(Mine(), tmp_path / "page")
    assert not list(tmp_path.iterdir())
