"""Options that would have no effect are refused, and so are empty ones."""

import pytest
from typer.testing import CliRunner

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.networks.names import CHECKED


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, and a folder of a user's."""
    folder = tmp_path_factory.mktemp("ignored")
    for name in ("images", "masks"):
        (folder / "mine" / name).mkdir(parents=True)
    tu.save(folder / "m.npz", tu.UNet(1, 2, base_channels=2, depth=1, padding="same"))
    tu.save(folder / "f.npz", tu.networks.FCN(stride=8, **CHECKED["FCN"]))
    return folder


REFUSED = {
    "no name of data": ("train --data |", "--data is empty"),
    "no name of a folder": ("data check |", "an argument is empty"),
    "no name of an output": ("predict m.npz a.png --out=", "--out is empty"),
    "a size of a folder": (
        "train --data mine --size 40 --images 9 --steps 1",
        "--images and --size are for synthetic data, but of mine all images",
    ),
    "a size of a folder that is scored": (
        "evaluate m.npz --data mine --size 40",
        "--size is for synthetic data",
    ),
    "a size of real data": ("train --data dsb2018 --size 40", "--size is for synthetic data"),
    "a place of a folder": ("train --data a --data-root b", "give the whole path"),
    "momentum of adam": ("train --momentum 0.9", "--momentum is for --optimizer sgd"),
    "a model by another name": (
        "summary m.npz --network fcn8s",
        "--network fcn8s would have no effect",
    ),
    "a model by another stride": ("summary f.npz --network fcn16s", "would have no effect"),
    "a model that predicts": (
        "predict m.npz a.png --network unet++",
        "unet++ would have no effect",
    ),
    "another depth of a model": ("summary m.npz --depth 3", "leave out --depth"),
    "two networks": ("gradcheck --paper --network UNet", "not both"),
    "time for no file": ("gradcheck --seconds 3", "--seconds is for a FILE.py:CODE"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_have_no_effect_is_refused(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    line, message = REFUSED[name]
    arguments = [part.replace("|", "") for part in line.split()]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, ValueError), done.output
    assert message in str(done.exception)


def test_what_has_an_effect_is_not(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for line in ("summary m.npz --network UNet", "summary f.npz --network fcn8s"):
        done = CliRunner().invoke(app, line.split())
        assert done.exit_code == 0, done.exception
