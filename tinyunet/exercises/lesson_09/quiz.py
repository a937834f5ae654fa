"""Lesson 9: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "where a path forks": Quiz(
        "b",
        {
            "a": "Each way changes the loss by its own part; a mean would count both half.",
            "b": "A small change acts on the loss through both ways, and the two effects add.",
            "c": "The smaller effect is an effect, too. That is about the bug that you saw.",
        },
    ),
    "what indices carry": Quiz(
        "c",
        {
            "a": "You wrote it: dy is read where forward wrote.",
            "b": "They need less: 2 bits for each window, and concat 4 numbers.",
            "c": "They say where the largest value was. The values come from below, where they"
            " have lost the fine detail.",
        },
    ),
    "it trains": Quiz(
        "a",
        {
            "a": "With the bug of this lesson, a network scored nearly as well. Only a check "
            "tells.",
            "b": "In the lesson all gradients of the encoder were wrong, that is, of half the "
            "layers.",
            "c": "Many wrong gradients still point roughly downhill, and so the loss falls.",
        },
    ),
    "equal parameters": Quiz(
        "b",
        {
            "a": "Equal numbers of weights do not take equal time: it depends on where they are.",
            "b": "A comparison changes one thing only; here, what goes across.",
            "c": "The shapes fit with the narrow middle as well.",
        },
    ),
    "seed by seed": Quiz(
        "c",
        {
            "a": "The bars show how seeds scatter; the differences may scatter much less.",
            "b": "Five seeds say something about these images and this length of training.",
            "c": "Both got the same images in the same order: what seeds share cancels.",
        },
    ),
}
