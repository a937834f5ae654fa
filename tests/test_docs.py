"""What docs/verify.md shows is what happens."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# Errors and the places of the worst differ between machines; everything else is the same.
VARIES = re.compile(r"\d\.\de-\d+\s*|\([\d, ]+\)\s*")


def blocks():
    text = (DOCS / "verify.md").read_text()
    found = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", text, re.DOTALL)
    torch = [code for code, _ in found if "import torch" in code]
    return [(code, shown) for code, shown in found if code not in torch], torch


def run(capsys, scope, code, shown):
    exec(code, scope)
    printed = capsys.readouterr().out.rstrip().splitlines()
    assert [VARIES.sub("", line).rstrip() for line in printed] == [
        VARIES.sub("", line).rstrip() for line in shown.rstrip().splitlines()
    ]


def test_the_python_runs_and_prints_what_is_shown(capsys):
    scope = {}
    found, _ = blocks()
    assert len(found) >= 5
    assert sum(bool(shown) for _, shown in found) >= 1
    for code, shown in found:
        run(capsys, scope, code, shown)


def test_the_python_that_needs_torch_runs(capsys):
    pytest.importorskip("torch", reason="PyTorch is optional and is not installed")
    scope = {}
    found, torch = blocks()
    for code in (found[0][0], *torch):
        exec(code, scope)
