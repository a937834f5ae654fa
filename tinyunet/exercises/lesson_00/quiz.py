"""Lesson 0: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "a rare thing": Quiz(
        "b",
        {
            "a": "It may have found none: if defects cover 0.1 %, all black is as accurate.",
            "b": "If defects cover 0.1 % of the pixels, a program that does nothing gets 99.9 %.",
            "c": "Accuracy counts the background that is called background; IoU leaves it out.",
        },
    ),
    "half of it": Quiz(
        "c",
        {
            "a": "That is the precision: what it calls cell is cell. The missed half counts, too.",
            "b": "That would be the shift by half a cell: then the union is larger than the cell.",
            "c": "The intersection is half of the cell, and the union the whole cell.",
        },
    ),
    "three classes": Quiz(
        "a",
        {
            "a": "-2 is the largest of the three, and only that counts.",
            "b": "Signs count: -7 is the smallest score, not the largest.",
            "c": "There is always a largest score. 0 is no limit, since scores are no "
            "probabilities.",
        },
    ),
    "in a dark corner": Quiz(
        "c",
        {
            "a": "No rule gets above the ceiling, which chose with the truth before its eyes.",
            "b": "The threshold is not too coarse: there is none that is right for both corners.",
            "c": "Beside its dark neighbours a pale cell is bright. A threshold sees one pixel"
            " alone.",
        },
    ),
    "follow the iou": Quiz(
        "a",
        {
            "a": "Labels jump when one score overtakes another, and stay where they are in "
            "between.",
            "b": "It is a few sums. The trouble is that its slope says nothing.",
            "c": "That makes it a good judge. A measure with the background would jump just as"
            " well.",
        },
    ),
}
