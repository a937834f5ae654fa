"""Make the lessons' notebooks from their sources.

    python -m lessons.build                     make what is stale
    python -m lessons.build 01 02               make these, stale or not
    python -m lessons.build --check             only say what is stale; exit code 1 if anything is
    python -m lessons.build 01 --small          a quick trial run at small size; writes nothing

A lesson is written in ``lessons/source/NN_name.py``, and two notebooks are made from it:
``lessons/NN_name.ipynb``, solved and with outputs, and ``lessons/exercises/NN_name.ipynb``, where
students fill in what is missing. Nobody edits the notebooks by hand.

How to write a lesson
---------------------
**The header** of the file says what the lesson is called and how long it runs on two cores:

    # ---
    # jupyter:
    #   tinyunet:
    #     lesson: 1
    #     title: Convolution
    #     time: 20 s
    # ---

**Cells** are in jupytext's percent format: ``# %% [markdown]`` begins a text and ``# %%`` code. No
magics (``%time``, ``!pip``): a source is plain Python. A cell that only draws, which a reader may skip,
begins with ``# %% jupyter={"source_hidden": true}`` and is folded away. Lines have at most 100
characters; only a cell's header may be longer.

**The path** of every lesson: predict, derive, implement, check the gradient, break it on purpose,
measure. A formula is followed by the code that computes it, in the same symbols.

**An exercise** is a text that says what to write, a solution, and a check. The ``grade_id`` is the
exercise's name, and ``check_`` and the name for its check:

    # %% nbgrader={"grade": false, "grade_id": "output_size", "locked": false, "schema_version": 3,
    #    "solution": true, "task": false}                                       (all on one line)
    def output_size(side, kernel, stride=1, padding=0):
        \"""Return how many outputs a convolution has along one side.\"""
        ### BEGIN SOLUTION
        return (side + 2 * padding - kernel) // stride + 1
        ### END SOLUTION

    # %% nbgrader={"grade": true, "grade_id": "check_output_size", "locked": true, "points": 1,
    #    "schema_version": 3, "solution": false, "task": false}                 (all on one line)
    check.output_size(output_size)

In the student's notebook the solution becomes a ``raise NotImplementedError`` that names the
exercise, and says how to ask for a hint. For grading (``lessons/grading.py``) each check's cell gets a
hidden test (``GRADED`` in ``lessons/notebooks.py``): it fails where the answer is wrong, and uses other
numbers, so that nobody passes with the visible ones by heart. Neither notebook shows it. Every exercise
that a lesson has in `tinyunet.exercises` appears in it once, and the other way round.

Checks are written in ``tinyunet/exercises/lesson_NN.py``, or where they are many in the files of a
folder ``lesson_NN``; how, is said in `tinyunet.exercises.registry` and `tinyunet.exercises.trial`. For
each exercise, the dict ``WRONG`` of ``tests/exercises/test_lesson_NN.py`` holds at least three
usual wrong answers, and the words that name the mistake ("" where the check cannot know it);
``ALSO_RIGHT``, and ``tests/exercises/other_answers``, hold right answers that are not ours.

**What is measured** is printed, and beside it a prediction, which is a cell of its own:

    predict("mean IoU of FCN-32s", 0.4)
    measured("mean IoU of FCN-32s", scores["32s"])

What stands in the source is a plausible reader's example; the student's notebook has ``...`` there.
``measured`` can stand alone, too; a lesson has at least three. Where the lessons are built or tested,
a value outside its range is an error. So ranges are honest, but wide enough for a slow or busy machine.
They stand out of a reader's sight, in ``tinyunet/exercises/lesson_NN/ranges.py``, and say of what kind
a value is:

    RANGES = {
        "mean IoU of FCN-32s": (0.2, 0.5),                     a number; None for no limit
        "shape of the scores": ((1, 2, 2, 6),),                a shape: those allowed
        "with indices it has": ("the same",),                  a choice: those allowed
        "loss of FCN-32s": [(0, 1.5, 2.1), (400, None, 0.9)],  a curve: (x, low, high) for some x
    }
    SMALL = {"mean IoU of FCN-32s": (0, 1)}                    at small size; not there: anything finite

A choice is asked for by ``predict("with indices it has", "more", choices=("more", "fewer"))``.

**A quiz** of five questions closes a lesson. A question and its lettered choices stand in a text, and
below it ``quiz("which stride spoils poles", "b")`` in a cell. Why each choice is right or wrong says
``tinyunet/exercises/lesson_NN/quiz.py``:

    QUIZ = {"which stride spoils poles": Quiz("b", {"a": "That one ...", "b": "...", "c": "..."})}

**A picture** has words for those who cannot see it, in the header of its cell: what is seen, and what
it shows, in a sentence or two. The build puts them into the output, and refuses pictures without:

    # %% jupyter={"source_hidden": true} alt="Two curves fall; the one with momentum falls faster."

Where readers want to move something, `tu.plots.slider` draws a figure for each of ten values or so.

**Small size**: ``from tinyunet.exercises import small`` is True in tests, where every lesson has to run
in about 15 seconds: ``steps = 20 if small else 400``. Then what training reaches has no range.

**How long it takes** to read and to do, `lessons.minutes` computes from the source: at most 75 minutes.
Folded cells do not count, nor does what follows a heading ``## For the curious: ...``.

**Terms** are bold where they are defined, and only there; `lessons.glossary` makes the glossary of them
with the sentences in which they stand. What is bold for another reason, `lessons.glossary` has to know.
Other lessons are links, ``[lesson 2](02_backward_and_proof.ipynb)``, and so are papers.

**Outputs** hold no warning, path, date or name of a machine; the build says where they do, and writes
nothing. A cell that draws ends with ``plt.show()``. Figures: few, of 110 dots an inch
(``plt.rcParams["figure.dpi"] = 110``), and moving ones with `tu.plots.animate`. Everything random has a
seed. A lesson downloads nothing and writes no file.

**Stale** is a notebook when its source changed, or a definition of the package that it uses: a
function, class or constant, and those whose names are in it. Where they are written does not count,
nor do comments, docstrings and annotations. So use by name what you use: ``tu.Conv2d`` counts as this
class and what it needs, but ``tu`` or ``tu.data`` alone, handed on, as all that is in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from lessons import pages
from lessons.freshness import changes, fingerprints
from lessons.notebooks import (
    read,
    solved,
    solved_path,
    sources,
    student,
    student_path,
)
from lessons.running import problems, run

SHOWN = 8  # changes of the package that are named


def stale(source: Path) -> list[str]:
    """Say why a lesson's notebooks have to be made again; nothing if they are fresh."""
    if not (solved_path(source).exists() and student_path(source).exists()):
        return [f"{source.stem}.ipynb is missing"]
    stored, fresh = nbformat.read(solved_path(source), as_version=4), solved(source)
    reasons = []
    before = stored.metadata.get("tinyunet", {})
    if _texts(stored) != _texts(fresh) or _about(before) != _about(fresh.metadata.tinyunet):
        reasons.append("its source changed")
    if (
        nbformat.writes(student(source))
        != student_path(source).read_text(encoding="utf-8").rstrip()
    ):
        reasons.append("its exercises changed")
    changed = changes(uses(source), before.get("made_with", {}))
    more = [f"and {len(changed) - SHOWN} more"] if len(changed) > SHOWN else []
    return reasons + changed[:SHOWN] + more


