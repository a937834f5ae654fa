"""The command line speaks of its options, not of Python's arguments."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tinyunet.commands.main import app, main
from tinyunet.commands.shell_words import OPTIONS, as_options

SAID = {
    'if each is a cell, say kind="instances" (--masks instances)':
        "if each is a cell, say --masks instances",
    "r already holds a run: resume=True (--resume) continues it":
        "r already holds a run: --resume continues it",
    "say --ignore 255 (ignore=255), and go on": "say --ignore 255, and go on",
    "--classes 1=NAME (in Python classes=...); if": "--classes 1=NAME; if",
    "say --ignore -1 (in Python ignore=-1); if": "say --ignore -1; if",
    'number them 0 ... K-1 and say kind="classes"': "number them 0 ... K-1 and say --masks classes",
    "leave out kind='instances'": "leave out --masks instances",
    "or train with weights=None": "or train with --weights none",
    "recipe must be one of quick, paper": "--recipe must be one of quick, paper",
    "base_channels must be at least 1, got 0": "--base-channels must be at least 1, got 0",
    "UNet(depth=1, padding='same') cannot take it": "UNet(depth=1, padding='same') cannot take it",
    "save it with tifffile planarconfig=\"contig\"": "save it with tifffile planarconfig=\"contig\"",
    "the depth must be said": "the depth must be said",
    "write 0=background,128=nucleus": "write 0=background,128=nucleus",
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_arguments_become_options(said):
    assert as_options(said) == SAID[said]


def literals(path):
    """The texts in a file that may be said: no docstrings, joined as Python joins them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(p.value if isinstance(p, ast.Constant) else "x" for p in node.values)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
        ):
            yield node.value


def test_no_sentence_of_data_or_runs_keeps_an_argument_of_python():
    root = Path(sys.modules["tinyunet"].__file__).parent
    argument = re.compile(rf"(?<![\w.(-])({'|'.join(OPTIONS)})=(?!=)\S")
    for part in ("data", "runs", "learning", "segmentation"):
        for path in (root / part).rglob("*.py"):
            for text in literals(path):
                if " " in text and path.name not in ("arguments.py", "painting.py"):  # Python's own
                    calls = re.sub(r"\w+\((?:[^()]|\([^()]*\))*\)", "", as_options(text))
                    assert not argument.search(calls), (path.name, text)


def test_the_commands_say_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("images", "masks"):
        Path("mine", name).mkdir(parents=True)
        for i in range(4):
            codes = np.kron(np.array([[0, 60, 0], [0, 0, 90], [60, 0, 0]]), np.ones((9, 9))) + i * 0
            pixels = codes if name == "masks" else codes * 2 + i
            Image.fromarray(pixels.astype(np.uint8)).save(f"mine/{name}/{i}.png")
    for options in ((), ("--json",)):
        done = CliRunner().invoke(app, ["data", "check", "mine", "--no-sheet", *options])
        assert "--masks instances" in done.stdout
        assert "kind=" not in done.stdout
        assert "Python" not in done.stdout
    monkeypatch.setattr(sys, "argv", ["tinyunet", "train", "--data", "mine", "--recipe", "fast"])
    with pytest.raises(SystemExit):
        main()
    assert "error: --recipe must be one of quick, paper, got 'fast'" in capsys.readouterr().err
