"""The five questions at the end of a lesson, answered by a letter and checked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyunet.exercises.tables import look_up


@dataclass(frozen=True)
class Quiz:
    """What a question's cell does not show.

    Attributes
    ----------
    answer
        The right letter.
    reasons
        By letter, why a choice is wrong; for the right one, why it is right.
    """

    answer: str
    reasons: dict[str, str]


def quiz(name: str, answer: Any) -> None:
    """Say whether the answer to a question is right, and why.

    Parameters
    ----------
    name
        What the question is called; it stands above, with its lettered choices.
    answer
        A letter. As long as it is ``...``, a line says what to write in its place.

    Raises
    ------
    LookupError
        If no lesson has a question of this name.
    """
    question: Quiz | None = look_up("quiz", "QUIZ", name)
    if question is None:
        raise LookupError(f"no question is called {name!r}")
    letters = sorted(question.reasons)
    wanted = f"one of the letters {', '.join(letters)}, in quotation marks"
    if answer is ...:
        print(f"{name}: write your answer in place of the dots, {wanted}.")
        return
    letter = answer.strip().lower() if isinstance(answer, str) else ""
    if letter not in letters:
        print(f"{name}: {answer!r} is no choice. Write {wanted}.")
    elif letter != question.answer:
        print(f"{name}: {letter} is not right. {question.reasons[letter]}")
    else:
        print(f"{name}: {letter} is right. {question.reasons[letter]}")
        for other in letters:
            if other != letter:
                print(f"  not {other}: {question.reasons[other]}")
