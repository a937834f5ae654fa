"""Lesson 16: its quiz."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "where a coarse stride is wrong": Quiz(
        "c",
        {
            "a": "The curves over the distance from a boundary meet far away and part near it.",
            "b": "There a single coarse score is enough: all its pixels have the same class.",
            "c": "What changes within a stride, one score for the whole stride cannot say.",
        },
    ),
    "padding moves the cut": Quiz(
        "a",
        {
            "a": "b grows more negative by a (p) = 100 at a pitch of 1, and nothing after it "
            "changes.",
            "b": "The first convolution reads the image, whose pitch is 1: nothing is divided "
            "by 32.",
            "c": "It is cut off again only because the cut begins where the image does.",
        },
    ),
    "back through an enlargement": Quiz(
        "b",
        {
            "a": "That would undo it. U is not even square; exercise 3's check caught this one.",
            "b": "x[h] acts on y[i] with the factor U[i, h], so it gets U[i, h] dy[i] from each.",
            "c": "A sum, not a mean, and with the tent's weights: an input acts beyond its "
            "outputs.",
        },
    ),
    "what an index carries": Quiz(
        "c",
        {
            "a": "The values come from below; an index only says where each goes.",
            "b": "An index knows no classes: it is the place of a maximum of features.",
            "c": "Two bits for each window and channel: where, not what.",
            "d": "That would be a U-Net's skip, 64 times as many bits.",
        },
    ),
    "a recall alone": Quiz(
        "a",
        {
            "a": "Recall is cheap: call everything a pole. What it cost, the precision says.",
            "b": "Whoever calls every pixel a pole has a recall of 1.",
            "c": "It hardly can: rare pixels do not move it, and false ones in large classes "
            "lower it.",
        },
    ),
}
