"""Pages of networks, layers, masks and names of the user's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.inside import whatif
from tinyunet.inside.frame import frame, probabilities
from tinyunet.inside.paths import Paths
from tinyunet.inside.places import Viewer
from tinyunet.inside.record import record
from tinyunet.networks.receptive_field import IMAGE

IMAGE_16 = np.random.default_rng(9).random((16, 16, 1))


class Square(tu.Layer):
    """A layer that keeps its input in its own way."""

    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dy, *, input_gradient=True):
        return 2 * self.x * dy if input_gradient else None


class Noisy(tu.Layer):
    """A layer that draws in training."""

    def forward(self, x):
        y = x + np.random.default_rng(3).random(x.shape).astype(x.dtype) if self.training else x + 0
        self._keep(y)
        return y

    def backward(self, dy, *, input_gradient=True):
        self._take(dy)
        return dy


class OneJoin(tu.Network):
    """A U-Net that joins with one layer on both levels, and has a head for training alone."""

    def __init__(self):
        super().__init__()
        conv = {"padding": "same", "activation": "relu"}
        self.left, self.middle = tu.Conv2d(1, 2, **conv), tu.Conv2d(2, 2, **conv)
        self.bottom, self.join = tu.Conv2d(2, 2, **conv), tu.Concat()
        self.pools = [tu.MaxPool2d(2), tu.MaxPool2d(2)]
        self.ups = [tu.ConvTranspose2d(2, 2), tu.ConvTranspose2d(2, 2)]
        self.right, self.last = tu.Conv2d(4, 2, **conv), tu.Conv2d(4, 2, 1)
        self.beside = tu.Conv2d(2, 1, 1)

    def forward(self, x):
        left = self.left(x)
        middle = self.middle(self.pools[0](left))
        y = self.right(self.join(middle, self.ups[1](self.bottom(self.pools[1](middle)))))
        beside = self.beside(y)
        y = self.last(self.join(left, self.ups[0](y)))
        return [y, beside] if self.training else y


class Mean(tu.Layer):
    """Vectors (N, C): the mean of each channel."""

    def forward(self, x):
        self._keep(y := x.mean((1, 2)), x.shape)
        return y

    def backward(self, dy, *, input_gradient=True):
        (shape,) = self._take(dy)
        return np.broadcast_to(dy[:, None, None] / (shape[1] * shape[2]), shape).copy()


class Gate(tu.Layer):
    """x (N, H, W, C) times a gate (N, C), which comes by name, or in a list with it."""

    def forward(self, x, gate=None):
        x, gate = x if gate is None else (x, gate)
        self._keep(y := x * gate[:, None, None], x, gate)
        return y

    def backward(self, dy, *, input_gradient=True):
        x, gate = self._take(dy)
        return dy * gate[:, None, None], (dy * x).sum((1, 2))


class Gated(tu.Network):
    """Squeeze and excitation, in short."""

    def __init__(self, listed):
        super().__init__()
        self.listed = listed
        self.first, self.mean, self.gate = tu.Conv2d(1, 2, padding="same"), Mean(), Gate()
        self.last = tu.Conv2d(2, 2, 1)

    def forward(self, x):
        y = self.first(x)
        gate = self.mean(y)
        return self.last(self.gate([y, gate]) if self.listed else self.gate(y, gate=gate))

    def backward(self, dy, *, input_gradient=True):
        dy, dgate = self.gate.backward(self.last.backward(dy))
        return self.first.backward(dy + self.mean.backward(dgate), input_gradient=input_gradient)


class NoBackward(tu.Network):
    def __init__(self):
        super().__init__()
        self.first, self.last = tu.Conv2d(1, 2, padding="same"), tu.Conv2d(2, 2, 1)

    def forward(self, x):
        y = self.first(x)
        return self.last(y + y)


def lively(net):
    """The network in float64, with numbers that keep ReLUs alive."""
    net.astype("float64")
    for _, array in net.named_parameters():
        array[...] = np.random.default_rng(0).uniform(-0.2, 0.5, array.shape)
    return net


def explored(net, image=IMAGE_16, **options):
    return tu.explore(net, image, places=1, progress=False, **options)


def test_a_layer_that_keeps_its_arrays_itself_gives_the_gradient_of_this_image():
    net = lively(tu.Sequential(tu.Conv2d(1, 2, padding="same"), Square(), tu.Conv2d(2, 2, 1)))
    view = explored(net).data["views"]["places"][0]
    found = record(net, IMAGE_16[None])
    gradient = found.gradients(found.pixel(view["row"], view["column"], view["channel"]))[IMAGE]
    assert view["maps"][0]["most"] == pytest.approx(np.abs(gradient).max(), rel=1e-12)


@pytest.mark.parametrize("listed", [False, True])
def test_vectors_and_arrays_in_lists_or_by_name_are_taken(listed):
    net = lively(Gated(listed))
    page = explored(net)
    assert page.data["why"] == ""
    shapes = {told["name"]: told["shape"] for told in page.data["boxes"]}
    if listed:  # by name, the drawing misses it
        assert shapes["mean"] == [1, 1, 2]
    found = record(net, IMAGE_16[None])
    assert not found.complete
    gradient = found.gradients(found.pixel(5, 6, 0))[IMAGE]
    moved = [IMAGE_16[None].copy(), IMAGE_16[None].copy()]
    moved[0][0, 2, 9, 0] += 1e-4  # counts through the mean alone
    moved[1][0, 2, 9, 0] -= 1e-4
    up, down = (net.predict(x)[0, 5, 6, 0] for x in moved)
    assert gradient[0, 2, 9, 0] == pytest.approx((up - down) / 2e-4, abs=1e-7)


def test_a_join_that_is_used_twice_is_cut_where_it_is_said():
    net = lively(OneJoin())
    framed = frame(net, IMAGE_16)
    found = record(net, framed.seen())
    cut = {v.name: v.p for v in whatif.variants(found, Paths(found), framed)}
    other = lively(OneJoin())
    other.last.params["weight"][:, :, :2] = 0  # what came across on the finest level
    expected = probabilities(framed.cut(other.predict(framed.seen())))
    assert np.allclose(cut["skip 1 cut"], expected, atol=1e-12)
    assert not np.allclose(cut["skip 2 cut"], expected, atol=1e-6)
    assert not np.allclose(cut["all skips cut"], expected, atol=1e-6)


def test_what_training_alone_asks_for_is_not_shown_in_the_box_of_another():
    data = explored(lively(OneJoin())).data
    drawn = data["layout"]["boxes"]
    assert "beside" not in [box["name"] for box in drawn]
    for told in data["boxes"]:
        assert told["shape"] == drawn[told["box"]]["shape"], told["name"]
        assert len(told["channels"]) == told["shape"][2]


def test_a_network_without_a_backward_has_no_views_and_says_why():
    page = explored(NoBackward())
    assert page.data["views"] is None
    assert "does not define backward" in page.data["why"]
    assert len(page.data["whatif"]["variants"]) == 1 + 7
    with pytest.raises(ValueError, match=r"does not run: TypeError: NoBackward"):
        page.shares()


def test_a_layer_that_draws_in_training_is_shown_as_it_predicts():
    net = tu.Sequential(tu.Conv2d(1, 2, padding="same"), Noisy(), tu.Conv2d(2, 2, 1))
    x = IMAGE_16[None].astype(np.float32)
    assert np.array_equal(record(net, x).y, net.predict(x))
    assert "Noisy" in explored(net).data["why"]


def test_all_is_left_as_it_was():
    net = tu.networks.NormUNet(1, 2, base_channels=2, depth=1, dropout=0.5)
    x = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    net.backward(np.ones_like(net(x)))
    y = net(x)  # a step that has begun
    before = {k: a.copy() for k, a in [*net.state_dict().items(), *net.named_gradients()]}
    drops = [layer for _, layer in net.named_layers() if isinstance(layer, tu.Dropout)]
    states = [drop.rng.bit_generator.state for drop in drops]
    explored(net)
    after = {**net.state_dict(), **dict(net.named_gradients())}
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert all(layer.training for _, layer in net.named_layers())
    assert [drop.rng.bit_generator.state for drop in drops] == states
    net.backward(np.ones_like(y))  # goes on
    plain = tu.Sequential(tu.Conv2d(1, 2, padding="same"), tu.Conv2d(2, 2, 1))
    attributes, y = {*vars(plain)}, plain(x)
    explored(plain)
    plain.backward(np.ones_like(y))
    assert {*vars(plain)} == attributes


def test_a_network_that_gives_nan_names_the_layer():
    net = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    net.bottom.conv1.params["weight"][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"bottom\.conv1 gives NaN or infinite values"):
        explored(net)


def test_classes_have_their_own_names_or_the_models():
    net = tu.UNet(1, 3, base_channels=2, depth=1, padding="same")
    net.class_names = ["ground", "nucleus", "d\u00e9bris"]
    assert explored(net).data["classes"] == net.class_names
    assert explored(net, class_names=["a", "b", "c"]).data["classes"] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="2 class names were given"):
        explored(net, class_names=["a", "b"])


def test_pixels_that_count_nowhere_count_for_no_score():
    three = tu.UNet(1, 3, base_channels=2, depth=1, padding="same")
    two = tu.UNet(1, 1, base_channels=2, depth=1, padding="same")
    for net, nowhere in ((three, 255), (three, -1), (two, -1)):
        guess = tu.predict_image(net, IMAGE_16).argmax(axis=2)
        mask = guess.astype(np.uint8 if nowhere == 255 else int)
        mask[:4] = nowhere
        mask[8:, 8:] = 1 - np.minimum(guess[8:, 8:], 1)
        wrong = float((mask != guess)[4:].mean())
        scores = explored(net, mask=mask).data["whatif"]["variants"][0]["scores"]
        assert scores["pixel error"] == pytest.approx(wrong)
    with pytest.raises(ValueError, match="no pixel of the mask counts"):
        explored(three, mask=np.full((16, 16), 255))


def test_memory_counts_no_array_twice():
    nets = [tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dropout=p) for p in (0.0, 0.5)]
    first, second = (sum(box["mb"] for box in explored(net).data["boxes"]) for net in nets)
    assert first == pytest.approx(second)


@pytest.mark.parametrize("depth", [1, 5])
def test_a_view_shows_a_map_of_every_level(depth):
    side = 2 ** (depth + 1)
    net = tu.UNet(1, 2, base_channels=1, depth=depth, padding="same")
    viewer = Viewer(record(net, np.zeros((1, side, side, 1), np.float32)))
    names = {viewer.record.calls[number].name for number in viewer.targets}
    ways = [f"encoder.{level}.conv2" for level in range(depth)]
    assert {*ways, "bottom.conv2", *(f"decoder.{k}.conv2" for k in range(1, depth))} <= names
    plain = record(tu.Sequential(tu.Conv2d(1, 3), tu.Dropout(0.5), tu.Conv2d(3, 2)), IMAGE_16[None])
    assert [plain.calls[number].name for number in Viewer(plain).targets] == ["0"]


# ---------------------------------------------------------------------- networks that paint


def test_what_a_network_paints_is_shown_and_cut():
    net = tu.networks.Pix2PixGenerator(widths=[2, 3, 4], drops=1).astype("float64")
    for name, array in net.named_parameters():  # larger ones than it begins with
        array *= 5 if name.endswith("weight") else 1
    image = np.random.default_rng(0).uniform(-1, 1, (16, 16, 3))
    page = explored(net, image)
    assert page.data["paints"]
    assert page.data["whatif"]["layers"] == 3
    assert len(page.data["skips"]) == 2
    assert sum(page.shares().values()) == pytest.approx(1, abs=1e-9)
    framed = frame(net, image)
    found = record(net, framed.seen())
    cut = {v.name: v.p for v in whatif.variants(found, Paths(found), framed)}
    net.eval()
    assert np.allclose(cut["as it is"], net.forward(image[None])[0], atol=1e-12)
    net.ups[-1].layers[1].params["weight"][-2:] = 0  # what came across, behind what came up
    assert np.allclose(cut["skip 1 cut"], net.forward(image[None])[0], atol=1e-12)
    moved = np.abs(cut["skip 1 cut"] - cut["as it is"]).max(axis=2)
    assert moved.max() > 1e-3
    told = {v["name"]: v for v in page.data["whatif"]["variants"]}["skip 1 cut"]
    assert told["change"] == pytest.approx(moved.mean())
    assert told["changed"] == (moved > 0.1).mean()
    with pytest.raises(ValueError, match="leave the mask out"):
        explored(net, image, mask=np.zeros((16, 16), int))


# ---------------------------------------------------------------------- the command


def saved(folder, classes=3):
    """A model, an image and a mask in files."""
    net = tu.UNet(1, classes, base_channels=2, depth=1, padding="same")
    tu.save(folder / "net.npz", net)
    Image.fromarray((255 * IMAGE_16[..., 0]).astype(np.uint8)).save(
        folder / "{{data}}<i>\u00e9.png"
    )
    return net


def command(folder, *options):
    words = [str(folder / "net.npz"), str(folder / "{{data}}<i>\u00e9.png"), "--places", "1"]
    return CliRunner().invoke(app, ["explore", *words, *map(str, options)])


def test_a_page_takes_no_models_place_and_makes_its_folder(tmp_path):
    saved(tmp_path)
    before = (tmp_path / "net.npz").read_bytes()
    for out in (tmp_path / "net.npz", tmp_path):
        result = command(tmp_path, "--out", out)
        assert result.exit_code == 1
        assert "--out is the page's file" in str(result.exception)
    assert (tmp_path / "net.npz").read_bytes() == before
    out = tmp_path / "new" / "page.html"
    assert command(tmp_path, "--out", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert text.count('"layout":') == 1
    assert "<title>Inside net.npz on {{data}}&lt;i&gt;\u00e9.png</title>" in text


def test_the_command_gives_a_painter_what_it_gets_when_it_paints(tmp_path):
    net = tu.networks.Pix2PixGenerator(1, 3, widths=[2, 3], drops=0)
    saved(tmp_path)
    known = {"kind": "pairs", "fit": None, "stretched": False}
    tu.save(tmp_path / "net.npz", net, painting=known)
    result = command(tmp_path, "--out", tmp_path / "page.html")
    assert result.exit_code == 0, result.exception
    data = (tmp_path / "page.html").read_text(encoding="utf-8").split(' id="data">')[1]
    data = json.loads(data.split("</script>")[0])
    pixels = (255 * IMAGE_16).astype(np.uint8).astype(np.float32)
    same = explored(net, 2 * (pixels / 255) - 1).data
    assert data["views"]["places"][0]["logit"] == same["views"]["places"][0]["logit"]


def test_a_mask_is_read_as_the_run_reads_its_masks(tmp_path):
    from tinyunet.runs.settings import Settings
    from tinyunet.runs.truth import read_truth

    Image.fromarray(np.array([[0, 50, 100], [255, 0, 50]], np.uint8)).save(tmp_path / "m.png")
    coded = Settings(classes="0=ground,100=nucleus,50=cell", ignore="255")
    assert read_truth(tmp_path / "m.png", coded).tolist() == [[0, 2, 1], [-1, 0, 2]]
    assert read_truth(tmp_path / "m.png", None).tolist() == [[0, 50, 100], [255, 0, 50]]
    with pytest.raises(ValueError, match=r"what the classes do not name: 255"):
        read_truth(tmp_path / "m.png", Settings(classes="0=ground,100=nucleus,50=cell"))
    red = np.zeros((2, 2, 3), np.uint8)
    red[0, 0], red[0, 1] = (255, 0, 0), 255
    Image.fromarray(red).save(tmp_path / "c.png")
    coloured = Settings(classes="0,0,0=ground;255,0,0=cell", ignore="255,255,255")
    assert read_truth(tmp_path / "c.png", coloured).tolist() == [[1, -1], [0, 0]]


def test_a_film_of_a_lone_convolution_has_no_maps(tmp_path):
    cells = tu.data.synthetic_cells(2, 32, seed=0)
    net = tu.Sequential(tu.Conv2d(1, 2, padding="same"))
    tu.fit(net, cells, steps=2, batch_size=1, crop=32, progress=False,
           callbacks=[tu.Film(tmp_path, moments=2)])  # fmt: skip
    film = explored(net, film=tmp_path).data["film"]
    assert (film["layers"], film["names"]) == ([], ["0.weight"])


def test_a_film_of_a_training_that_failed_is_played(tmp_path):
    cells = tu.data.synthetic_cells(2, 32, seed=0)
    net = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    tu.fit(net, cells, steps=3, batch_size=1, crop=32, progress=False,
           callbacks=[tu.Film(tmp_path, moments=2)])  # fmt: skip
    with np.load(tmp_path / "film.npz") as film:
        arrays = dict(film)
    arrays["gradients"][1, 0], arrays["loss"][2] = np.nan, np.inf
    np.savez(tmp_path / "film.npz", **arrays)
    page = explored(net, film=tmp_path)
    assert page.data["film"]["gradients"][1][0] is page.data["film"]["loss"][2] is None
    assert "NaN" not in page.html
