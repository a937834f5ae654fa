"""What the README shows is what happens, and it stays short; the package's README knows its folders."""

import ast
import re
from pathlib import Path

import numpy as np

import tinyunet as tu

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_WORDS = 900

PACKAGE = ROOT / "tinyunet"
MOST_LINES = 60  # of tinyunet/README.md: one screen


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def words(text):
    """How many words a text has: all between blanks, in tables and links too, but no fenced block."""
    return len(re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE).split())


def test_words_are_all_that_is_not_in_a_fenced_block():
    text = "# 1\n```python\nnot = 1\n```\n| 4 | `6` |\n|---|\n```text\nnot this\n```\n[nine](at.md)"
    assert words(text) == 9


def test_it_is_short():
    assert words(README) <= MOST_WORDS


def test_its_first_screen_has_both_commands_scores_and_a_picture():
    start, _, _ = README.partition("\n## ")
    assert "pip install . && tinyunet train" in start
    assert 'pip install ".[test]" && python -m pytest' in start
    assert "perfect mask, parted" in start
    assert re.search(r"!\[[^]]+\]\([^)]+\.png\)", start)
    assert len(start.splitlines()) <= 50


def network_block():
    (code,) = (block for block in blocks("python") if "class TinyUNet" in block)
    return code


def test_the_network_prints_the_report_shown(capsys):
    exec(network_block(), {})
    printed = capsys.readouterr().out.rstrip().splitlines()
    shown = next(b for b in blocks("text") if "worst error" in b).rstrip().splitlines()
    # Errors differ in their last digits between machines; everything else is the same.
    number = re.compile(r"\d\.\de-\d+\s*|\([\d, ]+\)\s*")
    assert [number.sub("", line) for line in printed] == [number.sub("", line) for line in shown]


def test_the_network_is_about_thirty_lines_whole_in_one_block():
    tree = ast.parse(network_block())
    (network,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    assert network.end_lineno - network.lineno < 35
    assert [function.name for function in network.body] == ["__init__", "forward", "backward"]
    assert [argument.arg for argument in network.body[0].args.args] == ["self"]


def test_the_network_trains_predicts_is_scored_saved_loaded_and_checked(tmp_path):
    scope = {}
    exec(network_block(), scope)
    model = scope["TinyUNet"]()
    data = tu.data.synthetic_cells(8, size=48, seed=3)
    train, validation, test = data.split(seed=3)
    history = tu.fit(model, train, validation, steps=30, batch_size=2, progress=False)
    losses = history.loss
    assert np.mean(losses[-5:]) < np.mean(losses[:5])

    image = test.images[0][:, :43]  # a side that the pooling does not divide
    probabilities = tu.predict_image(model, image)
    assert probabilities.shape == (48, 43, 2)
    np.testing.assert_allclose(probabilities.sum(2), 1, rtol=1e-5)
    (*_, scores) = tu.evaluate(model, test, progress=False)
    assert 0 <= scores["IoU"] <= 1

    tu.save(tmp_path / "tiny.npz", model)
    loaded = tu.load(tmp_path / "tiny.npz")
    assert type(loaded) is scope["TinyUNet"]
    np.testing.assert_array_equal(tu.predict_image(loaded, image), probabilities)
    assert tu.check_gradients(loaded, data.images[0][None, :8, :10], samples=4)


def test_what_is_done_with_the_network_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    for code in blocks("python"):
        exec(code.replace("steps=200", "steps=2"), scope)
    assert scope["probabilities"].shape == (64, 64, 2)
    assert len(scope["scores"]) == len(scope["test"].images)
    assert type(scope["model"]) is scope["TinyUNet"]


def test_ci_runs_the_commands_that_it_prints():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    printed = " && ".join(blocks("bash"))
    for command in ("pip install .", "tinyunet train", 'pip install ".[test]"', "python -m pytest"):
        assert command in printed
        assert command.replace('"', "") in ci.replace("-q ", "").replace('"', "")


def test_the_packages_readme_has_a_line_for_each_folder_and_no_other():
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    rows = re.findall(r"^\| \[`([\w/]+)/`\]\(\1\) \| \S", text, re.MULTILINE)
    assert sorted(rows) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    named = {path.rstrip("/") for path in re.findall(r"\[`[\w/]+/`\]\(([\w/]+)\)", text)}
    folders = {p.parent.relative_to(PACKAGE).as_posix() for p in PACKAGE.glob("*/**/__init__.py")}
    assert named == {folder for folder in folders if not folder.startswith("exercises/")}
