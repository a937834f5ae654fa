"""The list of exercises: each has a check, a lesson and three hints.

A lesson's exercises are in a folder of its own, ``lesson_NN``, whose files its ``__init__.py``
imports, in the lesson's order; nothing else needs to know of them:

    @exercise(lesson=1, hints=("a nudge", "the idea", "almost the line of code"))
    def output_size(trial):
        \"""How many outputs a convolution has along a side.\"""
        for side, kernel in ((5, 3), (7, 4)):
            trial.compare(trial.call(side=side, kernel=kernel), {"result": side - kernel + 1})
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyunet.exercises.result import Hint, NotSolved, Result, WrongAnswer
from tinyunet.exercises.trial import Stop, Trial

HINTS = 3


@dataclass(frozen=True)
class Exercise:
    """An exercise; calling it checks a student's answer.

    Attributes
    ----------
    name, lesson
        What it is called, and the number of its lesson.
    title
        A line that says what the student writes.
    hints
        Three, each saying more than the one before.
    examine
        Examines an answer through the `Trial` that it is given.
    """

    name: str
    lesson: int
    title: str
    hints: tuple[str, ...]
    examine: Callable[[Trial], None]

    def __call__(self, answer: Any = ..., *, strict: bool = False, seed: int = 0) -> Result:
        """Check an answer and return the result.

        Parameters
        ----------
        answer
            The student's function (or, in a few exercises, a value).
        strict
            Raise `WrongAnswer` where the answer is not right: for automatic grading.
        seed
            Check with other numbers than a lesson does: for hidden tests. Any whole number above 0.

        Raises
        ------
        NotSolved
            If the answer is still the empty one that the exercise began with.
        TypeError
            If none is given.
        """
        if answer is ...:
            raise TypeError(f"what should be checked? Hand it over: check.{self.name}({self.name})")
        trial = Trial(answer, seed)
        try:
            self.examine(trial)
        except Stop:
            pass
        except NotImplementedError as error:
            raise NotSolved(str(error) or f"Exercise {self.name} is not solved yet.") from None
        result = Result(self.name, trial.findings(), trial.setting, trial.summary())
        if strict and not result.passed:
            raise WrongAnswer(str(result))
        return result

    def __repr__(self) -> str:
        return f"check.{self.name}(...): {self.title} (lesson {self.lesson})"


_exercises: dict[str, Exercise] = {}


def exercise(*, lesson: int, hints: tuple[str, ...]) -> Callable:
    """Register a function as the check of the exercise of its name; see this file's beginning."""

    def register(examine: Callable[[Trial], None]) -> Exercise:
        name = examine.__name__
        if name in _exercises or hasattr(Check, name):
            raise ValueError(f"there is a check.{name} already")
        if len(hints) != HINTS:
            raise ValueError(f"exercise {name} needs {HINTS} hints, got {len(hints)}")
        title = (examine.__doc__ or "").strip().splitlines()
        if not title:
            raise ValueError(f"exercise {name} needs a docstring that says what it is about")
        _exercises[name] = Exercise(name, lesson, title[0].rstrip("."), tuple(hints), examine)
        return _exercises[name]

    return register


class Check:
    """All checks by name: ``check.output_size(my_function)``."""

    def __init__(self) -> None:
        self._hints_given: dict[str, int] = {}

    def exercises(self, lesson: int | None = None) -> dict[str, Exercise]:
        """Return the exercises by name, in the order of the lessons; of one lesson if it is given."""
        package = importlib.import_module("tinyunet.exercises")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("lesson_"):
                importlib.import_module(f"tinyunet.exercises.{module.name}")
        found = sorted(_exercises.values(), key=lambda e: e.lesson)
        return {e.name: e for e in found if lesson in (None, e.lesson)}

    def hint(self, name: str = "", number: int | None = None) -> Hint:
        """Return the next hint for an exercise, or the one with a number from 1 to 3."""
        if not isinstance(name, str) or not name:
            raise TypeError('a hint for which exercise? Say its name: check.hint("output_size")')
        wanted = self._find(name)
        if number is None:
            number = self._hints_given.get(name, 0) + 1
            self._hints_given[name] = number
        elif not 1 <= number <= HINTS:
            raise ValueError(f"hints are numbered from 1 to {HINTS}, got {number}")
        if number > HINTS:
            text = (
                f"those were all {HINTS} hints. check.hint({name!r}, 1) shows the first again; the "
                "lesson's solved notebook has an answer, if you would like to compare."
            )
            return Hint(name, 0, HINTS, text)
        return Hint(name, number, HINTS, wanted.hints[number - 1])

    def _find(self, name: str) -> Exercise:
        exercises = self.exercises()
        if name not in exercises:
            near = difflib.get_close_matches(name, [*exercises, "hint", "exercises"])
            meant = f"did you mean {' or '.join(near)}?" if near else "print(check) lists them all."
            raise AttributeError(f"no exercise is called {name!r}: {meant}")
        return exercises[name]

    def __getattr__(self, name: str) -> Exercise:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._find(name)

    def __dir__(self) -> list[str]:
        return ["exercises", "hint", *self.exercises()]

    def __repr__(self) -> str:
        lines = [f"lesson {e.lesson}: check.{e.name}: {e.title}" for e in self.exercises().values()]
        return "\n".join(lines)


check = Check()
