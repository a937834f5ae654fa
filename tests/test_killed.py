"""A training that is killed goes on as if it had not been, or says that it begins anew.

A hundred random moments: ``pytest -m campaign tests/campaign/test_kills.py``.
"""

import os
import signal
from dataclasses import replace

import pytest
from killing import OPTIONS, Outcome, add_image, kill, make_folder, start

from tinyunet.runs import train as run
from tinyunet.runs.folder import read_settings, write_settings
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
def test_a_run_that_kept_no_step_is_not_overwritten_by_a_new_one(tmp_path, monkeypatch):
    quick(monkeypatch, tmp_path)
    (tmp_path / "r").mkdir()
    settings = Settings(steps=1, images=6, size=32, depth=1, base_channels=2, average="none")
    write_settings(tmp_path / "r", settings, None)
    before = (tmp_path / "r/settings.json").read_bytes()
    with pytest.raises(FileExistsError, match="stopped before its first step was kept: --resume"):
        run.train(replace(settings, lr=0.5), tmp_path / "r")
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["settings.json"]
    assert (tmp_path / "r/settings.json").read_bytes() == before
    said = []
    run.train(settings, tmp_path / "r", resume=True, tell=said.append)
    assert "it begins anew" in said[0]
    with pytest.raises(FileExistsError, match="already holds a run: "):
        run.train(settings, tmp_path / "r")


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
