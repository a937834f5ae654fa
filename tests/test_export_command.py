"""``tinyunet export``: a model of a run as an ONNX file and as a web page."""

import json
from pathlib import Path

import numpy as np
import pytest
from exporting import difference

import tinyunet as tu
from tinyunet.commands.export import export

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def exported(folder, monkeypatch, capsys):
    """Run the command as `tinyunet` does, in the folder, without a process of its own."""
    monkeypatch.chdir(folder)

    def run(model, **options):
        export(folder / model, **{key: _given(value) for key, value in options.items()})
        return capsys.readouterr()

    return run


def _given(value):
    return Path(value) if isinstance(value, str) else value


def about(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model as `train` keeps it, one that paints, and one that takes means over bins."""
    path = tmp_path_factory.mktemp("models")
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    kept = {"thresholds": {"none": 0.35, "symmetries": 0.4}, "class_names": ["none", "cell"]}
    tu.save(path / "best.npz", model, stretched=True, **kept)
    tu.save(path / "painter.npz", tu.networks.PaintsChainer(2, 1, widths=(3, 4)))
    tu.save(path / "bins.npz", tu.networks.SmallPSPNet(1, 3, channels=(3, 4, 5)))
    return path


def test_a_model_becomes_a_file_and_a_page_that_know_its_run(folder, exported):
    said = exported("best.npz", onnx="best.onnx", web="page")
    assert not said.err
    assert said.out.splitlines() == [
        f"best.onnx: {(folder / 'best.onnx').stat().st_size / 1000:.0f} kB",
        f"{Path('page/index.html')}: see it with python -m http.server -d page",
    ]
    model = tu.load(folder / "best.npz")
    x = np.random.default_rng(0).random((2, 14, 8, 1)).astype(np.float32)
    assert difference(model, folder / "best.onnx", x) < 5e-6
    known = about(folder / "best.onnx")
    assert json.loads(known["thresholds"]) == {"none": 0.35, "symmetries": 0.4}
    assert json.loads(known["threshold"]) == 0.35
    assert json.loads(known["stretched"]) is True
    assert "99.8 %" in known["scaling"]
    page = (folder / "page" / "index.html").read_text(encoding="utf-8")
    assert '"threshold": 0.35' in page
    assert '"stretched": true' in page


def test_a_painter_has_a_file_and_no_page(folder, exported):
    exported("painter.npz", onnx="painter.onnx")
    assert about(folder / "painter.onnx")["network"] == "PaintsChainer"
    with pytest.raises(ValueError, match="gives pictures, not logits for pixels"):
        exported("painter.npz", web="painter")


def test_one_size_is_said_and_chosen(folder, exported):
    said = exported("bins.npz", onnx="bins.onnx")
    assert said.err.startswith("note: the file is for images of 257x257 alone")
    assert not exported("bins.npz", onnx="bins.onnx", size=(17, 21)).err
    assert json.loads(about(folder / "bins.onnx")["size"]) == [17, 21]


def test_a_threshold_takes_the_place_of_the_runs(folder, exported):
    exported("best.npz", onnx="other.onnx", web="other", threshold=0.7)
    assert json.loads(about(folder / "other.onnx")["threshold"]) == 0.7
    assert '"threshold": 0.7' in (folder / "other" / "index.html").read_text(encoding="utf-8")
    for model, words in (("bins.npz", "knows 3 classes"), ("painter.npz", "is for cells, but")):
        with pytest.raises(ValueError, match=words):
            exported(model, onnx="no.onnx", threshold=0.7)


def test_a_model_is_not_overwritten_by_its_own_file(folder, exported):
    before = (folder / "best.npz").read_bytes()
    with pytest.raises(ValueError, match=r"best\.npz is the model: give another name"):
        exported("best.npz", onnx="best.npz")
    assert (folder / "best.npz").read_bytes() == before
    with pytest.raises(FileExistsError, match="is a file: give a folder"):
        exported("best.npz", web="best.npz")


def test_a_file_of_another_kind_stays(folder, exported):
    (folder / "net.py").write_text("x = 1")
    with pytest.raises(FileExistsError, match=r"net\.py is there already.*name one net\.onnx"):
        exported("best.npz", onnx="net.py")
    assert (folder / "net.py").read_text() == "x = 1"
    (folder / "full").mkdir()
    with pytest.raises(IsADirectoryError, match="full is a folder: give a file, such as"):
        exported("best.npz", onnx="full")
    exported("best.npz", onnx="free.pb")
    for _ in range(2):
        exported("best.npz", onnx="again.onnx")


def test_the_file_says_which_sizes_it_takes(folder, exported):
    exported("best.npz", onnx="sizes.onnx")
    side = {"first": 2, "step": 2}
    assert json.loads(about(folder / "sizes.onnx")["sizes"]) == [side, side]


def test_a_missing_folder_is_made(folder, exported):
    exported("best.npz", onnx="new/folder/best.onnx")
    assert (folder / "new" / "folder" / "best.onnx").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"web": "not", "probabilities": True},
            "--probabilities would have no effect without --onnx",
        ),
        ({"onnx": "not.onnx", "title": "x"}, "--title would have no effect without --web"),
        (
            {"onnx": "not.onnx", "runtime": "ort", "example": "a.png"},
            "--runtime, --example would have no effect without --web",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(exported, options, words):
    with pytest.raises(ValueError, match=words):
        exported("best.npz", **options)


def test_nothing_to_write_is_a_mistake(exported):
    with pytest.raises(ValueError, match="say what to write: --onnx FILE, or --web FOLDER"):
        exported("best.npz")
