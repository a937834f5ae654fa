"""Instant feedback for the exercises of the lessons.

    from tinyunet.exercises import check

    check.output_size(my_function)     right? Else: what is wrong, where first, how large, and why
    check.hint("output_size")          the first hint; called again, the second, then the third
    check                              the list of all exercises
    predict("its side", 570)           a prediction, kept until `measured` says how far off it was
    quiz("its side", "b")              an answer to a question at the end of a lesson

It works the same in a notebook, in a terminal and in a browser: it starts no thread and touches no
file. It never prints a solution.
"""

from tinyunet.exercises.claims import claim, small
from tinyunet.exercises.predictions import measured, predict
from tinyunet.exercises.quizzes import quiz
from tinyunet.exercises.registry import check
from tinyunet.exercises.result import NotSolved, WrongAnswer

__all__ = [
    "NotSolved",
    "WrongAnswer",
    "check",
    "claim",
    "measured",
    "predict",
    "quiz",
    "small",
]
