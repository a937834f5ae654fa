"""Lesson 6: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "a gradient of zero": Quiz(
        "a",
        {
            "a": "A gradient says how the loss changes with a number, and with this one it "
            "does not.",
            "b": "Its place does not matter: a border pixel that is kept has a gradient like any.",
            "c": "Nothing that happens beside it makes the loss depend on it.",
        },
    ),
    "three ways": Quiz(
        "c",
        {
            "a": "Move the array a little: the loss changes along every way, and by all of it.",
            "b": "The smaller ones change the loss as well.",
            "c": "A fork forward is a sum backward, of as many gradients as there are ways.",
        },
    ),
    "added, not joined": Quiz(
        "b",
        {
            "a": "If a grows by 1, so does y, whatever b is: by 1 and not by a half.",
            "b": "Each number of y moves as a's does and as b's does. Only do not write into "
            "dy then.",
            "c": "That is the concat. In a sum, every channel of y comes from both.",
        },
    ),
    "a loss that falls": Quiz(
        "c",
        {
            "a": "Both wrong networks of this lesson trained as well as the right one.",
            "b": "One whole gradient of two was lost at every fork: that is not nearly right.",
            "c": "A network with half of its gradients lost did the same. Check the gradient.",
        },
    ),
    "where to look": Quiz(
        "b",
        {
            "a": "The decoder and the bottom use the same convolution, and are right.",
            "b": "What the encoder gets is put together there, for all levels above a pooling.",
            "c": "All gradients come from the loss: then everything would be wrong.",
        },
    ),
}
