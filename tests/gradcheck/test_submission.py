"""tinyunet gradcheck FILE.py:CODE, as a teacher runs it on what students hand in."""

import json
import sys
from pathlib import Path

import pytest

from tinyunet.commands import main as cli

FILE = '''
"""A student's file."""
import os
import subprocess
import sys
import time
import numpy as np

print("hello from the submission")


def affine(x, w, b):
    return x @ w + b, (x, w)


def right(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(0)


def no_sum(dout, cache):
    return *right(dout, cache)[:2], dout[0]


def hang(dout, cache):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open("children", "a") as file:
        print(child.pid, file=file)
    while True:
        time.sleep(0.01)


def leave(dout, cache):
    os._exit(0)


def exits(dout, cache):
    sys.exit(0)


def crash(dout, cache):
    return cache["x"]


def noisy(x):
    return x + np.random.random(x.shape)


def noisy_backward(dy, x):
    return dy


def cross_entropy(scores, labels):
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(p[rows, labels]).mean()
    p[rows, labels] -= 1
    return loss, p / len(labels)


def root(x):
    return np.sqrt(x)


def root_backward(dy, x):
    return dy / 2 / np.sqrt(x)


class Affine:
    def __init__(self, inputs, outputs):
        rng = np.random.default_rng(0)
        self.W, self.b = rng.random((inputs, outputs)), np.zeros(outputs)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T


class Sigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dout):
        return dout * self.y * (1 - self.y)
'''
AFFINE = ("--input", "4x3", "--input", "3x2", "--input", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submission")
    (folder / "layers.py").write_text(FILE)
    (folder / "broken.py").write_text("def f(x:\n    pass\n")
    return folder


@pytest.fixture
def run(folder, monkeypatch, capfd):
    """Run the command here, and its submission in a process of its own."""

    def run(*arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["tinyunet", "gradcheck", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capfd.readouterr()

    return run


CASES = {  # what to check: exit code, what is said
    ("layers.py:affine,right", *AFFINE): (0, "passed"),
    ("layers.py:affine,no_sum", *AFFINE): (1, "missing sum over the batch"),
    ("layers.py:affine,crash", *AFFINE): (2, 'layers.py, line 42: return cache["x"]'),
    ("layers.py:affine,leave", *AFFINE): (2, "ended its process before a verdict (exit code 0)"),
    ("layers.py:affine,exits", *AFFINE): (2, "SystemExit"),
    ("layers.py:affine,rihgt", *AFFINE): (2, "the file has affine, right, no_sum"),
    ("layers.py:noisy,noisy_backward", "--input", "3x4"): (3, "it is random"),
    ("layers.py:cross_entropy", "--input", "5x3", "--input", "5:int3"): (0, "passed"),
    ("layers.py:root,root_backward", "--input", "3x4:positive"): (0, "passed"),
    ("layers.py:root,root_backward", "--input", "=np.ones((2, 3)) / 7"): (0, "passed"),
    ("layers.py:Affine(3, 2)", "--input", "4x3"): (0, "parameters that were checked: W, b"),
    ("layers.py:Affine(3, 2)", "--input", "4x3", "--parameters", "W=dW"): (0, "checked: W\n"),
    ("layers.py:Affine", "--input", "4x3"): (2, "write Affine(...)"),
    ("layers.py:Sigmoid", "--input", "2x3x4"): (0, "passed"),
    ("broken.py:f,g", "--input", "4"): (2, "broken.py, line 1"),
    ("missing.py:f,g", "--input", "4"): (2, "missing.py: no such file"),
    ("layers.py", "--input", "4"): (2, "FILE.py:FORWARD,BACKWARD"),
    ("layers.py:affine,right",): (2, "one --input for each"),
    ("layers.py:affine,right", "--input", "4xx3"): (2, "'4xx3' is none of"),
    ("layers.py:affine,right", "--input", "4", "--seconds", "0"): (2, "--seconds must be above 0"),
    ("layers.py:affine,right", "--input", "4", "--parameters", "W"): (2, "W=dW,b=db"),
    ("--input", "4x3"): (2, "need a FILE.py:CODE"),
    ("--samples", "0"): (2, "--samples must be at least 1, got 0"),
}


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_exit_codes_and_words(run, arguments):
    code, out, err = run(*arguments)
    wanted, words = CASES[arguments]
    assert code == wanted, out + err
    assert words in out + err
    assert "Traceback" not in out + err


def test_a_submission_that_hangs_is_ended_with_all_that_it_started(run, folder):
    code, out, _ = run("layers.py:affine,hang", *AFFINE, "--seconds", "4")
    assert code == 2
    assert "did not end within 4 seconds" in out
    for child in (folder / "children").read_text().split():
        state = Path(f"/proc/{child}/stat")  # on other systems there is none
        assert (
            not state.exists() or state.read_text().split()[2] in "ZX"
        )  # nobody may have reaped it


def test_json_is_not_mixed_with_what_the_submission_prints(run):
    code, out, err = run("layers.py:affine,no_sum", *AFFINE, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "wrong")
    assert [row["name"] for row in found["report"]["rows"]] == ["x", "w", "b"]
    assert "hello from the submission" in err
