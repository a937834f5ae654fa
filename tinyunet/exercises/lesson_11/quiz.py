"""Lesson 11: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "turned digits": Quiz(
        "c",
        {
            "a": "A cell that was turned is a cell. A digit that was turned may be another, or"
            " none.",
            "b": "It does harm: some images now have a label that is wrong.",
            "c": "Upside down it is a 9. Only changes that keep the label right may be made.",
        },
    ),
    "half an area": Quiz(
        "a",
        {
            "a": "Each new pixel shows two old ones, so half as many new pixels show all of it.",
            "b": "The map goes from new to old: what it enlarges becomes smaller in the picture.",
            "c": "Folded it is where det J is below 0.",
        },
    ),
    "smooth training": Quiz(
        "b",
        {
            "a": "That happens to labels. Gray values do have a mean.",
            "b": "A third of the noise is gone from the warped images, and test images have "
            "all of it.",
            "c": "Folding depends on the field, not on how one reads between pixels.",
        },
    ),
    "loss up, IoU steady": Quiz(
        "a",
        {
            "a": "The loss is -log p: it grows without end where a wrong pixel's p goes to 0.",
            "b": "Then the IoU would have fallen as well, since it counts wrong pixels.",
            "c": "Both may be right: they measure different things.",
        },
    ),
    "forgotten weights": Quiz(
        "b",
        {
            "a": "The shapes fit, and a weight is a number like any other.",
            "b": "All runs as before. One has to look where the heavy pixels lie: in the "
            "lesson, a quarter of them lay on outlines.",
            "c": "It falls, since the labels are right; other pixels count more than they should.",
        },
    ),
}
