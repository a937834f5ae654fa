"""How long a lesson takes to read and to do, computed from its source.

    python -m lessons.minutes           the minutes of every lesson
    python -m lessons.minutes 14        of one, and what they are made of

Text at 150 words a minute, a minute for a displayed formula, given code at 12 lines a minute, 8 minutes
for an exercise, 5 for a quiz: assumptions, and a beginner needs more. Not counted are folded cells,
and what stands under a heading "For the curious".
"""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from lessons.reading import Cell, cells, sources

WORDS, LINES, EXERCISE, QUIZ = 150, 12, 8, 5  # the first two a minute, the others in minutes
MOST = 75  # minutes of a lesson
FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)
HEADING = re.compile(r"^##? (.*)", re.MULTILINE)


@dataclass
class Effort:
    """What there is to do in a lesson."""

    words: int = 0
    formulas: int = 0
    lines: int = 0
    exercises: int = 0
    quizzes: int = 0

    @property
    def minutes(self) -> int:
        """How long that takes."""
        reading = self.words / WORDS + self.formulas + self.lines / LINES
        return round(reading + EXERCISE * self.exercises + QUIZ * self.quizzes)


@functools.cache
def effort(source: Path) -> Effort:
    """Count what a student has to read and to do."""
    found, part = Effort(), ""
    for cell in cells(source):
        if cell.is_text:
            for text in re.split(r"^(?=##? )", cell.text, flags=re.MULTILINE):
                if heading := HEADING.match(text):
                    part = heading[1]
                    found.quizzes += part == "Quiz"
                if counts(part):
                    _read(text, found)
        elif counts(part) and '"grade": true' not in cell.options:
            _do(cell, found)
    return found


def counts(part: str) -> bool:
    """Whether a part of a lesson is counted by its words and lines."""
    return part != "Quiz" and not part.startswith("For the curious")


def _read(text: str, found: Effort) -> None:
    found.formulas += len(FORMULA.findall(text))
    found.words += len(FORMULA.sub(" ", text).split())


def _do(cell: Cell, found: Effort) -> None:
    if '"solution": true' in cell.options:
        found.exercises += 1
    elif '"source_hidden": true' not in cell.options:
        found.lines += sum(1 for line in cell.text.splitlines() if line.strip())


def main(names: list[str]) -> None:
    """Print the minutes of lessons."""
    for source in sources():
        if not names or source.stem.startswith(tuple(names)):
            found = effort(source)
            print(f"{source.stem}: {found.minutes} minutes{f': {found}' if names else ''}")


if __name__ == "__main__":
    main(sys.argv[1:])
