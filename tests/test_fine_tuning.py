"""Networks that begin with the weights of others, and parts of them that stay as they are."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.networks.freezing import frozen_names

ROOT = Path(__file__).parents[1]


def normed(seed=0):
    return tu.networks.NormUNet(1, 2, base_channels=2, depth=1, seed=seed)


@pytest.fixture(scope="module")
def data():
    return tu.data.synthetic_cells(4, size=32, seed=0)


def changed(before, model):
    return {key for key, array in model.named_state() if not np.array_equal(before[key], array)}


# ---------------------------------------------------------------------- freezing


@pytest.mark.parametrize("make", [tu.Adam, tu.SGD])
def test_what_is_frozen_stays_and_the_rest_learns(data, make):
    model = tu.freeze(normed(), "encoder", "bottom.conv1")
    before = model.state_dict()
    history = tu.fit(model, data, steps=2, batch_size=2, optimizer=make(model, 0.1), progress=False)
    assert np.isfinite(history.loss).all()
    still = before.keys() - changed(before, model)
    held = {key for key in before if key.startswith(("encoder.", "bottom.conv1."))}
    assert held <= still
    assert any("running_mean" in key for key in held)
    assert {"head.weight", "decoder.0.conv1.norm.running_mean"} <= before.keys() - still
    assert not any(key in held for key, _ in model.named_gradients())


def test_a_gradient_check_leaves_it_alone():
    model = tu.freeze(normed(), "encoder")
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 1))
    report = tu.check_gradients(model, x, samples=2)
    assert report.passed, report
    assert not any(row.name.startswith("encoder") for row in report.rows)


def test_a_run_goes_on_with_the_same_parts_frozen(tmp_path, data):
    whole = tu.freeze(normed(), "encoder")
    usual = {"steps": 4, "batch_size": 2, "seed": 0, "progress": False}
    tu.fit(whole, data, data, out=tmp_path / "whole", **usual)
    part = tu.freeze(normed(), "encoder")
    training = tu.Training(part, data, data, out=tmp_path / "part", **usual)
    for i, _ in enumerate(training.steps()):
        if i == 1:
            break
    training.finish()
    again = tu.freeze(normed(seed=5), "encoder")
    tu.fit(again, data, data, out=tmp_path / "part", resume=True, **usual)
    for (key, array), (_, other) in zip(whole.named_state(), again.named_state(), strict=True):
        np.testing.assert_array_equal(array, other, err_msg=key)
    with pytest.raises(ValueError, match=r"frozen: otherwise in the file, as to 'encoder\.0"):
        tu.fit(normed(), data, data, out=tmp_path / "part", resume=True, **usual)


def test_a_file_says_what_is_frozen_and_unfreeze_ends_it(tmp_path):
    tu.save(tmp_path / "m.npz", tu.freeze(normed(), "encoder.0.conv1", "head.bias"))
    model = tu.load(tmp_path / "m.npz")
    assert frozen_names(model) == [
        *(f"encoder.0.conv1.{key}" for key in ("conv.weight", "norm.weight", "norm.bias")),
        "head.bias",
    ]
    norms = [layer for _, layer in model.named_layers() if isinstance(layer, tu.BatchNorm2d)]
    assert [norm.statistics for norm in norms] == ["running"] + ["batch"] * 5
    tu.freeze(model, "encoder")
    tu.unfreeze(model)
    assert frozen_names(model) == []
    assert {norm.statistics for norm in norms} == {"batch"}


def test_what_a_constructor_froze_stays_frozen():
    fcn = tu.networks.FCN(1, 2, stride=8, widths=(2, 3, 4), convolutions=(1, 1, 1), padding="same",
                          head=((3, 1),))  # fmt: skip
    own = frozen_names(fcn)
    assert own
    assert frozen_names(tu.unfreeze(tu.freeze(fcn, "encoder"))) == own


def test_a_name_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"no part called 'encoders' \(did you mean encoder\?\)"):
        tu.freeze(normed(), "encoders")
    with pytest.raises(TypeError, match=r"one by one, .* got \['encoder', 'head'\]"):
        tu.freeze(normed(), ["encoder", "head"])
    with pytest.raises(ValueError, match="nothing is left to learn"):
        tu.freeze(normed(), "encoder", "bottom", "ups", "decoder", "head")
    with pytest.raises(ValueError, match=r"no part called 'encoder\.0\.conv'"):
        tu.freeze(normed(), "encoder.0.conv")  # no half of a name


@pytest.mark.parametrize("made_up", [3, "encoder", [1], ["nothing"]])
def test_a_file_that_makes_up_what_is_frozen_is_refused(tmp_path, made_up):
    tu.save(tmp_path / "m.npz", tu.freeze(normed(), "encoder"))
    with np.load(tmp_path / "m.npz") as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    header["frozen"] = made_up
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match="frozen"):
        tu.load(tmp_path / "m.npz")


# ---------------------------------------------------------------------- the command line


def call(*arguments, code=0):
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=code != 0)
    assert result.exit_code == code or result.exception, result.output
    return result


SMALL = ("--steps", 1, "--images", 3, "--size", 32, "--batch-size", 1, "--average", "none")


@pytest.fixture
def undrawn(monkeypatch):
    """Runs without pictures, which take most of the time."""
    monkeypatch.setattr("tinyunet.runs.train.draw", lambda *arguments: None)


def test_train_from_a_model_and_go_on(tmp_path, undrawn):
    model = normed(seed=3)
    tu.save(tmp_path / "m.npz", model)
    out = tmp_path / "run"
    said = call("train", "--from", tmp_path / "m.npz", "--freeze", "encoder", *SMALL, "--out", out)
    assert "the weights of" in said.output
    assert "batch norm keeps its statistics" in said.output
    (tmp_path / "m.npz").unlink()  # it isn't needed any more
    call("train", "--resume", out)
    trained = tu.load(out / "best.npz")
    assert type(trained).__name__ == "NormUNet"
    before = model.state_dict()
    assert not any(key.startswith("encoder") for key in changed(before, trained))
    assert changed(before, trained)


def test_another_number_of_classes_gets_another_head(tmp_path, undrawn):
    model = tu.UNet(1, 3, base_channels=2, depth=1, padding="same")
    tu.save(tmp_path / "m.npz", model)
    out = tmp_path / "run"
    said = call("train", "--from", tmp_path / "m.npz", *SMALL, "--out", out)
    assert "anew, for 2 classes where it had 3: head.weight, head.bias" in said.output
    assert tu.load(out / "best.npz").num_classes == 2


def test_images_are_stretched_for_a_model_that_knows_them_so(tmp_path, undrawn):
    from PIL import Image

    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same", dtype="float64")
    tu.save(tmp_path / "m.npz", model, stretched=True)
    cells = tu.data.synthetic_cells(3, size=32, seed=0)
    for name in ("images", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(3):
            picture = 40 * cells.images[i][..., 0] if name == "images" else 255 * cells.classes()[i]
            path = tmp_path / "mine" / name / f"{i}.png"
            Image.fromarray(picture.astype(np.uint8)).save(path)
    few = ("--steps", 1, "--batch-size", 1, "--average", "none")
    out = tmp_path / "run"
    begin = ("train", "--from", tmp_path / "m.npz")
    said = call(*begin, "--data", tmp_path / "mine", *few, "--out", out)
    assert "images of 8 bits are stretched, as" in said.output
    assert "in float32, where it had float64" in said.output
    assert tu.load(out / "best.npz", everything=True).state["stretched"] is True
    said = call(*begin, *SMALL, "--out", tmp_path / "drawn")
    assert (
        "knows images stretched, from the darkest to the brightest; those of synthetic"
        in said.output
    )


@pytest.fixture
def three(tmp_path):
    """A folder of images with masks of three classes."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, step in (("images", 1), ("masks", 100)):
        (tmp_path / "three" / name).mkdir(parents=True)
        for i in range(3):
            picture = rng.integers(0, 3, (32, 32), dtype=np.uint8) * step
            Image.fromarray(picture).save(tmp_path / "three" / name / f"{i}.png")
    return ("--data", tmp_path / "three", "--classes", "0=x,100=y,200=z")


