"""What the README shows is what happens."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_runs_and_prints_the_report_shown(capsys):
    scope = {}
    code = [block.replace("steps=20", "steps=2") for block in blocks("python")]
    exec(code[0], scope)
    printed = capsys.readouterr().out.rstrip().splitlines()
    shown = next(b for b in blocks("text") if "worst error" in b).rstrip().splitlines()
    # Errors differ in their last digits between machines; everything else is the same.
    number = re.compile(r"\d\.\de-\d+\s*|\([\d, ]+\)\s*")
    assert [number.sub("", line) for line in printed] == [number.sub("", line) for line in shown]
    exec(code[1], scope)
    assert scope["cells"].shape == (64, 64)


def test_its_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert len(links) > 8
    for link in links:
        assert (ROOT / link).exists(), link


def test_ci_runs_the_commands_that_it_prints():
    ci = (ROOT / ".ci" / "run").read_text()
    printed = " && ".join(blocks("bash"))
    for command in ("pip install .", "tinyunet train", 'pip install ".[test]"', "python -m pytest"):
        assert command in printed
        assert command.replace('"', "") in ci.replace("-q ", "").replace('"', "")
