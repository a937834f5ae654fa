"""FCN, VGG16, SegNet, U-Net++ and PSPNet on the command line, under their names."""

import json
import re
import sys
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tinyunet as tu
from tinyunet.commands import main as cli
from tinyunet.commands.train import _refuse_beside_resume
from tinyunet.gradcheck.full_size import check_directions
from tinyunet.gradcheck.suite import with_biases
from tinyunet.learning.preparation import default_loss
from tinyunet.networks import FCN, PSPNet, SegNet, SmallPSPNet, UNetPlusPlus, summarize
from tinyunet.networks.beside import alias_of, beside, standard_image, summarize_wide
from tinyunet.networks.names import ALIASES, CHECKED, QUICK
from tinyunet.networks.published import PUBLISHED
from tinyunet.networks.small import small_input
from tinyunet.plots import live
from tinyunet.runs import network
from tinyunet.runs.build import build
from tinyunet.runs.folder import load_model, read_settings
from tinyunet.runs.predict import predict_file
from tinyunet.runs.settings import Settings
from tinyunet.runs.train import train

COUNTS = {
    "fcn32s": 136_152_917, "fcn16s": 134_815_994, "fcn8s": 134_489_759, "vgg16": 138_357_544,
    "segnet": 29_449_355, "segnet-basic": 1_416_587, "unet++": 9_041_601, "pspnet": 46_782_550,
    "pix2pix": 54_419_459, "patchgan": 2_769_601, "paintschainer": 18_639_619,
    "paintschainer-judge": 918_082,
}  # fmt: skip
TRAINED = {
    "fcn32s": ("closed-outlines", "FCN-32s"), "fcn16s": ("two-cues", "FCN-16s"),
    "fcn8s": ("synthetic-streets", "FCN-8s"), "segnet": ("synthetic_streets", "SegNet"),
    "segnet-basic": ("synthetic-cells", "SegNet-Basic"), "unet++": ("closed_outlines", "U-Net++"),
    "pspnet": ("two_cues", "PSPNet"),
}  # fmt: skip


