"""How the command line ends: Ctrl-C, SIGTERM, mistakes of the user's and of tinyunet's own."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tinyunet.commands import main as cli


def end_of(monkeypatch, capsys, diagnose):
    """Run `tinyunet doctor`, which calls `diagnose`; return the exit code and what it says."""
    monkeypatch.setattr("tinyunet.engine.machine.diagnose_system", diagnose)
    monkeypatch.setattr(sys, "argv", ["tinyunet", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code, capsys.readouterr().err


def raising(error):
    def diagnose():
        raise error

    return diagnose


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_a_command_with_a_sentence(monkeypatch, capsys, number):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    end = end_of(monkeypatch, capsys, lambda: signal.raise_signal(number))
    assert end == (130, "interrupted\n")
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_ctrl_c_before_a_command_begins(monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", raising(KeyboardInterrupt()))
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ValueError("no such thing"), 2, "error: no such thing\n"),
        (
            FileNotFoundError(2, "No such file", "a.npz"),
            2,
            "error: [Errno 2] No such file: 'a.npz'\n",
        ),
        (MemoryError(), 2, "error: out of memory\n"),
        (ValueError(), 2, "error: ValueError: a mistake of tinyunet's"),
        (KeyError("x"), 1, "error: KeyError ('x'): a mistake of tinyunet's, not yours; set "),
        (
            ZeroDivisionError("division by zero"),
            1,
            "error: ZeroDivisionError (division by zero): a ",
        ),
        (AssertionError(), 1, "error: AssertionError: a mistake"),
        (ImportError("no module x"), 1, "error: ImportError (no module x): a mistake"),
    ],
)
def test_whatever_goes_wrong_there_is_a_sentence(monkeypatch, capsys, error, code, says):
    monkeypatch.delenv(cli.SHOW, raising=False)
    end, said = end_of(monkeypatch, capsys, raising(error))
    assert end == code
    assert said.startswith(says)
    assert said.count("\n") == 1


def test_the_traceback_is_shown_where_it_is_asked_for(monkeypatch, capsys):
    monkeypatch.setenv("TINYUNET_TRACEBACK", "1")
    code, said = end_of(monkeypatch, capsys, raising(KeyError("x")))
    assert code == 1
    assert "Traceback (most recent call last)" in said
    assert "raise error" in said
    assert said.splitlines()[-1].startswith("error: KeyError ('x')")


IMPORTING = """
import sys
import tinyunet

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt

for name in list(sys.modules):
    if name.startswith(("typer", "tinyunet.commands.main", sys.argv[1])):
        del sys.modules[name]
sys.meta_path.insert(0, Finder())
from tinyunet.commands.main import main
"""


@pytest.mark.parametrize(
    "module", ["json", "typer", "tinyunet.commands.options", "tinyunet.commands.train"]
)
def test_ctrl_c_while_python_reads_files_is_quiet(module):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (130, "", "")


TRAIN = ("--steps", "100000", "--images", "6", "--size", "32", "--depth", "1", "--batch-size", "2")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a word to it")
def test_a_training_that_is_terminated_can_go_on(tmp_path):
    def terminated(*arguments):
        command = [sys.executable, "-m", "tinyunet", "train", *arguments]
        process = subprocess.Popen(
            command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        shown = b""
        while b"loss" not in shown:  # the first step is done
            more = process.stderr.read(1)
            assert more, shown
            shown += more
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1].decode()
        history = json.loads((tmp_path / "run/history.json").read_text())
        steps = len(history["loss"])
        assert process.returncode == 1, said
        assert history["stopped"] == f"interrupted after step {steps} of 100000"
        assert f"stopped: {history['stopped']}\ngo on with: tinyunet train --resume run" in said
        assert "Traceback" not in said
        return history["loss"]

    first = terminated(*TRAIN, "--base-channels", "2", "--out", "run")
    second = terminated("--resume", "run")
    assert len(second) > len(first) > 0
    assert second[: len(first)] == first
    names = {"best.npz", "last.npz", "history.json", "settings.json", "results.json"}
    assert names <= set(os.listdir(tmp_path / "run"))


def test_a_run_without_a_step_begins_anew(tmp_path, monkeypatch, capsys):
    from tinyunet.engine.whole_files import write_text
    from tinyunet.runs.settings import Settings

    settings = vars(Settings(steps=3, images=6, size=32, depth=1, base_channels=2))
    write_text(tmp_path / "settings.json", json.dumps(settings))
    monkeypatch.setattr(sys, "argv", ["tinyunet", "train", "--resume", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 0
    said = f"the run in {tmp_path} was stopped before its first step was kept: it begins anew"
    assert said in capsys.readouterr().err
    write_text(tmp_path / "settings.json", '{"steps": ')
    with pytest.raises(SystemExit):
        cli.main()
    assert f"{tmp_path / 'settings.json'} holds no settings" in capsys.readouterr().err
