"""A training that is killed goes on as if it had not been, or says that it begins anew.

A hundred random moments: ``pytest -m campaign tests/campaign/test_kills.py``.
"""

import os
import signal

import pytest
from killing import OPTIONS, Outcome, add_image, kill, make_folder, start

from tinyunet.runs import train as run
from tinyunet.runs.folder import read_settings
from tinyunet.runs.settings import Settings


def quick(monkeypatch, folder):
    """Be in a folder, and score and draw nothing: it is the training that counts."""
    monkeypatch.chdir(folder)
    for slow in ("_score", "draw"):
        monkeypatch.setattr(run, slow, lambda *arguments: None)
    monkeypatch.setattr(run, "scoring_seconds", lambda *arguments: 0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the run comes to without being killed."""
    folder = tmp_path_factory.mktemp("whole")
    make_folder(folder)
    names = [word[2:].replace("-", "_") for word in OPTIONS[::2]]
    settings = Settings(**dict(zip(names, OPTIONS[1::2], strict=True)))
    with pytest.MonkeyPatch.context() as patch:
        quick(patch, folder)
        run.train(settings, folder / "r", tell=lambda sentence: None)
    return Outcome.of(folder / "r")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("there", ["settings.json", "last.npz", "best.npz"])
def test_it_goes_on_as_if_it_had_not_been_killed(tmp_path, whole, there, monkeypatch):
    make_folder(tmp_path)
    process = start(tmp_path, *OPTIONS, "--out", "r")
    kill(process, signal.SIGKILL, (tmp_path / "r" / there).exists, limit=120)
    process.communicate()
    add_image(tmp_path, 6)
    quick(monkeypatch, tmp_path)
    said = []
    run.train(read_settings(tmp_path / "r"), tmp_path / "r", resume=True, tell=said.append)
    assert "left out here: images/0.png, masks/0.png" in said[-1]
    Outcome.of(tmp_path / "r").assert_equal(whole)
