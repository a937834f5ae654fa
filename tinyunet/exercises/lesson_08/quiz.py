"""Lesson 8: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "more channels": Quiz(
        "b",
        {
            "a": "A value is a sum over the channels: with twice as many terms it grows.",
            "b": "Twice the N doubles the mean square in each layer: 2^10, and its root is 2^5.",
            "c": "That is 2^10, by how much the mean square grows. The values grow by its root.",
        },
    ),
    "momentum comes in": Quiz(
        "c",
        {
            "a": "Momentum makes steps 10 times longer already: these would be 100 times as long.",
            "b": "The steps would be 10 times as long as those that you know to be right.",
            "c": "Momentum makes steps up to 1 / (1 - 0.9) = 10 times longer, so take a tenth.",
        },
    ),
    "loss times 1000": Quiz(
        "a",
        {
            "a": "The mean grows by 1000, and so does the root of the mean square: the "
            "quotient stays.",
            "b": "That is what plain SGD does, and SGD with momentum.",
            "c": "Adam divides by the size of the gradients, but what it divides has grown as "
            "well.",
        },
    ),
    "95 % right": Quiz(
        "b",
        {
            "a": "A network that sees nothing has this very loss, and waiting does not wake it up.",
            "b": "H(q) is the loss of one answer for all pixels, and 95 % is the share of the "
            "others.",
            "c": "First find out whether this network sees the image at all.",
        },
    ),
    "all equal": Quiz(
        "c",
        {
            "a": "Only if they are 0. Else each weight has a gradient, but all channels have "
            "the same.",
            "b": "All channels see the same images, and so get the same gradient.",
            "c": "Equal channels compute the same, get the same gradient, and take the same step.",
        },
    ),
}