@pytest.mark.parametrize("classes", [1, 2])
def test_a_head_for_more_classes(tmp_path, undrawn, three, classes):
    tu.save(tmp_path / "m.npz", tu.UNet(1, classes, base_channels=2, depth=1, padding="same"))
    begin = ("train", "--from", tmp_path / "m.npz", *three, *SMALL[:2], *SMALL[6:])
    said = call(*begin, "--out", tmp_path / "run")
    assert f"anew, for 3 classes where it had {classes}: head.weight, head.bias" in said.output
    assert tu.load(tmp_path / "run" / "best.npz").num_classes == 3
    refused = call(*begin, "--freeze", "head", "--out", tmp_path / "other", code=1)
    assert "--freeze head would keep random weights" in str(refused.exception)


def test_classes_of_other_names_are_said(tmp_path, undrawn, three):
    model = tu.UNet(1, 3, base_channels=2, depth=1, padding="same")
    tu.save(tmp_path / "m.npz", model, class_names=["x", "z", "y"])
    begin = ("train", "--from", tmp_path / "m.npz", *three, *SMALL[:2], *SMALL[6:])
    said = call(*begin, "--out", tmp_path / "run")
    assert "are ['x', 'z', 'y'], and these ['x', 'y', 'z']: the head stays as it is" in said.output


