"""`tinyunet lessons`: the copy, the list, and how far a student is."""

import json
import re
import subprocess
import sys
import types

import pytest
import typer
from typer.testing import CliRunner

from tinyunet.commands import lessons, main
from tinyunet.exercises import copies, notebooks, quizzes

EMPTY = """def {0}(x):
    raise NotImplementedError(
        "Exercise {0} is not "
        "solved yet. For a hint: ask."
    )"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two lessons in an installed package, and the folder for a student's copy."""
    package = tmp_path / "site" / "tinyunet"
    for name, number, exercises in (("01_a", 1, ["area", "sides"]), ("02_b", 2, ["angle"])):
        words = "Some words, and [a link](01_a.ipynb)."
        cells = [{"cell_type": "markdown", "metadata": {}, "source": words}]
        for exercise in exercises:
            cells.append(cell(EMPTY.format(exercise), exercise, solution=True))
            cells.append(cell(f"check.{exercise}({exercise})", f"check_{exercise}", outputs=[]))
        about = {"lesson": number, "title": f"Title {number}", "time": "5 s"}
        for folder in ("lesson_files", "lesson_files/exercises"):
            path = package / folder / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"cells": cells, "metadata": {"tinyunet": about}}))
    files = package / "lesson_files"
    (files / "README.md").write_text("not for the copy")
    (files / "START.md").write_text(
        "# Start\n\n[yours](exercises/01_a.ipynb), [solved](01_a.ipynb)\n"
    )
    terms = "# Terms\n\n## A\n\n[first](01_a.ipynb), [µ](SHEET.md)\n"
    (files / "GLOSSARY.md").write_text(terms, encoding="utf-8")
    monkeypatch.setattr(notebooks, "PACKAGE", package)
    return tmp_path / "mine"


def cell(source, grade_id, *, solution=False, outputs=None):
    about = {"nbgrader": {"grade_id": grade_id, "solution": solution}}
    found = {"cell_type": "code", "metadata": about, "source": source.splitlines(keepends=True)}
    return found | ({} if outputs is None else {"outputs": outputs})


