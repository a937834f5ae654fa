"""Lesson 10: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "one pixel more": Quiz(
        "c",
        {
            "a": "What is lost does not depend on the side, but the side has to fit.",
            "b": "Nothing cuts the odd pixel off: the pooling would have to leave it out.",
            "c": "After two convolutions it is 45, and a pooling needs an even side.",
        },
    ),
    "a moved image": Quiz(
        "b",
        {
            "a": "That holds for multiples of 8. Else pixels fall into other windows of the "
            "poolings.",
            "b": "Three poolings have a grid of 8 pixels, and 2 is no multiple of 8.",
            "c": "The network sees other pixels at each place, so it answers something else.",
        },
    ),
    "small tiles": Quiz(
        "a",
        {
            "a": "Aligned tiles fit exactly, but each reads 204 x 204 pixels for 16 x 16 new ones.",
            "b": "16 is a multiple of 2^4 and each tile has its margin, so nothing changes.",
            "c": "The margin of 92 pixels is read for each tile, however small it is.",
        },
    ),
    "seams away": Quiz(
        "c",
        {
            "a": "The zeros around a tile stay what they are, however well the network has "
            "learned.",
            "b": "That leaves gaps, or moves tiles off the grid; the zeros stay.",
            "c": "Where the rim is as wide as the zeros reach, what is kept has not seen them.",
        },
    ),
    "chessboard": Quiz(
        "a",
        {
            "a": "It should be a multiple of 2^d. With half a step of the grid too many, every"
            " second tile meets it again.",
            "b": "That changes tiles at the border of the image, not every second one.",
            "c": "What it has learned is the same in all tiles.",
        },
    ),
}
