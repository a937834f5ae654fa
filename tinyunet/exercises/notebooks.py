"""How much of a student's copy of the lessons is done: exercises, predictions, quizzes."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path

from tinyunet.exercises.tables import look_up

PACKAGE = Path(__file__).parents[1]
UNSOLVED = "is not solved yet."  # every empty answer says so
COUNTS = ("exercises", "begun", "solved", "predictions", "predicted", "questions", "right")


@dataclass(frozen=True)
class Progress:
    """One lesson, and how many of its exercises are done.

    Attributes
    ----------
    number, title, time
        The lesson, and how long it takes to run.
    exercises
        How many it has.
    begun
        In how many of them the empty answer was replaced.
    solved
        How many of these passed their check, as the output of the check in the saved notebook says.
    predictions, predicted
        How many it asks for, and how many are written down.
    questions, right
        How many its quiz has, and how many are answered rightly.
    """

    number: int
    title: str
    time: str
    exercises: int
    begun: int
    solved: int
    predictions: int = 0
    predicted: int = 0
    questions: int = 0
    right: int = 0


def original() -> Path:
    """The folder with the lessons: in a clone of the repository, or in the installed package."""
    for folder in (PACKAGE.parent / "lessons", PACKAGE / "lesson_files"):
        if list(folder.glob("exercises/*.ipynb")):
            return folder
    raise FileNotFoundError("this installation holds no lessons: install the package again")


def progress(folder: Path) -> list[Progress]:
    """Read from the saved notebooks of a copy how far a student is.

    A lesson that was not copied yet counts as not begun.
    """
    rows = []
    for path in sorted((original() / "exercises").glob("*.ipynb")):
        own = folder / "exercises" / path.name
        whole = _read(path)
        about = whole["metadata"]["tinyunet"]
        try:
            cells = _read(own if own.exists() else path)["cells"]
        except (ValueError, KeyError):
            raise ValueError(
                f"{own} is no notebook any more: move it away to get a new one"
            ) from None
        asked, given = answers(whole["cells"]), answers(cells)
        cells = {grade_id: cell for cell in cells if (grade_id := _grade_id(cell))}
        names = [name for name in cells if f"check_{name}" in cells]
        begun = [name for name in names if UNSOLVED not in _flat(cells[name])]
        solved = [name for name in begun if _passed(cells[f"check_{name}"], name)]
        counts = [
            count
            for kind in ("predict", "quiz")
            for count in (len(asked[kind]), _done(kind, given[kind], asked[kind]))
        ]
        rows.append(
            Progress(
                about["lesson"], about["title"], about["time"], len(names), len(begun), len(solved),
                *counts,
            )
        )  # fmt: skip
    return rows


def answers(cells: list[dict]) -> dict[str, dict[str, ast.expr]]:
    """Return what the cells of a notebook hand to ``predict`` and ``quiz``, by name."""
    found: dict[str, dict[str, ast.expr]] = {"predict": {}, "quiz": {}}
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and any(f"{kind}(" in text for kind in found):
            for call in calls(text):
                found[call.func.id][call.args[0].value] = call.args[1]
    return found


def calls(code: str) -> list[ast.Call]:
    """Find the calls of ``predict`` and ``quiz`` with a name and an answer; none in broken code."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError):
        return []
    return [
        node
        for node in nodes
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in ("predict", "quiz")
        and len(node.args) == 2
        and isinstance(getattr(node.args[0], "value", None), str)
    ]


def _done(kind: str, given: dict[str, ast.expr], asked: dict[str, ast.expr]) -> int:
    """How many predictions were written down, or questions answered rightly."""
    written = {
        name: getattr(answer, "value", None)
        for name, answer in given.items()
        if name in asked and getattr(answer, "value", None) is not ...
    }
    if kind == "predict":
        return len(written)
    questions = {name: look_up("quiz", "QUIZ", name) for name in written}
    return sum(
        question is not None and str(written[name]).strip().lower() == question.answer
        for name, question in questions.items()
    )


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _grade_id(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def _flat(cell: dict) -> str:
    """A cell's code with its strings joined: the empty answer's message goes over several lines."""
    return " ".join("".join(cell["source"]).replace('"', "").split())


def _passed(check: dict, name: str) -> bool:
    for output in check.get("outputs", []):
        text = "".join(output.get("data", {}).get("text/plain", ""))
        if text.startswith(f"{name}: passed"):
            return True
    return False


def table(rows: list[Progress]) -> str:
    """The lessons as lines of text."""
    width = max(len(title) for title in ["altogether", *(row.title for row in rows)])
    lines = [f"{'':2}  {'lesson':{width}}  {'runs for':8}  exercises solved"]
    for row in rows:
        done = f"{row.solved} of {row.exercises}"
        more = row.begun - row.solved
        done += f", {more} more begun" if more else ""
        lines.append(f"{row.number:2}  {row.title:{width}}  {row.time:8}  {done}{_beside(row)}")
    counts = {key: sum(getattr(row, key) for row in rows) for key in COUNTS}
    total = Progress(0, "altogether", "", **counts)
    done = f"{total.solved} of {total.exercises}{_beside(total)}"
    lines.append(f"{'':2}  {total.title:{width}}  {'':8}  {done}")
    return "\n".join(lines)


def _beside(row: Progress) -> str:
    """What is counted beside the exercises, where a lesson has it."""
    text = f"; predictions {row.predicted} of {row.predictions}" if row.predictions else ""
    return text + (f"; quiz {row.right} of {row.questions}" if row.questions else "")
