"""Lesson 20: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "half sure": Quiz(
        "b",
        {
            "a": "0.3 is below 0.5, but the weight has lowered it: such probabilities cannot "
            "be believed.",
            "b": "q / (1 - q) = 5 * 0.3 / 0.7, so q is about 0.68: more often cell than not.",
            "c": "What is more probable does not depend on it; what is called cell does.",
        },
    ),
    "always wrong by as much": Quiz(
        "a",
        {
            "a": "What it says comes true as often as it says. And yet it is useless: it tells"
            " nothing apart.",
            "b": "Of the pixels with that probability, just that share is cell.",
            "c": "One bin has all pixels, and one point can be drawn.",
        },
    ),
    "looks that agree": Quiz(
        "b",
        {
            "a": "That is just what the mean makes smaller.",
            "b": "It is in all eight answers, so it is in their mean.",
            "c": "Its size does not matter: if only some of the looks make it, the mean makes "
            "it smaller.",
        },
    ),
    "a bridge": Quiz(
        "c",
        {
            "a": "The bridge at 0.6 is above 0.5, too: it is the cores that part the cells.",
            "b": "A higher threshold never joins regions.",
            "c": "At 0.3 as at 0.5 they are one region with two cores; what changes is their "
            "outline.",
        },
    ),
    "which threshold to report": Quiz(
        "b",
        {
            "a": "Then no single set of cells has both scores; nobody could get what was reported.",
            "b": "One answer, all its scores, and the choice made on other images.",
            "c": "0.5 is a choice as well, and here a bad one for either score.",
        },
    ),
}
