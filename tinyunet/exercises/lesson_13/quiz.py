"""Lesson 13: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "twenty ghosts": Quiz(
        "a",
        {
            "a": "SEG is a mean over the true cells; a predicted one that has none is not in it.",
            "b": "F1 divides by the number of predicted cells as well, so it falls.",
            "c": "The ghosts' pixels are in the union of the masks, so it falls.",
        },
    ),
    "two in one": Quiz(
        "b",
        {
            "a": "The predicted cell has 20 pixels, so its IoU with either is 10 / 20.",
            "b": "It covers more than half of each, at an IoU of 0.5: for F1 that is not enough.",
            "c": "All of a true cell is more than half of it: SEG does count the IoU of 0.5.",
        },
    ),
    "thin outlines": Quiz(
        "b",
        {
            "a": "It looks at nothing but pairs of pixels.",
            "b": "The gaps are closed by that, so their width does not matter.",
            "c": "So is F1. A mean of split and merge would be low if either were.",
        },
    ),
    "the wrong heap": Quiz(
        "a",
        {
            "a": "The best of many moments is best partly by chance, on just these images.",
            "b": "A moment is chosen, and that is fitting, too: a little, but in one's own favour.",
            "c": "The training images stay as they are. What is lost is an honest verdict.",
        },
    ),
    "is it luck": Quiz(
        "b",
        {
            "a": "Most of the 0.1 is how hard an image is, and that is the same for both methods.",
            "b": "In the differences what makes an image hard for both is gone.",
            "c": "Pixels of one image are not independent; images are.",
        },
    ),
}