def uses(source: Path) -> dict[str, str]:
    """Fingerprints of the package's definitions that a lesson uses."""
    return fingerprints(source.read_text(encoding="utf-8"), lesson=int(source.stem[:2]))


def make(source: Path) -> list[str]:
    """Make both notebooks of a source; return what is wrong with the outputs (then nothing is kept)."""
    made_with = uses(source)
    notebook = run(solved(source))
    notebook.metadata.tinyunet["made_with"] = made_with
    if found := problems(notebook):
        return found
    write(notebook, solved_path(source))
    write(student(source), student_path(source))
    return []


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook as it is, with a newline at the end."""
    path.parent.mkdir(exist_ok=True)
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def _texts(notebook: NotebookNode) -> list[tuple]:
    return [(c.cell_type, c.id, c.source, _plain(c.metadata)) for c in notebook.cells]


def _plain(metadata: NotebookNode) -> dict:
    return {key: value for key, value in metadata.items() if key != "execution"}


def _about(metadata: dict) -> dict:
    return {key: value for key, value in metadata.items() if key != "made_with"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser("python -m lessons.build", description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names, such as 01; default: all")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    parser.add_argument("--small", action="store_true", help="a quick trial run; writes nothing")
    given = parser.parse_args(arguments)
    chosen = [s for s in sources() if not given.lessons or s.stem.startswith(tuple(given.lessons))]
    if not chosen:
        parser.error(f"no lesson is called {' or '.join(given.lessons)}")
    failed = False
    for source in chosen:
        reasons = stale(source)
        if given.check or (not reasons and not given.lessons and not given.small):
            print(f"{source.stem}: {'stale: ' + ', '.join(reasons) if reasons else 'fresh'}")
            failed |= bool(reasons)
            continue
        start = time.perf_counter()
        try:
            found = problems(run(solved(source), small=True)) if given.small else make(source)
        except CellExecutionError as error:
            found = [str(error)]
        seconds, stated = time.perf_counter() - start, read(source).metadata.tinyunet["time"]
        size = " at small size" if given.small else f" (stated: {stated})"
        print(f"{source.stem}: {seconds:.0f} s{size}{', FAILED' if found else ''}")
        for line in found:
            print(f"  {line}")
        failed |= bool(found)
    if not (given.check or given.small):
        pages.update()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