def solve(path, name, *, passed):
    """Change a student's notebook as JupyterLab would."""
    notebook = json.loads(path.read_text())
    for found in notebook["cells"]:
        grade_id = found["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id == name:
            found["source"] = [f"def {name}(x):\n", "    return x"]
        if grade_id == f"check_{name}":
            words = "passed, well done." if passed else "not yet\n"
            found["outputs"] = [{"data": {"text/plain": [f"{name}: {words}"]}}]
    path.write_text(json.dumps(notebook))


def test_the_copy_tells_a_students_notebooks_from_the_solved_ones(course):
    assert copies.copy(course) == (6, 0)
    found = {path.relative_to(course).as_posix() for path in course.rglob("*.*")}
    assert found == {
        "START.ipynb",
        "GLOSSARY.ipynb",
        "exercises/01_a.ipynb",
        "exercises/02_b.ipynb",
        "solved/01_a_solved.ipynb",
        "solved/02_b_solved.ipynb",
    }
    assert "(01_a_solved.ipynb)" in (course / "solved" / "02_b_solved.ipynb").read_text()
    assert "(01_a.ipynb)" in (course / "exercises" / "02_b.ipynb").read_text()


def test_pages_become_notebooks_whose_links_lead_somewhere(course):
    copies.copy(course)
    for name, links in (
        ("START", {"exercises/01_a.ipynb", "solved/01_a_solved.ipynb"}),
        ("GLOSSARY", {"exercises/01_a.ipynb", "SHEET.ipynb"}),
    ):
        notebook = json.loads((course / f"{name}.ipynb").read_text(encoding="utf-8"))
        texts = ["".join(cell["source"]) for cell in notebook["cells"]]
        assert set(re.findall(r"\]\(([^)]+)\)", "".join(texts))) == links
        assert {cell["cell_type"] for cell in notebook["cells"]} == {"markdown"}
    assert texts[0] == "# Terms"
    assert "µ" in texts[1]


def test_work_is_never_overwritten(course):
    copies.copy(course)
    mine = course / "exercises" / "01_a.ipynb"
    mine.write_text("my work")
    (course / "solved" / "02_b_solved.ipynb").unlink()
    assert copies.copy(course) == (1, 5)
    assert mine.read_text() == "my work"


def test_progress_counts_what_was_begun_and_what_passed(course):
    def counts():
        return [(row.exercises, row.begun, row.solved) for row in notebooks.progress(course)]

    assert counts() == [(2, 0, 0), (1, 0, 0)]  # without a copy
    copies.copy(course)
    assert counts() == [(2, 0, 0), (1, 0, 0)]
    solve(course / "exercises" / "01_a.ipynb", "area", passed=True)
    solve(course / "exercises" / "01_a.ipynb", "sides", passed=False)
    assert counts() == [(2, 2, 1), (1, 0, 0)]
    text = notebooks.table(notebooks.progress(course))
    assert "Title 1     5 s       1 of 2, 1 more begun" in text
    assert "1 of 3" in text.splitlines()[-1]


QUESTIONS = """predict("a side", ...)
predict("another", ...)
quiz("which side", ...)
quiz("which other", ...)"""


def test_progress_counts_predictions_and_right_answers(course, monkeypatch):
    packaged = next(course.parent.glob("site/tinyunet/lesson_files/exercises/02_b.ipynb"))
    whole = json.loads(packaged.read_text())
    whole["cells"].append({"cell_type": "code", "metadata": {}, "source": QUESTIONS})
    packaged.write_text(json.dumps(whole))
    question = quizzes.Quiz("b", {"a": "no", "b": "yes"})
    monkeypatch.setattr(notebooks, "look_up", lambda file, table, name: question)

    def counts():
        return [
            (row.predictions, row.predicted, row.questions, row.right)
            for row in notebooks.progress(course)
        ]

    assert counts() == [(0, 0, 0, 0), (2, 0, 2, 0)]
    copies.copy(course)
    answered = QUESTIONS.replace("...", "-3", 1).replace('side", ...)\nquiz', 'side", "B")\nquiz')
    whole["cells"][-1]["source"] = answered
    whole["cells"].append({"cell_type": "code", "metadata": {}, "source": "%time predict("})
    (course / "exercises" / "02_b.ipynb").write_text(json.dumps(whole))
    assert counts() == [(0, 0, 0, 0), (2, 1, 2, 1)]
    lines = notebooks.table(notebooks.progress(course)).splitlines()
    assert lines[1].endswith("0 of 2")
    assert lines[2].endswith("0 of 1; predictions 1 of 2; quiz 1 of 2")
    assert lines[3].endswith("0 of 3; predictions 1 of 2; quiz 1 of 2")
    whole["cells"][-2]["source"] = answered.replace("-3", "...").replace('"B"', '"a"')
    (course / "exercises" / "02_b.ipynb").write_text(json.dumps(whole))
    assert counts() == [(0, 0, 0, 0), (2, 0, 2, 0)]


def test_a_notebook_that_is_none_is_named(course):
    copies.copy(course)
    (course / "exercises" / "02_b.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"02_b.ipynb is no notebook any more"):
        notebooks.progress(course)


@pytest.fixture
def jupyterlab(monkeypatch):
    """Stands in for JupyterLab: the commands that start it, and the code with which it ends."""
    monkeypatch.setattr(lessons.importlib.util, "find_spec", lambda name: object())
    found = types.SimpleNamespace(calls=[], code=0)

    def run(command, **options):
        found.calls.append(command)
        return subprocess.CompletedProcess(command, found.code)

    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_jupyterlab_opens_the_start_page_of_the_copy(course, jupyterlab, capsys):
    lessons.lessons("open", folder=course)
    start = "--LabApp.default_url=/lab/tree/START.ipynb"
    assert (course / "START.ipynb").exists()
    assert jupyterlab.calls == [[sys.executable, "-m", "jupyterlab", str(course), start]]
    assert "6 files copied" in capsys.readouterr().err
    lessons.lessons("list", folder=course, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["title"] == "Title 1"
    assert len(jupyterlab.calls) == 1
    with pytest.raises(ValueError, match="open or list"):
        lessons.lessons("close", folder=course)


def test_without_jupyterlab_it_says_how_to_get_it(course, jupyterlab, monkeypatch, capsys):
    monkeypatch.setattr(lessons.importlib.util, "find_spec", lambda name: None)
    lessons.lessons("open", folder=course)
    assert "pip install" in capsys.readouterr().out
    assert jupyterlab.calls == []


@pytest.mark.parametrize("arguments", [["--"], ["open", "--"]])
def test_options_after_two_dashes_are_jupyterlabs(course, jupyterlab, arguments):
    command = ["lessons", "--folder", str(course), *arguments, "--no-browser", "--port", "9000"]
    done = CliRunner().invoke(main.app, command)
    assert done.exit_code == 0, done.output
    assert jupyterlab.calls[0][-3:] == ["--no-browser", "--port", "9000"]


def test_a_list_takes_no_options_of_jupyterlabs(course, jupyterlab):
    with pytest.raises(ValueError, match=r"list opens no JupyterLab.*--no-browser"):
        lessons.lessons("list", ["--no-browser"], folder=course)


@pytest.mark.parametrize(("code", "ends"), [(1, 1), (3, 3), (-15, 143)])
def test_jupyterlabs_exit_code_is_handed_on(course, jupyterlab, capsys, code, ends):
    jupyterlab.code = code
    with pytest.raises(typer.Exit) as caught:
        lessons.lessons("open", folder=course)
    assert caught.value.exit_code == ends
    assert f"exit code {code}" in capsys.readouterr().err


def test_the_command_lists_the_real_lessons(tmp_path):
    command = [sys.executable, "-m", "tinyunet", "lessons", "list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Convolution" in done.stdout
    assert not list(tmp_path.iterdir())  # a list copies nothing
