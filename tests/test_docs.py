"""What the pages show is what happens: their Python runs, and what they name is there."""

import json
import re
from pathlib import Path

import pytest
import typer

import tinyunet as tu
from tinyunet.commands.main import app
from tinyunet.data.sets.image_files import read_mask

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PLACES = (".", "docs", "tinyunet", "lessons", "examples")
PAGES = [page for place in PLACES for page in sorted((ROOT / place).glob("*.md"))]
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)
# Errors and the places of the worst differ between machines; everything else is the same.
VARIES = re.compile(r"\d\.\de-\d+\s*|\([\d, ]+\)\s*")


def fenced(page, language):
    """The code of a page's blocks, each with the output shown below it, "" where there is none."""
    text = page.read_text(encoding="utf-8")
    block = rf"^```{language}\n(.*?)^```$(?:\s*^```text\n(.*?)^```$)?"
    return re.findall(block, text, re.DOTALL | re.MULTILINE)


def blocks():
    found = fenced(DOCS / "verify.md", "python")
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


def test_the_python_of_training_runs(capsys):
    scope = {}
    ((code, _),) = fenced(DOCS / "train.md", "python")
    exec(code.replace("steps=20", "steps=2"), scope)
    assert scope["cells"].shape == (64, 64)
    assert "cells found of" in capsys.readouterr().out


def test_the_python_of_predictions_runs():
    scope = {}
    ((code, _),) = fenced(DOCS / "predict.md", "python")
    exec(code, scope)
    assert scope["count"] == scope["labels"].max()


def test_the_recipe_for_coco_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    square = [2, 2, 8, 2, 8, 8, 2, 8]
    shapes = [{"image_id": 5, "category_id": 1, "segmentation": [square]} for _ in range(2)]
    shapes[1]["segmentation"] = [[12, 3, 18, 3, 18, 9]]
    image = {"id": 5, "file_name": "in/a.jpg", "width": 20, "height": 12}
    Path("annotations.json").write_text(json.dumps({"images": [image], "annotations": shapes}))
    ((code, _),) = fenced(DOCS / "images.md", "python")
    exec(code, {})
    mask = read_mask("mine/masks/a.png")
    assert mask.shape == (12, 20)
    assert (mask[5, 5], mask[4, 16], mask.max()) == (1, 2, 2)


def test_the_python_of_a_network_of_ones_own_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope = {}
    for code, _ in fenced(DOCS / "networks.md", "python"):
        exec(code, scope)
    assert scope["probabilities"].shape == (64, 64, 2)
    assert len(scope["scores"]) == len(scope["test"].images)
    assert scope["training"].done == 40
    assert type(scope["model"]) is scope["TinyUNet"]
    numbers = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert 0 < max(numbers) <= 25  # the loop was left there


def test_the_python_of_export_runs(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    tu.export_onnx(tu.UNet(1, 3, base_channels=2, depth=3, padding="same"), "mine.onnx")
    scope = {"tu": tu}
    for code, _ in fenced(DOCS / "export.md", "python"):
        exec(code, scope)
    assert scope["logits"].shape == (2, 160, 96, 3)
    tu.export_onnx(tu.Sequential(tu.Conv2d(1, 2), scope["Doubled"]()), "doubled.onnx")


def test_the_python_of_workers_runs_and_finds_what_is_said(capsys):
    ((code, _),) = fenced(DOCS / "workers.md", "python")
    exec(code, {})
    mean, *exact = capsys.readouterr().out.splitlines()
    assert mean == "mean of two halves: 15% off"
    assert all(float(line.split()[-1]) < 1e-12 for line in exact)


def test_the_python_of_the_family_runs():
    ((code, _),) = fenced(DOCS / "relatives.md", "python")
    exec(code, {})


def test_the_python_of_the_family_that_paints_runs():
    ((code, _),) = fenced(DOCS / "painting.md", "python")
    exec(code, {})


# ---------------------------------------------------------------------- what they name


def anchor(heading):
    """The name that a host gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def without_code(page):
    return re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


@each_page
def test_its_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, place = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if place:
            headings = re.findall(r"^#+ (.*)$", without_code(target), re.MULTILINE)
            assert place in map(anchor, headings), link


@each_page
def test_files_that_it_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    top = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "runs")
    for name in re.findall(rf"(?<![\w/.])(?:{top})/[\w./]*\w", text.replace("../", "")):
        made = name.startswith("docs/_build")  # by the command that the page shows
        assert made or "NN" in name or (ROOT / name).exists(), name  # NN: any lesson
    for name in re.findall(r"\bpython -m (lessons[\w.]*|tinyunet[\w.]*)", text):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


@each_page
def test_names_of_tu_that_it_uses_are_there(page):
    text = page.read_text(encoding="utf-8")
    for name in set(re.findall(r"\btu((?:\.\w+)+)", text)):
        if f"class {name[1:]}(" in text:
            continue  # the page shows how to add it
        found = tu
        for part in name.split(".")[1:]:
            assert hasattr(found, part), f"tu{name}"
            found = getattr(found, part)


@each_page
def test_commands_and_options_that_it_names_exist(page):
    text = page.read_text(encoding="utf-8")
    shown = [code for language in ("bash", "text") for code, _ in fenced(page, language)]
    lines = [line for code in shown for line in code.splitlines()]
    lines += re.findall(r"`(tinyunet [^`]+)`", text)
    for line in lines:
        for command in re.findall(r"(?:^|&& )tinyunet ([^#&]*)", line.replace("\n", " ")):
            check_command(command.split())
    known = options(typer.main.get_command(app))
    assert set(re.findall(r"`(--[\w-]+)[^`]*`", text)) <= known


def options(command):
    """All options of a command and of those below it."""
    found = {option for parameter in command.params for option in parameter.opts}
    return found.union({"--help"}, *map(options, getattr(command, "commands", {}).values()))


def check_command(arguments):
    """Fail unless the command line knows this command and its options; values are not checked.

    What stands after ``--`` goes to another program.
    """
    here = typer.main.get_command(app)
    arguments = arguments[: arguments.index("--")] if "--" in arguments else arguments
    while arguments and arguments[0] in getattr(here, "commands", {}):
        here = here.commands[arguments.pop(0)]
    assert not hasattr(here, "commands"), f"no such command: {arguments}"
    assert {name for name in arguments if name.startswith("--")} <= options(here), arguments
