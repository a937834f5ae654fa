"""A misspelt name is answered with what it may have meant."""

import pytest

from tinyunet.data import load
from tinyunet.data.download.fetch import fetch
from tinyunet.engine.spelling import did_you_mean
from tinyunet.reproduce.experiments import choose
from tinyunet.runs.network import find
from tinyunet.runs.settings import Settings


def test_what_is_near_is_named_and_nothing_else():
    assert did_you_mean("fcn8", ["fcn8s", "unet++"]) == " (did you mean fcn8s?)"
    assert did_you_mean("Synthetic_cell", ["synthetic-cells"]) == " (did you mean synthetic-cells?)"
    assert did_you_mean("nowhere", ["dsb2018", "isbi2012"]) == ""


CALLS = {
    "network": (lambda: find("Unett"), r"'Unett' \(did you mean UNet"),
    "alias": (lambda: find("segnet_basik"), "did you mean segnet-basic"),
    "data": (lambda: load("synthetic-cell"), r"did you mean synthetic-cells\?"),
    "folder": (lambda: load("here/myne"), r"did you mean here/mine\?"),
    "no folder": (lambda: load("nowhere/mine"), "either: synthetic-cells"),
    "recipe": (lambda: Settings(recipe="papers"), r"got 'papers' \(did you mean paper\?"),
    "experiment": (lambda: choose(["nucleus"]), r"'nucleus' \(did you mean nuclei\?"),
    "download": (lambda: fetch("dsb-2018", accept=bool), r"did you mean dsb2018\?"),
}


@pytest.mark.parametrize("what", CALLS)
def test_messages_name_what_is_near(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here/mine").mkdir(parents=True)
    call, words = CALLS[what]
    with pytest.raises(ValueError, match=words):
        call()
