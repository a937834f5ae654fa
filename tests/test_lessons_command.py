"""`tinyunet lessons`: the copy, the list, and how far a student is."""

import json
import subprocess
import sys

import pytest

from tinyunet.commands import lessons
from tinyunet.exercises import notebooks, quizzes

EMPTY = """def {0}(x):
    raise NotImplementedError(
        "Exercise {0} is not "
        "solved yet. First hint: think."
    )"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two lessons in an installed package, and the folder for a student's copy."""
    package = tmp_path / "site" / "tinyunet"
    for name, number, exercises in (("01_a", 1, ["area", "sides"]), ("02_b", 2, ["angle"])):
        cells = [{"cell_type": "markdown", "metadata": {}, "source": "Some words."}]
        for exercise in exercises:
            cells.append(cell(EMPTY.format(exercise), exercise, solution=True))
            cells.append(cell(f"check.{exercise}({exercise})", f"check_{exercise}", outputs=[]))
        about = {"lesson": number, "title": f"Title {number}", "time": "5 s"}
        for folder in ("lesson_files", "lesson_files/exercises"):
            path = package / folder / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"cells": cells, "metadata": {"tinyunet": about}}))
    (package / "lesson_files" / "README.md").write_text("not for the copy")
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


def test_the_copy_holds_the_notebooks_alone(course):
    assert notebooks.copy(course) == (4, 0)
    found = {str(path.relative_to(course).as_posix()) for path in course.rglob("*.*")}
    assert found == {"01_a.ipynb", "02_b.ipynb", "exercises/01_a.ipynb", "exercises/02_b.ipynb"}


def test_work_is_never_overwritten(course):
    notebooks.copy(course)
    mine = course / "exercises" / "01_a.ipynb"
    mine.write_text("my work")
    (course / "02_b.ipynb").unlink()
    assert notebooks.copy(course) == (1, 3)
    assert mine.read_text() == "my work"


def test_progress_counts_what_was_begun_and_what_passed(course):
    def counts():
        return [(row.exercises, row.begun, row.solved) for row in notebooks.progress(course)]

    assert counts() == [(2, 0, 0), (1, 0, 0)]  # without a copy
    notebooks.copy(course)
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
    notebooks.copy(course)
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
    notebooks.copy(course)
    (course / "exercises" / "02_b.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"02_b.ipynb is no notebook any more"):
        notebooks.progress(course)


def test_jupyterlab_opens_in_the_copy_or_is_asked_for(course, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: calls.append(command))
    monkeypatch.setattr(lessons.importlib.util, "find_spec", lambda name: None)
    lessons.lessons("open", course)
    assert "pip install" in capsys.readouterr().out
    assert calls == []
    monkeypatch.setattr(lessons.importlib.util, "find_spec", lambda name: object())
    lessons.lessons("open", course)
    assert calls == [[sys.executable, "-m", "jupyterlab", str(course)]]
    assert "4 were there" in capsys.readouterr().err
    lessons.lessons("list", course, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["title"] == "Title 1"
    assert len(calls) == 1
    with pytest.raises(ValueError, match="open or list"):
        lessons.lessons("close", course)


def test_the_command_lists_the_real_lessons(tmp_path):
    command = [sys.executable, "-m", "tinyunet", "lessons", "list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Convolution" in done.stdout
    assert not list(tmp_path.iterdir())  # a list copies nothing
