"""Lesson 19: its questions."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "six of ten": Quiz(
        "b",
        {
            "a": "The mean of six times black and four times white is a gray, but the median is one of "
            "the values: the one that more than half of the photographs have.",
            "b": "More than half are black, so the median is black: where one of two is likelier, L1 "
            "decides, and never says that it was unsure. The mean is .4 of the way to white.",
            "c": "The other way round: squares have their least at the mean.",
        },
    ),
    "the sign turned round": Quiz(
        "a",
        {
            "a": "Its gradient with respect to z is -p, a thousandth; ours is p - 1, nearly -1. When "
            "the generator is worst it learns least: that is why one asks for real.",
            "b": "Only where p is a half. They have their minimum at the same place, and different "
            "slopes on the way.",
            "c": "The slope of log(1 - p) with respect to p is about 1; with respect to z it is p.",
        },
    ),
    "no gradient into the generator": Quiz(
        "b",
        {
            "a": "It would change what is learned, not only how long it takes.",
            "b": "$L_D$ is small where fakes are recognised. The same weights would be pulled two "
            "ways: once to be found out, once not to be.",
            "c": "It does depend on it, by the second pass.",
        },
    ),
    "half the L1 error": Quiz(
        "c",
        {
            "a": "L1's own network had the least error here, and painted purple.",
            "b": "Truer than what? The median of red and blue is neither.",
            "c": "A network that decides is wrong half of the time, and one that paints the median is "
            "not. Ask for pictures, and for a measure that gray does not win.",
        },
    ),
    "level for an hour": Quiz(
        "a",
        {
            "a": "Both may learn all the time and keep each other's loss level. Only paintings"
            " tell.",
            "b": "Level losses are what two equal opponents have, early and late.",
            "c": "A judge that is sure of everything teaches little. Its loss is no goal by "
            "itself.",
        },
    ),
}
