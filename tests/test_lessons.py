"""The lessons run, say what they measured, are fresh, and lead a student to the first exercise.

Every source is executed at small size in a process of its own, and every student's notebook up to its
first exercise, which has to stop it with a message that helps.
"""

import ast
import functools
import re
import sys
from pathlib import Path

import pytest

for module in ("jupytext", "nbclient", "ipykernel"):
    pytest.importorskip(module, reason="lessons are built and run with: pip install .[lessons]")

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # where the package `lessons` is, which is not installed

import nbformat  # noqa: E402
from nbclient.exceptions import CellExecutionError  # noqa: E402

from lessons import build, freshness, notebooks, running  # noqa: E402
from lessons.minutes import effort  # noqa: E402
from tinyunet.exercises import check, predict, quiz, tables  # noqa: E402
from tinyunet.exercises.notebooks import calls  # noqa: E402

SOURCES = notebooks.sources()
each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


@functools.cache
def stored(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def printed(notebook):
    """Everything that a notebook's cells print, as one text."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    return "".join(output.get("text", "") for output in outputs)


def passes(notebook):
    """The names of the checks whose output says that they passed."""
    found = set()
    for cell in code(notebook):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "")
            if text.startswith(f"{grade_id(cell).removeprefix('check_')}: passed"):
                found.add(grade_id(cell).removeprefix("check_"))
    return found


def exercises(source):
    return set(check.exercises(lesson=int(source.stem[:2])))


# ---------------------------------------------------------------------- they run


def filled(source):
    """A student's notebook with right answers that are not ours, and without predictions."""
    path = ROOT / "tests" / "exercises" / "other_answers" / f"lesson_{source.stem[:2]}.py"
    if not path.exists():
        return notebooks.solved(source)
    found = re.findall(
        r"^# %% (\w+)\n(.*?)(?=^# %% |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
    )
    answers, notebook = dict(found), notebooks.student(source)
    for cell in code(notebook):
        if name := notebooks.exercise_of(cell):
            cell.source = answers.pop(name).rstrip()
    assert answers == {}
    return notebook


@each_lesson
def test_a_lesson_runs_at_small_size_and_its_numbers_are_in_range(source):
    """With other right answers than ours; ours have run where the notebook was made."""
    notebook = running.run(filled(source), small=True, timeout=240)
    assert running.problems(notebook) == []
    # A measured value outside its range would have been an error.
    assert len(re.findall(": (?:you predicted|measured) ", printed(notebook))) >= 3
    assert passes(notebook) == exercises(source)
    ranges = tables.by_lesson("ranges", "RANGES").get(int(source.stem[:2]), {})
    assert [name for name in ranges if f"{name}: " not in printed(notebook)] == []  # all measured


@each_lesson
def test_a_students_notebook_stops_at_the_first_exercise_and_says_how_to_go_on(source):
    notebook = notebooks.student(source)
    names = [notebooks.exercise_of(cell) for cell in code(notebook)]
    first = next(name for name in names if name)
    with pytest.raises(CellExecutionError):
        running.run(notebook, small=True, timeout=240)
    (failed,) = [
        (number, output)
        for number, cell in enumerate(code(notebook))
        for output in cell.outputs
        if output.output_type == "error"
    ]
    number, error = failed
    assert error.evalue == f"Exercise {first} is not solved yet. For a hint: check.hint('{first}')"
    others = [i for i, name in enumerate(names) if name and name != first]
    assert names.index(first) <= number < min([*others, len(names)])


@each_lesson
def test_with_the_solutions_pasted_in_a_students_notebook_is_the_solved_one(source):
    solved, student = stored(notebooks.solved_path(source)), stored(notebooks.student_path(source))
    for mine, right in zip(student.cells, solved.cells, strict=True):
        assert (mine.id, mine.cell_type, mine.metadata) == (
            right.id,
            right.cell_type,
            right.metadata,
        )
        if notebooks.exercise_of(mine):
            assert "raise NotImplementedError" in mine.source
            mine = right  # the solution pasted in
        if mine.cell_type == "code" and mine is not right:
            assert mine.source == notebooks.unanswered(right.source)
        else:
            assert mine.source.replace(" (exercises)\n", " (solved)\n", 1) == right.source
        if mine.cell_type == "code" and mine is not right:
            assert mine.outputs == []


# ---------------------------------------------------------------------- what is stored


@each_lesson
def test_the_stored_notebooks_are_fresh(source):
    assert build.stale(source) == [], f"make it again: python -m lessons.build {source.stem[:2]}"


@each_lesson
def test_the_stored_outputs_are_complete_and_clean(source):
    notebook = stored(notebooks.solved_path(source))
    assert running.problems(notebook) == []
    assert [cell.execution_count for cell in code(notebook)] == [
        i + 1 for i in range(len(code(notebook)))
    ]
    assert passes(notebook) == exercises(source)
    assert notebooks.solved_path(source).stat().st_size < 1_000_000


def test_the_folder_is_small():
    files = [
        p for p in (ROOT / "lessons").rglob("*") if p.is_file() and "__pycache__" not in p.parts
    ]
    assert sum(path.stat().st_size for path in files) < 15_000_000


def test_there_is_no_notebook_without_a_source():
    names = {source.stem for source in SOURCES}
    for folder in (ROOT / "lessons", ROOT / "lessons" / "exercises"):
        assert {path.stem for path in folder.glob("*.ipynb")} == names


# ---------------------------------------------------------------------- the sources


@each_lesson
def test_a_source_holds_each_of_its_exercises_once(source):
    cells = code(notebooks.read(source))
    solutions = [name for cell in cells if (name := notebooks.exercise_of(cell))]
    assert sorted(solutions) == sorted(exercises(source))
    ids = [grade_id(cell) for cell in cells if grade_id(cell)]
    assert ids == [i for name in solutions for i in (name, f"check_{name}")]
    for cell in cells:
        about = cell.metadata.get("nbgrader", {})
        assert bool(about.get("solution")) == bool(notebooks.SOLUTION.search(cell.source))
        if grade_id(cell).startswith("check_"):
            assert about["grade"]
            assert about["points"] >= 1
            name = grade_id(cell).removeprefix("check_")
            assert notebooks.HIDDEN.sub("", cell.source).strip() == f"check.{name}({name})"
            hidden, end = notebooks.HIDDEN.findall(cell.source)
            assert cell.source == f"{hidden}check.{name}({name})\n{end}"
            # With numbers that the visible check does not use.
            assert re.search(rf'\("{name}", {name}, seed=[1-9]\d*\) is True\n', hidden)
            assert "pass\n" in end


def literals(text):
    """What a cell calls by a name, such as ``choices = ("more", "fewer")``."""
    found = (node for node in ast.parse(text).body if isinstance(node, ast.Assign))
    plain = (node for node in found if isinstance(node.value, ast.Tuple))
    return {node.targets[0].id: ast.literal_eval(node.value) for node in plain}


@each_lesson
def test_a_sources_predictions_and_questions_are_known(source, capsys, monkeypatch):
    """Each example of a prediction is of the right kind, and each answer to the quiz is right."""
    monkeypatch.delenv("TINYUNET_LESSONS", raising=False)
    lesson, cells = int(source.stem[:2]), code(notebooks.read(source))
    ranges = tables.by_lesson("ranges", "RANGES").get(lesson, {})
    questions = tables.by_lesson("quiz", "QUIZ").get(lesson, {})
    asked = []
    texts = [cell.source for cell in cells]
    for text, call in ((t, c) for t in texts for c in calls(t)):
        name = call.args[0].value
        exec(ast.unparse(call), {"predict": predict, "quiz": quiz, **literals(text)})
        assert name in (ranges if call.func.id == "predict" else questions), name
        assert re.search(r": your prediction is |: \w is right\. ", capsys.readouterr().out), name
        asked.append(name)
    assert len(asked) == len(set(asked))
    assert set(questions) <= set(asked)


@each_lesson
def test_a_source_is_plain_python_that_fits_the_screen(source):
    text = source.read_text(encoding="utf-8")
    ast.parse(text)  # no magics
    code = [line for line in text.splitlines() if not line.startswith("# ")]  # words are wrapped
    long = [line for line in code if len(line) > 104]
    assert long == []
    # A sentence that ends with a line's first word, "0 or / 1. If", would be shown as a list.
    assert re.findall(r"^# \w.*\n# 1\. .*", text, re.MULTILINE) == []


def test_the_index_names_every_lesson():
    index = (ROOT / "lessons" / "README.md").read_text(encoding="utf-8")
    for source in SOURCES:
        about = notebooks.read(source).metadata.tinyunet
        row = next(r for r in index.splitlines() if r.startswith(f"| {about['lesson']} |"))
        assert f"[{about['title']}]({source.stem}.ipynb)" in row
        assert f"| {about['time']} | {effort(source).minutes} |" in row
        title = f"# Lesson {about['lesson']}: {about['title']}"
        assert title in source.read_text(encoding="utf-8")


def test_the_index_leads_somewhere():
    index = (ROOT / "lessons" / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", index):
        assert (ROOT / "lessons" / link).exists(), link


# ---------------------------------------------------------------------- the tools


def test_a_stub_names_the_exercise_and_gives_no_hint_unasked():
    text = notebooks.stub("output_size", "    ")
    assert all(len(line) <= 100 for line in text.splitlines())
    with pytest.raises(NotImplementedError) as caught:
        exec("def f():\n" + text + "f()")
    asks = "For a hint: check.hint('output_size')"
    assert str(caught.value) == f"Exercise output_size is not solved yet. {asks}"
    assert not any(hint in text for hint in check.exercises()["output_size"].hints)


LESSON = '''# ---
# jupyter:
#   tinyunet:
#     lesson: 1
#     title: Small
#     time: 1 s
# ---

# %% [markdown]
# # Lesson 1: Small

# %% nbgrader={"grade": false, "grade_id": "output_size", "solution": true}
def output_size(side):
    """Return it."""
    ### BEGIN SOLUTION
    return side
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_output_size", "solution": false}
output_size(3)
'''


def test_predictions_and_answers_are_stripped_wherever_they_stand():
    text = 'predict("µ, side", 0.4)\nquiz("a", "b"); predict("c", [(0, 1),\n (2, 3)])\nx = 3\n'
    empty = 'predict("µ, side", ...)\nquiz("a", ...); predict("c", ...)\nx = 3\n'
    assert notebooks.unanswered(text) == empty
    assert notebooks.unanswered('predict("d", "more", choices=("more", "fewer"))') == (
        'predict("d", ..., choices=("more", "fewer"))'
    )
    assert notebooks.unanswered("x = 3\n") == "x = 3\n"


def test_a_source_becomes_two_notebooks(tmp_path):
    source = tmp_path / "01_small.py"
    source.write_text(LESSON)
    solved, student = notebooks.solved(source), notebooks.student(source)
    assert "SOLUTION" not in solved.cells[1].source
    assert solved.cells[1].source.endswith("    return side")
    assert solved.cells[2].source == student.cells[2].source == "output_size(3)"
    assert solved.cells[0].source == "# Lesson 1: Small (solved)"
    assert student.cells[0].source == "# Lesson 1: Small (exercises)"
    assert "return side" not in student.cells[1].source
    assert '"""Return it."""' in student.cells[1].source
    assert "raise NotImplementedError" in student.cells[1].source
    assert len({cell.id for cell in solved.cells}) == 3


def test_what_does_not_belong_into_outputs_is_found():
    outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="a warning"),
        nbformat.v4.new_output("stream", name="stdout", text="saved in /home/someone/runs"),
        nbformat.v4.new_output("stream", name="stdout", text="on 2024-05-06 at noon"),
        nbformat.v4.new_output("stream", name="stdout", text="<object at 0x7f0011223344>"),
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
        nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="}),
    ]
    fine = nbformat.v4.new_output("stream", name="stdout", text="3 / 4 of 2 m/s, 10:20")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(outputs=[output]) for output in [*outputs, fine]]
    found = running.problems(notebook)
    assert [line.split(":")[0] for line in found] == [f"cell {i}" for i in range(len(outputs))]


