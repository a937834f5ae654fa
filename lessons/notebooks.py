"""From a lesson's source to its two notebooks: the solved one and the student's.

Predictions and answers to a quiz are stripped from the student's as solutions are. Hidden tests are in
neither of them; `read` puts them in, for grading (`lessons.grading`). Their titles tell them apart.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from lessons.reading import sources as sources  # also found here
from tinyunet.exercises.notebooks import calls

LESSONS = Path(__file__).parent
SOLUTION = re.compile(
    r"^( *)### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION(?:\n|\Z)", re.MULTILINE | re.DOTALL
)
HIDDEN = re.compile(
    r"^ *### BEGIN HIDDEN TESTS\n.*?^ *### END HIDDEN TESTS(?:\n|\Z)", re.MULTILINE | re.DOTALL
)
TITLE = re.compile(r"\A# (Lesson \d+: .*)$", re.MULTILINE)
SEED = 2015  # of the hidden tests' numbers

# Nothing in it but the answer is a name of the notebook's. It comes before the visible check: nbgrader
# gives points by a cell's first output. And the cell ends without a value, for that would be points.
GRADED = """\
### BEGIN HIDDEN TESTS
from runpy import run_module as run_hidden_test

assert run_hidden_test("tinyunet.exercises.hidden")["verdict"]("{name}", {name}, seed={seed}) is True
### END HIDDEN TESTS
{check}
### BEGIN HIDDEN TESTS
pass
### END HIDDEN TESTS
"""
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def solved_path(source: Path) -> Path:
    """Where the solved notebook of a source is."""
    return LESSONS / f"{source.stem}.ipynb"


def student_path(source: Path) -> Path:
    """Where the student's notebook of a source is."""
    return LESSONS / "exercises" / f"{source.stem}.ipynb"


def solved(source: Path) -> NotebookNode:
    """Make the solved notebook of a source, without hidden tests and outputs."""
    notebook = read(source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(r"\2", HIDDEN.sub("", cell.source)).rstrip()
    return titled(notebook, "solved")


def student(source: Path) -> NotebookNode:
    """Make the student's notebook of a source: without solutions, predictions, answers and outputs."""
    notebook = read(source)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = HIDDEN.sub("", cell.source)
            if SOLUTION.search(text):
                name = exercise_of(cell)
                text = SOLUTION.sub(lambda match, name=name: stub(name, match[1]), text)
            cell.source = unanswered(text).rstrip()
    return titled(notebook, "exercises")


def titled(notebook: NotebookNode, kind: str) -> NotebookNode:
    """Say in a notebook's title which of the two it is."""
    first = notebook.cells[0]
    first.source = TITLE.sub(rf"# \1 ({kind})", first.source, count=1)
    return notebook


def unanswered(code: str) -> str:
    """Put ``...`` in the place of all predictions and answers to a quiz."""
    raw = code.encode()  # Python counts the columns in bytes
    starts = [0, *itertools.accumulate(map(len, raw.splitlines(keepends=True)))]
    answers = [call.args[1] for call in calls(code)]
    for answer in sorted(answers, key=lambda a: (a.lineno, a.col_offset), reverse=True):
        first = starts[answer.lineno - 1] + answer.col_offset
        last = starts[answer.end_lineno - 1] + answer.end_col_offset
        raw = raw[:first] + b"..." + raw[last:]
    return raw.decode()


def read(source: Path) -> NotebookNode:
    """Read a source as a notebook, with solutions and hidden tests marked in it."""
    notebook = jupytext.read(source, fmt="py:percent")
    about = notebook.metadata.get("tinyunet", {})
    if not {"lesson", "title", "time"} <= set(about):
        raise ValueError(f"{source.name} needs a header with tinyunet: lesson, title, time")
    notebook.metadata = NotebookNode(
        kernelspec=KERNEL, language_info={"name": "python"}, tinyunet=dict(about)
    )
    for i, cell in enumerate(notebook.cells):
        cell.id = f"lesson-{about['lesson']:02d}-cell-{i:03d}"
        cell.metadata.pop("lines_to_next_cell", None)  # of the text, not of the notebook
        about_cell = cell.metadata.get("nbgrader", {})
        if about_cell.get("grade"):
            name = about_cell["grade_id"].removeprefix("check_")
            cell.source = GRADED.format(name=name, seed=SEED, check=cell.source).rstrip()
    return notebook


def exercise_of(cell: NotebookNode) -> str:
    """The exercise that a cell solves, or ""."""
    about = cell.metadata.get("nbgrader", {})
    return about.get("grade_id", "") if about.get("solution") else ""


def stub(name: str, indent: str) -> str:
    """What stands in a student's notebook where the solution was."""
    message = f"Exercise {name} is not solved yet. For a hint: check.hint('{name}')"
    width = 92 - len(indent) - 4
    parts = textwrap.wrap(message, width, drop_whitespace=False, break_on_hyphens=False)
    quoted = "".join(f"{indent}    {_quote(part)}\n" for part in parts)
    return (
        f'{indent}# Your code goes here, in place of the next lines. check.hint("{name}") helps.\n'
        f"{indent}raise NotImplementedError(\n{quoted}{indent})\n"
    )


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
