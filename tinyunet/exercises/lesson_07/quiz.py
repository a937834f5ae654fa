"""Lesson 7: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "a size that fits": Quiz(
        "b",
        {
            "a": "8 divides it, but 4 pixels go before each halving: 92, 46; 42, 21; 17 is odd.",
            "b": "96, 48; 44, 22; 18, 9: three halvings that come out even. Then 5, and up again.",
            "c": "98, 49: the second pooling would get 45 pixels, an odd side.",
        },
    ),
    "twice as wide": Quiz(
        "b",
        {
            "a": "A weight belongs to a pair of channels, one in and one out, and both are "
            "doubled.",
            "b": "Nearly all weights have k * k * a * b numbers, and a and b are both doubled.",
            "c": "The same kernels go over every image: their number knows nothing of its size.",
        },
    ),
    "the gradient that waits": Quiz(
        "a",
        {
            "a": "A layer's backward runs once for each forward, with the sum of all that came"
            " back.",
            "b": "Both have the shape of what was forked; the frame of zeros changes nothing "
            "in that.",
            "c": "Keeping it costs memory, about as much as what went across.",
        },
    ),
    "right to nine digits": Quiz(
        "c",
        {
            "a": "With the inputs of the concat exchanged it passed as well, and the output was "
            "another one.",
            "b": "With a learning rate of 0 the gradients are as right, and nothing is learned.",
            "c": "It compares backward with differences of forward, and knows nothing else.",
        },
    ),
    "one image, not learned": Quiz(
        "b",
        {
            "a": "One image is the easiest task that there is: who cannot learn it learns no "
            "others.",
            "b": "It has far more parameters than the image has pixels, so something is broken.",
            "c": "Even the small one has several times as many parameters as there are pixels.",
        },
    ),
}
