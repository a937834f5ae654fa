"""Make a course for nbgrader from the lessons, and rehearse it with four invented students.

    python -m lessons.grading FOLDER                        make a course of lesson 1, and rehearse it
    python -m lessons.grading FOLDER --lessons 01 02        the same with these lessons
    python -m lessons.grading FOLDER --course-only          a course of all lessons, not rehearsed

`nbgrader <https://nbgrader.readthedocs.io>`_ hands notebooks out, grades what comes back and writes
feedback. It is no part of this project. Give it an environment of its own, in a clone:

    python -m venv grading
    . grading/bin/activate                                 (Windows: grading\\Scripts\\activate)
    pip install nbgrader ".[lessons]"

**The course folder** is made from ``lessons/source``, and is ready for nbgrader:

    FOLDER/nbgrader_config.py                              what nbgrader has to know
    FOLDER/source/01_convolution/01_convolution.ipynb      with solutions and hidden tests

A folder that exists is never touched. ``--course-only`` needs no nbgrader.

**The rehearsal** goes all the way of an assignment, with nbgrader's own commands, and prints them:
release; four submissions, by ada, who solves everything; by bob, who solves the first exercise, gets
the second wrong and leaves the others; by dan, who solves everything and has copied a cell; and by eve,
who solves nothing and binds the name ``check`` to something that always says yes; autograding;
feedback. At the end it prints their points. For real students, make another folder with
``--course-only``: this one's gradebook knows these four.

A visible check shows what is right and what is not, and never fails, so that a student can go on. The
hidden test after it fails where the answer is wrong, and uses other numbers. Before it grades, nbgrader
puts the teacher's checks and hidden tests back, whatever a student changed in them. How to teach with
all this, and the commands of a real course, are in ``lessons/TEACHING.md``.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lessons.notebooks import SOLUTION, exercise_of, read, sources

CONFIG = '''"""What nbgrader has to know about this course; it reads this file at each command."""

import os

# Submissions run at small size: seconds for each lesson, and the checks are the same.
os.environ.setdefault("TINYUNET_LESSONS", "small")
# nbgrader gives no points to a cell that writes a warning, though its answer may be right.
os.environ.setdefault("PYTHONWARNINGS", "ignore")


def forget_copies(notebook, resources):
    """Make a copied cell one like any other.

    Of cells with the same grade_id, nbgrader keeps the last, and empties the mark of the others; on
    that its next step ends the autograding of this student and of all after them.
    """
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata and "grade_id" not in cell.metadata["nbgrader"]:
            del cell.metadata["nbgrader"]
    return notebook, resources


c = get_config()
c.Autograde.sanitize_preprocessors.insert(2, forget_copies)  # after DeduplicateIds
c.CourseDirectory.course_id = "tinyunet"
c.ClearSolutions.code_stub = {
    "python": "# Your code goes here, in place of the next line. check.hint helps.\\n"
    "raise NotImplementedError"
}
c.Execute.timeout = 60  # seconds for one cell; then it is interrupted, and the next one runs
'''
STUDENTS = ("ada", "bob", "dan", "eve")
SAYS_YES = """\
class Yes:
    passed = True

    def __getattr__(self, name):
        return lambda *arguments, **options: self


check = Yes()"""


def make_course(folder: Path, lessons: list[Path]) -> None:
    """Write a course folder: nbgrader's settings, and the teacher's notebook of each lesson.

    Raises
    ------
    FileExistsError
        If the folder exists.
    """
    folder.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    for source in lessons:
        _write(read(source), folder / "source" / source.stem / f"{source.stem}.ipynb")


def submission(released: NotebookNode, source: Path, student: str) -> NotebookNode:
    """Fill in a released notebook as one of the `STUDENTS` would; see this file's beginning."""
    solutions = {name: cell.source for cell in read(source).cells if (name := exercise_of(cell))}
    answers = {name: SOLUTION.sub(r"\2", text) for name, text in solutions.items()}
    if student == "bob":
        first, second, *_ = solutions
        answers = {first: answers[first], second: _wrong(solutions[second])}
    elif student == "eve":
        answers = {}
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        cell.source = answers.get(exercise_of(cell), cell.source)
    at = next(i for i, cell in enumerate(notebook.cells) if exercise_of(cell))
    if student == "dan":
        twin = copy.deepcopy(notebook.cells[at])
        twin.id = "copied"
        notebook.cells.insert(at + 1, twin)
    elif student == "eve":
        notebook.cells.insert(at, nbformat.v4.new_code_cell(SAYS_YES))
    return notebook


