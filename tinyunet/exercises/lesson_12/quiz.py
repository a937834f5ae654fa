"""Lesson 12: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "why a perfect mask merges": Quiz(
        "b",
        {
            "a": "The mask is perfect at any threshold: its pixels are 0 and 1.",
            "b": "It says where there is cell, not which one: what touches is one component.",
            "c": "With corners as neighbours more hangs together, and more cells merge.",
        },
    ),
    "two distances": Quiz(
        "a",
        {
            "a": "Only where a second cell is near, too, is there a gap that has to stay open.",
            "b": "A smaller sigma would mend that, and still mark the rim of every lonely cell.",
            "c": "The distances are those to the cells' rims; centres play no part.",
        },
    ),
    "borders, unweighted": Quiz(
        "b",
        {
            "a": "With the border term the same network finds many of them.",
            "b": "The loss is a mean over pixels. Three in a thousand add next to nothing to it.",
            "c": "A perfect mask with these borders merges nothing.",
        },
    ),
    "nothing merged": Quiz(
        "c",
        {
            "a": "So it may be; but a network that finds no cell merges none, either.",
            "b": "Thin masks merge less, but 0 merged cells can be had in worse ways.",
            "c": "All black merges nothing. One needs a score beside it that pays for what was"
            " missed.",
        },
    ),
    "larger nuclei": Quiz(
        "c",
        {
            "a": "Then a gap of 2 pixels would get less weight than its gap of 1 had before.",
            "b": "Its unit is a pixel: it is compared with d1 + d2.",
            "c": "d1 + d2 is about twice as large, so sigma has to be, for the same quotient.",
        },
    ),
}
