"""Lesson 4: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "how long is it": Quiz(
        "b",
        {
            "a": "Side times stride is right only where kernel and stride are equal.",
            "b": "The last stamp begins at (10 - 1) * 2 = 18 and is 3 long.",
            "c": "The first stamp begins at 0, so the last one begins at 9 * 2 and not at 10 * 2.",
        },
    ),
    "why not deconvolution": Quiz(
        "b",
        {
            "a": "Who undoes a convolution has to know its weights as well.",
            "b": "Down and up again gave the same shape, and numbers that were far off.",
            "c": "It is a layer like any, with a forward pass of its own.",
        },
    ),
    "the way back": Quiz(
        "a",
        {
            "a": "Forward is A^T x, so backward is A dy: the convolution whose transpose the "
            "layer is.",
            "b": "That would be larger than dy; dx has to be as small as x.",
            "c": "A gradient is never divided by weights: backward multiplies by the transpose.",
        },
    ),
    "evenly hit": Quiz(
        "c",
        {
            "a": "Equally many, but not the same: at each place relative to the stamps other "
            "weights.",
            "b": "The bilinear stamps overlap, too, and a flat image stayed flat.",
            "c": "Those that meet need the same sum at each pixel. The bilinear kernel has "
            "such weights, random ones have not.",
        },
    ),
    "it sleeps": Quiz(
        "c",
        {
            "a": "With kernel 3 it is not: there, later stamps overwrite earlier ones.",
            "b": "At this setting = and += do exactly the same: no tolerance could tell.",
            "c": "A test says something about what it tries. Choose settings that could fail.",
        },
    ),
}
