"""Lesson 2: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "two ways": Quiz(
        "a",
        {
            "a": "Every line counts: 1 * 2 along the first, 10 * 3 along the second, added up.",
            "b": "30 is the larger of the two. Both outputs change when x does, so both ways "
            "count.",
            "c": "16 is their mean. What is copied forward is summed backward; nothing divides.",
        },
    ),
    "a tenth of the loss": Quiz(
        "c",
        {
            "a": "Four of the five planted mistakes did as well.",
            "b": "Mistakes in dw and db were among those with which the loss fell.",
            "c": "Wrong gradients often point roughly the right way. Only a measurement tells.",
        },
    ),
    "a tiny step": Quiz(
        "b",
        {
            "a": "That error shrinks with the step: at 1e-9 there is nothing left of it.",
            "b": "Float32 keeps about 7 digits: near 1, neighbours are 1e-7 apart.",
            "c": "A linear function has a slope, too, and large steps measure it well.",
        },
    ),
    "ones": Quiz(
        "a",
        {
            "a": "A square of ones is its own transpose. A random dy is not.",
            "b": "Then dw is wrong by that factor, whatever dy is.",
            "c": "Then dx is 0 where it should not be, with ones as well.",
        },
    ),
    "sum or mean": Quiz(
        "b",
        {
            "a": "A gradient is no matter of taste: it says how the loss reacts, which is "
            "measurable.",
            "b": "The mean is part of the loss, and its 1 / N arrives in dy. The layer only "
            "adds up.",
            "c": "It would, if all gradients were divided alike; but dx, which goes on, is not.",
        },
    ),
}