def test_a_lesson_depends_on_what_it_uses():
    conv = freshness.fingerprints("import tinyunet as tu\ntu.Conv2d(1, 2)", lesson=1)
    assert {"Conv2d", "Layer", "ALGORITHMS", "weight_gradient"} <= set(conv)
    assert not {"MaxPool2d", "synthetic_cells", "fit"} & set(conv)
    cells = freshness.fingerprints("import tinyunet\ntinyunet.data.synthetic_cells(1)", lesson=1)
    assert "synthetic_cells" in cells
    assert "load_dsb2018" not in cells
    for source in SOURCES:  # their checks are found though no lesson names their modules
        assert exercises(source) <= set(build.uses(source))


def test_staleness_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "LESSONS", tmp_path)
    source = tmp_path / "source" / "01_small.py"
    source.parent.mkdir()
    source.write_text(LESSON)
    assert build.stale(source) == ["01_small.ipynb is missing"]
    notebook = notebooks.solved(source)
    notebook.metadata.tinyunet["made_with"] = {**build.uses(source), "output_size": "another"}
    build.write(notebook, notebooks.solved_path(source))
    build.write(notebooks.student(source), notebooks.student_path(source))
    assert build.stale(source) == ["output_size changed"]
    source.write_text(LESSON.replace("return side", "return side + 0"))
    assert build.stale(source) == ["its source changed", "output_size changed"]


def test_the_command_names_what_is_stale(capsys, monkeypatch):
    monkeypatch.setattr(build, "stale", lambda source: [])
    assert build.main(["01", "--check"]) == 0
    assert capsys.readouterr().out == "01_convolution: fresh\n"
    monkeypatch.setattr(build, "stale", lambda source: ["Conv2d changed"])
    assert build.main(["01", "--check"]) == 1
    assert capsys.readouterr().out == "01_convolution: stale: Conv2d changed\n"
    with pytest.raises(SystemExit):
        build.main(["99"])
