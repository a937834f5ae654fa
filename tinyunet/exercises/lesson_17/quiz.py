"""Lesson 17: its questions."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "how many gradients meet in X11": Quiz(
        "b",
        {
            "a": "Row 1 has four nodes: two concats on the right take X11, those of X12 and X13.",
            "b": "The concats of X12 and X13, and the up-convolution into X02. It has no pooling "
            "and no head.",
            "c": "Heads sit on the top row only.",
        },
    ),
    "sum in place of mean": Quiz(
        "c",
        {
            "a": "The minimum is at the same place, but each step towards it is four times as "
            "long.",
            "b": "That makes the steps sixteen times as long: the gradient has grown already.",
            "c": "The gradient is four times as large, so a quarter of the rate takes the same step. "
            "(Adam divides the gradient by its size, and would hardly notice.)",
        },
    ),
    "why bit for bit": Quiz(
        "a",
        {
            "a": "Head 2 depends on six nodes. To leave out the other nine changes nothing that it "
            "computes.",
            "b": "They are as large as any others. Pruning weights that are close to 0 is another "
            "method, and is not exact.",
            "c": "All heads are compared with the labels, not with each other; and that would make "
            "them alike, not equal.",
        },
    ),
    "sure and wrong": Quiz(
        "c",
        {
            "a": "Dice's gradient has the factor p (1 - p), which is a millionth here.",
            "b": "The other way round: p (1 - p) is a millionth, p - t nearly -1.",
            "c": "p - t is nearly -1, whatever the sigmoid's slope is; Dice's gradient has a factor of "
            "a millionth. That is one reason to have both.",
        },
    ),
    "one run each": Quiz(
        "b",
        {
            "a": "Seeds alone may differ by more. How much they do, two runs cannot tell.",
            "b": "Without the spread over seeds the gap has nothing to be compared with.",
            "c": "More parameters cost memory and time; they do not make a score worse.",
        },
    ),
}
