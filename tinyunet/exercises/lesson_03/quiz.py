"""Lesson 3: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "ten in a row": Quiz(
        "a",
        {
            "a": "Each adds 2 to the side of the kernel that does the work of all: 3 + 9 * 2.",
            "b": "A product of matrices is a matrix: all ten are one linear function.",
            "c": "It sees farther than 3 pixels: the second one's window covers 5, and so on.",
        },
    ),
    "four zeros": Quiz(
        "c",
        {
            "a": "That is mean pooling. Here one pixel gets all, the first maximum.",
            "b": "Pooling sends it there, but the ReLU's gate is shut: x was not above 0.",
            "c": "Pooling gives it to the top left zero, and the ReLU's gate stops it there. "
            "It is why shared ties do no harm behind a ReLU.",
        },
    ),
    "the check complains": Quiz(
        "b",
        {
            "a": "Then all negative numbers would be wrong, not a few, and with any step.",
            "b": "Then (x + eps) / (2 eps) comes out, a slope of nothing. Hold the decisions.",
            "c": "Its rounding is some 1e-11 of the slope, far from that.",
        },
    ),
    "the negative": Quiz(
        "b",
        {
            "a": "Of 7, 3, 5, 2 the negative has the maximum -2, not -7.",
            "b": "For the negative, the smallest number wins. A linear function cannot do that.",
            "c": "In 7, 3, 5, 2 there is no tie, and yet -2 is not -7.",
        },
    ),
    "saved memory": Quiz(
        "c",
        {
            "a": "In a chain of layers that is so. A U-Net has forks.",
            "b": "The dtype does not matter: it is about whose array that is.",
            "c": "The skip connection gets the same array, and finds holes in it.",
        },
    ),
}
