"""Lesson 21: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "all background": Quiz(
        "a",
        {
            "a": "No cell in the truth and none predicted: both sums are 0, and s makes D = 1.",
            "b": "Dice counts pixels of cells, so large cells do count more.",
            "c": "Where cells are few it helps a little, but that is not what it is there for.",
        },
    ),
    "ten times the background": Quiz(
        "b",
        {
            "a": "With p = g = 0 the new pixels are in no sum of the cells' D.",
            "b": "The cross-entropy is a mean, and easy pixels lower it; D does not see them.",
            "c": "It is the other way round: the mean is what easy pixels change.",
        },
    ),
    "why Dice misses borders": Quiz(
        "c",
        {
            "a": "Each pixel has its gradient, 2 w (g - p D) / B, on a line as elsewhere.",
            "b": "That was not tried here; and with the border term the same steps were enough.",
            "c": "So even all of them together hardly move D, unless weights make them count.",
        },
    ),
    "a sum that is 0": Quiz(
        "a",
        {
            "a": "A step along (1, 1, ...) leaves the loss as it is, so that slope is 0.",
            "b": "The probabilities sum to 1 always; so what they gain and lose sums to 0.",
            "c": "In p_k (dp_k - sum dp_j p_j) the sum over k cancels.",
        },
    ),
    "two networks, one threshold": Quiz(
        "c",
        {
            "a": "B might merge as few at a threshold at which its IoU is that of A.",
            "b": "Merged cells cost the biologist more, and IoU hardly sees them.",
            "c": "Perhaps B at a higher threshold is the same as A. Compare whole curves, or "
            "at equal cost.",
        },
    ),
}
