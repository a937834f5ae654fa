"""Lesson 15: its questions."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "what a sum on the device is": Quiz(
        "b",
        {
            "a": "Nobody has asked for a number yet: `float(total)` would, and would wait.",
            "b": "The order is written; the result will lie on the device, as an array without"
            " axes.",
            "c": "What is computed from device arrays stays on the device until it is fetched.",
        },
    ),
    "what travels in every step": Quiz(
        "a",
        {
            "a": "The parameters are there already, and are changed where they lie.",
            "b": "Parameters and gradients stay on the device; moving them would cost a good part of "
            "the step.",
            "c": "The outputs of all layers take longer to move than to compute.",
        },
    ),
    "the same time for every size": Quiz(
        "c",
        {
            "a": "The orders take as long for every size, carrying them out does not.",
            "b": "It would show other numbers than 0.2 milliseconds, such as 0.",
            "c": "The call returns when the orders are written. Wait for a number that needs the "
            "result, then read the clock.",
        },
    ),
    "one seed, two trainings": Quiz(
        "b",
        {
            "a": "float32 has as many digits there. Rounding differs a little, and not at the "
            "start.",
            "b": "A seed is turned into numbers by a recipe, and CuPy's is another one: draw on the "
            "host and move.",
            "c": "A queue that is full makes the host wait; no order is lost.",
        },
    ),
    "the line that waits": Quiz(
        "b",
        {
            "a": "The decision is made on the device, for each entry: no number is needed here.",
            "b": "Python has to know now which way to go, so it has to have the number.",
            "c": "That is a product of two device arrays.",
        },
    ),
}
