"""Lesson 5: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "ten classes": Quiz(
        "b",
        {
            "a": "That is log 2, for two classes: with ten, the right one gets about a tenth.",
            "b": "About a tenth for each class, and -log(1/10) = log 10 = 2.3.",
            "c": "The loss grows with the logarithm of the number of classes, not with the number.",
        },
    ),
    "certain and wrong": Quiz(
        "b",
        {
            "a": "That would be 1 - p. The surprise has no upper limit.",
            "b": "log(e^0 + e^50) is 50, less the right class's logit, 0.",
            "c": "p is e^-50: small, but not 0. Log-sum-exp needs no p and stays finite in any"
            " case.",
        },
    ),
    "which pulls hardest": Quiz(
        "c",
        {
            "a": "p - 1 is -0.01 there: what is right already hardly pulls.",
            "b": "It is the least certain, but p - 1 is only -0.5.",
            "c": "p - 1 is -0.99: the more wrong and certain, the larger, up to 1.",
        },
    ),
    "a larger batch": Quiz(
        "b",
        {
            "a": "A sum would. The loss is divided by the number of pixels of all images together.",
            "b": "It is a mean over all pixels, whichever image they are in.",
            "c": "Twice as many surprises are divided by twice as many pixels.",
        },
    ),
    "all black": Quiz(
        "c",
        {
            "a": "Where nothing is seen, 0.03 everywhere is the least loss that there is.",
            "b": "With broken labels it would end there; after 20 steps it is a usual first thing.",
            "c": "The share of cells is the easiest thing to learn, and comes first; where "
            "they are comes later.",
        },
    ),
}