def said(monkeypatch, capsys, *arguments):
    """Run the command line here; return its exit code and what it said."""
    monkeypatch.setattr(sys, "argv", ["tinyunet", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as stopped:
        code = stopped.code or 0
    out, err = capsys.readouterr()
    return code, out, err


# ---------------------------------------------------------------------- names


def test_every_name_stands_for_a_class_and_arguments():
    assert list(ALIASES) == list(COUNTS) == list(PUBLISHED)
    for name, (cls, options) in ALIASES.items():
        assert network.find(name).__name__ == network.class_name(name) == cls
        assert network.fixed(name) == options
    assert network.fixed("FCN") == network.fixed("mine.py:fcn8s") == {}
    assert network.class_name("mine.py:fcn8s") == "fcn8s"


def test_messages_list_the_names(monkeypatch, capsys):
    with pytest.raises(
        ValueError,
        match=r"'fcn4s' \(did you mean fcn8s\?\), but fcn32s, .*unet\+\+, pspnet, .*UNet",
    ):
        network.find("fcn4s")
    for command in ("train", "summary"):
        code, out, _ = said(monkeypatch, capsys, command, "--help")
        assert code == 0
        shown = re.sub(r"\s+", " ", out)
        assert "fcn32s, fcn16s, fcn8s, vgg16, segnet, segnet-basic, unet++, pspnet" in shown
        assert ("pspnet, pix2pix, patchgan, paintschainer" in shown) == (command == "summary")


def test_drawn_data_go_by_the_name_of_their_function_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(
        tu.data.load("two_cues", n=1, size=32).images[0],
        tu.data.load("two-cues", n=1, size=32).images[0],
    )
    (tmp_path / "two_cues").mkdir()  # a folder of that name is meant
    with pytest.raises(FileNotFoundError, match="images"):
        tu.data.load("two_cues", n=1, size=32)


# ---------------------------------------------------------------------- train


@pytest.fixture(scope="module", params=TRAINED)
def run(request, tmp_path_factory):
    """A finished run of each network, thin and after two steps."""
    data, row = TRAINED[request.param]
    out = tmp_path_factory.mktemp("run") / "run"
    small = {"steps": 2, "images": 6, "size": 32, "base_channels": 1, "average": "none"}
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "fcn8s":  # pictures take longest, and are of the same kind for all
            patch.setattr("tinyunet.runs.train.draw", lambda *_: None)
        result = train(Settings(data=data, network=request.param, **small), out)
    return SimpleNamespace(name=request.param, row=row, out=out, result=result)


def test_a_run_is_scored_and_predicts(run):
    model, test = run.result.model, run.result.parts[2]
    assert next(iter(run.result.rows)) == run.row
    assert np.isfinite(run.result.history.loss).all()
    loaded, threshold = load_model(run.out / "best.npz", None, None)
    assert type(loaded) is type(model)
    image = test.images[0]
    np.testing.assert_array_equal(tu.predict_image(loaded, image), tu.predict_image(model, image))
    options = {"tile": None, "average": None, "threshold": threshold}
    labels = predict_file(loaded, image[:29, :31], run.out / "one", **options)
    assert labels.shape == (29, 31)
    assert labels.max() < 2**15
    written = np.asarray(Image.open(run.out / "one_labels.png"))
    np.testing.assert_array_equal(written, labels)


def test_a_run_goes_on_with_its_own_network_only(run):
    settings = read_settings(run.out)
    assert settings.network == run.name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyunet.runs.train.draw", lambda *_: None)
        again = train(settings, run.out, resume=True)
    assert again.rows == run.result.rows
    _refuse_beside_resume({"network": run.name}, settings)
    other = "fcn8s" if run.name != "fcn8s" else "fcn16s"
    with pytest.raises(ValueError, match="leave out --network"):
        _refuse_beside_resume({"network": other}, settings)


def test_evaluate_scores_a_run_as_train_did(run, monkeypatch, capsys):
    code, out, err = said(monkeypatch, capsys, "evaluate", run.out / "best.npz", "--json")
    assert code == 0, err
    assert json.loads(out)["mean"] == run.result.rows


def data_of(channels, classes, side=32):
    rng = np.random.default_rng(0)
    images = [rng.random((side, side, channels), np.float32) for _ in range(4)]
    return tu.data.Dataset(images, [rng.integers(0, classes, (side, side)) for _ in range(4)])


@pytest.mark.parametrize("name", TRAINED)
def test_the_recipe_quick_fits_a_laptop_and_paper_is_the_authors_size(name):
    settings = Settings(network=name)
    model, _ = build(settings, [data_of(3, 6)])
    assert model.num_parameters < 2.5e6
    assert model.config.items() >= (QUICK[type(model).__name__] | network.fixed(name)).items()
    assert (model.in_channels, model.num_classes) == (3, 6)
    assert Settings(network=name, recipe="paper").made_with == {}
    assert build(Settings(network=name, base_channels=1, seed=3), [data_of(1, 2)])[0].config[
        "num_classes"
    ] == (1 if name == "unet++" else 2)


def test_a_users_class_of_the_same_name_is_left_alone():
    assert Settings(network="mine.py:FCN").made_with == {}


def test_settings_from_before_there_was_made_with(tmp_path):
    written = asdict(Settings())
    del written["made_with"], written["heads"]
    (tmp_path / "settings.json").write_text(json.dumps(written))
    found = read_settings(tmp_path)
    assert (found.made_with, found.heads, found.base_channels) == ({}, None, 8)


def test_padding_in_pixels():
    settings = Settings(network="fcn8s", padding="100", base_channels=1)
    assert build(settings, [data_of(1, 2)])[0].padding == 100


def test_a_classifier_is_not_trained_on_masks(monkeypatch, capsys, tmp_path):
    small = ("--steps", 1, "--images", 6, "--size", 32, "--out", tmp_path / "run")
    for name in ("vgg16", "VGG16"):
        code, _, err = said(monkeypatch, capsys, "train", "--network", name, *small)
        assert code == 2
        assert "one vector of logits for an image" in err
        assert "take fcn32s, fcn16s or fcn8s" in err
        assert not (tmp_path / "run").exists()


def test_options_that_a_network_does_not_take(monkeypatch, capsys):
    code, _, err = said(monkeypatch, capsys, "train", "--network", "segnet", "--depth", 3)
    assert (code, err) == (2, "error: the network SegNet takes no --depth\n")
    code, _, err = said(monkeypatch, capsys, "train", "--network", "pspnet", "--heads", 4)
    assert (code, err) == (2, "error: the network PSPNet takes no --heads\n")


# ---------------------------------------------------------------------- losses and heads


def nested(heads=1, classes=1, **options):
    return UNetPlusPlus(1, classes, channels=(2, 3, 4), heads=heads, **options)


def second(classes=3, **options):
    return PSPNet(
        1, classes, base_channels=1, blocks=(1, 1, 1, 1), bins=(1, 2), auxiliary=True, **options
    )


def test_the_loss_that_suits_the_logits():
    assert type(default_loss(nested())) is tu.BCEDiceLoss
    assert type(default_loss(nested(classes=3))) is tu.SoftmaxCrossEntropy
    assert type(default_loss(SmallPSPNet(num_classes=1))) is tu.BCEWithLogitsLoss
    several = default_loss(nested(heads=2))
    assert type(several) is tu.DeepSupervision
    assert type(several.loss) is tu.BCEDiceLoss
    assert several.weights == [1, 1]
    several = default_loss(second())
    assert type(several.loss) is tu.SoftmaxCrossEntropy
    assert several.weights == [1, 0.4]


@pytest.mark.parametrize("make", [lambda **o: nested(heads=2, **o), lambda **o: second(**o)])
def test_a_network_of_several_heads_trains_stops_and_goes_on(make, tmp_path):
    data = data_of(1, 2)

    def start(out, **options):
        settings = {"steps": 4, "batch_size": 2, "progress": False, "seed": 1, "out": out}
        return tu.Training(make(), data, data, **settings, **options)

    whole = start(tmp_path / "whole")
    whole.run()
    broken = start(tmp_path / "broken")
    for step in broken.steps():
        if step.number == 2:
            break
    figure = live.draw(broken)
    assert figure.axes[0].get_title() == "training loss"
    assert broken.model.training
    broken.finish()
    again = start(tmp_path / "broken", resume=True)
    again.run()
    assert again.history.loss == whole.history.loss
    probabilities = tu.predict_image(again.model, data.images[0])
    assert probabilities.shape == (32, 32, max(2, again.model.num_classes))
    np.testing.assert_allclose(probabilities.sum(2), 1, rtol=1e-5)


def test_heads_are_an_option(monkeypatch, capsys, tmp_path):
    small = ("--steps", 1, "--images", 6, "--size", 32, "--base-channels", 1, "--average", "none")
    command = ("train", "--network", "unet++", "--heads", 4, *small, "--out", tmp_path / "run")
    monkeypatch.setattr("tinyunet.runs.train.draw", lambda *_: None)
    code, out, err = said(monkeypatch, capsys, *command)
    assert code == 0, err
    assert "num_classes=1, heads=4, base_channels=1" in err
    model = tu.load(tmp_path / "run/best.npz")
    assert model.pruned(2).num_parameters < model.num_parameters
    code, _, err = said(monkeypatch, capsys, "summary", tmp_path / "run/best.npz")
    assert code == 0, err


ONE_CHANNEL = {
    "FCN": lambda: FCN(1, 1, stride=2, widths=(2, 3), convolutions=(1, 1), padding="same",
                       head=((4, 3),), dropout=0.0),
    "SegNet": lambda: SegNet(1, 1, widths=(2, 3), convolutions=(2, 1)),
    "U-Net++, heads": lambda: nested(heads=2, dropout=0.0),
    "PSPNet, two heads": lambda: second(1, dropout=0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_CHANNEL)
def test_the_loss_of_one_channel_falls_as_all_gradients_say(name):
    rng = np.random.default_rng(2)
    model = with_biases(ONE_CHANNEL[name](), rng).astype("float64")  # 0 is a ReLU's kink
    loss = default_loss(model)
    _, *shape = small_input(model)
    x = rng.standard_normal((2, *shape))
    labels = rng.integers(0, 2, x.shape[:3])
    loss(model(x), labels)
    model.backward(loss.backward())
    slope, ways = 0.0, []
    for key, array in model.named_learned():
        way = rng.standard_normal(array.shape)
        slope += float((dict(model.named_gradients())[key] * way).sum())
        ways.append((array, array.copy(), way))

    def at(t):
        for array, start, way in ways:
            array[...] = start + t * way
        return loss(model(x), labels)

    h = 1e-6
    assert (at(h) - at(-h)) / (2 * h) == pytest.approx(slope, rel=2e-5)


# ---------------------------------------------------------------------- summary


@pytest.mark.parametrize("name", ALIASES)
def test_the_authors_sizes_beside_the_published_ones(name):
    cls, options = network.find(name), network.fixed(name)
    summary = summarize_wide(cls, options, *standard_image(cls))
    found = beside(summary, alias_of(cls, options))
    assert found.differing == []
    assert summary.parameters == sum(found.parameters) == found.published.parameters == COUNTS[name]
    assert f"all {len(found.parameters)} parts agree" in str(found)
    assert re.search(rf"all +{COUNTS[name]:,} +{COUNTS[name]:,}", str(found))


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (FCN, {"stride": 8, "padding": "same", "batch_norm": True}),
        (UNetPlusPlus, {"heads": 4, "num_classes": 3}),
        (SegNet, {}),
    ],
)
def test_three_thin_networks_say_what_a_wide_one_is(cls, options):
    options = {**options, "base_channels": 5}
    wide, real = summarize_wide(cls, options, 64, 64), summarize(cls(**options), 64, 64)
    assert wide.rows == real.rows
    assert wide.model == real.model
    numbers = ("parameters", "parameter_tensors", "input_shape", "output_shape")
    assert [getattr(wide, n) for n in numbers] == [getattr(real, n) for n in numbers]
    assert wide.parameter_mb == pytest.approx(real.parameter_mb)
    assert wide.activation_mb == pytest.approx(real.activation_mb)


def test_what_differs_is_named():
    options = {"num_classes": 12}
    assert alias_of(SegNet, options) is None
    found = beside(summarize_wide(SegNet, options, 360, 481), "segnet")
    assert "unpool, decoder 1" in found.differing
    assert str(found).endswith(f"these differ: {', '.join(found.differing)}")
    assert len(found.differing) == 10  # one column more on every map


def test_summary_of_a_named_network(monkeypatch, capsys):
    code, out, _ = said(monkeypatch, capsys, "summary", "--network", "vgg16")
    assert code == 0
    assert "beside table 1, configuration D, of Simonyan and Zisserman" in out
    assert "all 8 parts agree" in out
    code, out, _ = said(monkeypatch, capsys, "summary", "--network", "vgg16", "--json")
    found = json.loads(out)
    assert (found["parameters"], found["published"]["differing"]) == (COUNTS["vgg16"], [])
    small = ("--network", "segnet-basic", "--base-channels", 2, "--height", 32, "--width", 48)
    code, out, _ = said(monkeypatch, capsys, "summary", *small)
    assert code == 0
    assert "gives 32x48x11" in out
    assert "beside" not in out
    code, _, err = said(monkeypatch, capsys, "summary", *small[:2], "--base-channels", 0)
    assert (code, err) == (2, "error: --base-channels must be at least 1, got 0\n")


# ---------------------------------------------------------------------- gradcheck


def test_gradients_of_a_named_network(monkeypatch, capsys):
    command = ("gradcheck", "--network", "segnet-basic", "--samples", 1)
    code, out, err = said(monkeypatch, capsys, *command)
    assert code == 0, out + err
    assert "SegNetBasic(in_channels=3, num_classes=11, base_channels=2" in out
    for name, (cls, options) in ALIASES.items():
        model = network.make(network.find(name), CHECKED[cls] | options)
        assert sum(array.size for _, array in model.named_learned()) < 50_000, name
    for wrong in (("--full",), ("--full", "--network", "fcn8s", "--samples", 2)):
        code, _, err = said(monkeypatch, capsys, "gradcheck", *wrong)
        assert code == 2
        assert "--full needs --network" in err


def test_all_parameters_at_once(monkeypatch):
    def checked():
        return check_directions(nested(heads=2), (2, 8, 12, 1))

    report = checked()
    assert report.passed, str(report)
    assert [row.name for row in report.rows] == ["all inputs"] * 3 + ["all parameters"] * 3
    backward = tu.ConvTranspose2d.backward

    def wrong(self, dy, **options):
        dx = backward(self, dy, **options)
        self.grads["bias"] = self.grads["bias"] * 1.01
        return dx

    monkeypatch.setattr(tu.ConvTranspose2d, "backward", wrong)
    assert checked().failed
