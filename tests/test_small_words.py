"""What predictions and trainings say where little is wrong."""

import multiprocessing
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.engine.locks import FolderLock
from tinyunet.learning.preparation import loss_for
from tinyunet.runs.batch import cells_in_words


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model and an image."""
    monkeypatch.chdir(tmp_path)
    tu.save(
        "m.npz", tu.UNet(1, 2, base_channels=2, depth=2, padding="same"), thresholds={"none": 0.5}
    )
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (20, 24), np.uint8)).save("a.png")
    return tmp_path


def hold(folder, taken, done):
    with FolderLock(folder, "prediction").held():
        taken.set()
        done.wait(60)


def test_two_predictions_do_not_write_into_one_folder(here):
    context = multiprocessing.get_context("spawn")
    taken, done = context.Event(), context.Event()
    (here / "out").mkdir()
    other = context.Process(target=hold, args=(here / "out", taken, done))
    other.start()
    try:
        assert taken.wait(60)
        ended = CliRunner().invoke(app, ["predict", "m.npz", "a.png", "--out", "out"])
        assert isinstance(ended.exception, BlockingIOError)
        assert f"another prediction (process {other.pid}" in str(ended.exception)
        assert not list((here / "out").glob("*.json"))
    finally:
        done.set()
        other.join()
    ended = CliRunner().invoke(app, ["predict", "m.npz", "a.png", "--out", "out"])
    assert ended.exit_code == 0
    assert not (here / "out/.running").exists()


def test_a_prediction_that_fails_leaves_no_empty_folder(here):
    (here / "b.png").write_bytes(b"nothing")
    assert CliRunner().invoke(app, ["predict", "m.npz", "b.png", "--out", "out"]).exit_code
    assert not (here / "out").exists()


def test_a_tile_is_named_as_the_option(here):
    ended = CliRunner().invoke(app, ["predict", "m.npz", "a.png", "--tile", "3"])
    assert str(ended.exception).startswith("--tile 3 is no size for this network: ")
    assert "nearest valid size" in str(ended.exception)


def test_one_cell_is_no_cells():
    assert [cells_in_words(n) for n in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]


def data(labels, ignore=255):
    image = np.random.default_rng(1).random((16, 16, 1), np.float32)
    return tu.data.Dataset([image] * 2, [labels] * 2, ignore_label=ignore)


def test_fit_refuses_images_of_which_nothing_counts():
    labels = np.zeros((16, 16), np.int64)
    labels[4:9, 4:9] = 1
    nothing = np.full((16, 16), 255)
    model = tu.UNet(1, 2, base_channels=2, depth=1, padding="same")
    with pytest.raises(ValueError, match="every pixel of the validation images is ignored"):
        tu.fit(model, data(labels), data(nothing), steps=1, progress=False)
    with pytest.raises(ValueError, match="every pixel of the training images is ignored"):
        tu.fit(model, data(nothing), data(labels), steps=1, progress=False)


def test_a_loss_of_ones_own_is_warned_of_where_pixels_are_ignored():
    labels = np.zeros((16, 16), np.int64)
    labels[0] = 255
    own = SimpleNamespace(forward=None)
    with pytest.warns(UserWarning, match="SimpleNamespace has to leave them out itself"):
        assert loss_for(None, data(labels), own) is own
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loss_for(None, data(labels), tu.DiceLoss(ignore_label=255))
        loss_for(None, data(np.zeros((16, 16), np.int64), None), own)
    with pytest.raises(ValueError, match="but the loss does not"):
        loss_for(None, data(labels), tu.DiceLoss())