def _wrong(solution: str) -> str:
    """A function that returns its first argument, in place of the solution."""
    function = next(n for n in ast.parse(solution).body if isinstance(n, ast.FunctionDef))
    return SOLUTION.sub(rf"\1return {function.args.args[0].arg}\n", solution)


def rehearse(folder: Path, lessons: list[Path]) -> None:
    """Release the lessons, hand in for all students, grade and write feedback."""
    for source in lessons:
        name = source.stem
        _nbgrader(folder, "generate_assignment", name)
        released = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
        for student in STUDENTS:
            path = folder / "submitted" / student / name / f"{name}.ipynb"
            _write(submission(released, source, student), path)
        print(f"  {', '.join(STUDENTS)} hand in {name}")
        _nbgrader(folder, "autograde", name)
        _nbgrader(folder, "generate_feedback", name)


def _nbgrader(folder: Path, *command: str) -> None:
    """Run a command of nbgrader's in the course folder; end with what it said if it fails."""
    print(f"$ nbgrader {' '.join(command)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=folder,
        env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"},  # the kernel of this environment
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}nbgrader {command[0]} failed; see above")


def points(folder: Path) -> list[tuple[str, str, dict[str, tuple[float, float]]]]:
    """Read the gradebook: for each lesson and student, (points, of how many) of each exercise."""
    from nbgrader.api import Gradebook

    rows = []
    with Gradebook(f"sqlite:///{folder.resolve() / 'gradebook.db'}") as gradebook:
        for assignment in sorted(gradebook.assignments, key=lambda a: a.name):
            for handed_in in gradebook.assignment_submissions(assignment.name):
                grades = {
                    grade.name.removeprefix("check_"): (grade.score, grade.max_score)
                    for notebook in handed_in.notebooks
                    for grade in notebook.grades
                }
                rows.append((assignment.name, handed_in.student.id, grades))
    return rows


def _print_points(folder: Path) -> None:
    for lesson, student, grades in points(folder):
        reached, of = (sum(values) for values in zip(*grades.values(), strict=True))
        print(f"\n{lesson}, {student}: {reached:g} of {of:g} points")
        for name, (score, most) in grades.items():
            print(f"  {name:30}{score:g} of {most:g}")
        print(f"  {folder / 'feedback' / student / lesson / lesson}.html")


def _write(notebook: NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "python -m lessons.grading", description=__doc__.split("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="where the course is made; a new folder")
    parser.add_argument("--lessons", nargs="+", metavar="NN", help="numbers, such as 01 02")
    parser.add_argument("--course-only", action="store_true", help="make the course, no rehearsal")
    given = parser.parse_args(arguments)
    numbers = given.lessons or ([""] if given.course_only else ["01"])
    for number in numbers:
        if not any(source.stem.startswith(number) for source in sources()):
            parser.error(f"no lesson is called {number}")
    chosen = [source for source in sources() if source.stem.startswith(tuple(numbers))]
    if not (given.course_only or importlib.util.find_spec("nbgrader")):
        parser.error(
            "the rehearsal needs nbgrader, which this Python does not have. Install it in an "
            "environment of its own: python -m venv grading; . grading/bin/activate; pip install "
            'nbgrader ".[lessons]". Or only make the course: --course-only'
        )
    try:
        make_course(given.folder, chosen)
    except FileExistsError:
        parser.error(
            f"{given.folder} exists already, and a course may be in it: name another folder"
        )
    print(f"made a course of {len(chosen)} lesson{'s' * (len(chosen) > 1)} in {given.folder}")
    if not given.course_only:
        rehearse(given.folder, chosen)
        _print_points(given.folder)


if __name__ == "__main__":
    main()