def test_weights_of_pytorchs_are_no_model_yet(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"no zip")
    said = str(call("train", "--from", tmp_path / "net.safetensors", code=1).exception)
    assert "is no complete tinyunet checkpoint" in said
    assert "tinyunet import makes a model" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--depth", 2), "leave out --depth"),
        (("--freeze", "encode"), "did you mean encoder"),
        (("--network", "SegNet"), "is a UNet"),
        (("--data", "synthetic-streets", "--images", 6, "--size", 64), "with 1 channels"),
    ],
)
def test_what_does_not_go_with_a_model_is_refused(tmp_path, options, words):
    tu.save(tmp_path / "m.npz", tu.UNet(1, 2, base_channels=2, depth=1, padding="same"))
    out = ("--out", tmp_path / "run", "--steps", 1)
    result = call("train", "--from", tmp_path / "m.npz", *options, *out, code=1)
    assert words in str(result.exception)


def test_freezing_random_weights_is_refused():
    assert "add --from FILE" in str(call("train", "--freeze", "encoder", code=1).exception)


def test_import_and_predict(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    from PIL import Image

    from tinyunet.exchange.torch_file import write_tensors

    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    write_tensors(tmp_path / "net.safetensors", model.torch_state(), {})  # by its names alone
    out = tmp_path / "model.npz"
    said = call("import", tmp_path / "net.safetensors", "--out", out, "--json")
    report = json.loads(said.stdout)
    assert report["family"] == "tinyunet"
    assert report["parameters"] == model.num_parameters
    assert "--padding same" in report["assumed"][0]
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(tmp_path / "a.png")
    call("predict", out, tmp_path / "a.png", "--out", tmp_path / "found")
    assert (tmp_path / "found" / "a_labels.png").exists()
    again = call("import", tmp_path / "net.safetensors", "--out", out, code=1)
    assert "--overwrite" in str(again.exception)
    more = ("--out", tmp_path / "b.npz", "--classes", "background,cell,other")
    wrong = call("import", tmp_path / "net.safetensors", *more, code=1)
    assert "are 3 names, and the network has 2 classes" in str(wrong.exception)
    same = ("--out", tmp_path / "net.safetensors", "--overwrite")
    own = call("import", tmp_path / "net.safetensors", *same, code=1)
    assert "holds the weights: --out names another file" in str(own.exception)
    assert "is a NumPy archive" in str(call("import", out, code=1).exception)
    near = call("import", tmp_path / "net.safetensors", *more[:2], "--joined", "upskip", code=1)
    assert "did you mean up_skip?" in str(near.exception)
    near = call("import", tmp_path / "net.safetensors", *more[:2], "--padding", "some", code=1)
    assert "--padding must be same or valid, got 'some' (did you mean same?)" in str(near.exception)


def test_a_network_that_labels_no_pixels_is_imported_without_classes(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    file, out = tmp_path / "net.safetensors", tmp_path / "model.npz"
    tu.save_torch(tu.networks.PatchGAN(1, base_channels=2, layers=1), file)
    wrong = call("import", file, "--out", out, "--classes", "no,yes", code=1)
    assert "are 2 names, and the network has 0 classes of pixels" in str(wrong.exception)
    assert f"tinyunet summary {out}" in call("import", file, "--out", out).output


def test_the_python_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "fine_tuning.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    scope = {}
    exec(re.sub(r"steps=\d+", "steps=1", code).replace("(40,", "(4,").replace("22", "4"), scope)
    assert len(scope["scores"]) == 2
    names = {name for name, _ in scope["other"].named_state()}
    assert names - set(scope["copied"]) == {"head.weight", "head.bias"}
