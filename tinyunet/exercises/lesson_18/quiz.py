"""Lesson 18: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "a stride in front": Quiz(
        "b",
        {
            "a": "That counts both kernels in image pixels; after the stride, neighbours are 2"
            " apart.",
            "b": "3 for the first; the second adds 2 steps of 2 pixels: 3 + 4.",
            "c": "The first layer's stride makes the second one's steps longer, not its own.",
        },
    ),
    "one mean for two cues": Quiz(
        "a",
        {
            "a": "In every image both cues occur, so the mean is the same whichever is on the "
            "left.",
            "b": "It sees all of the image; the trouble is that it does not tell where.",
            "c": "The blobs are found as well as by the others; it is their class that is missing.",
        },
    ),
    "turned images": Quiz(
        "c",
        {
            "a": "A turned image costs about as much as one that is not.",
            "b": "Bins are cut from any map; what a turn changes is the cue.",
            "c": "Turned by 90 degrees, horizontal stripes are vertical, and the label says "
            "otherwise.",
        },
    ),
    "learned, and at chance": Quiz(
        "b",
        {
            "a": "Three times the steps raised the share on training images only.",
            "b": "It knows the training images by heart. What decides lies outside of its field.",
            "c": "It learns well, as the loss shows: but what does not hold for new images.",
        },
    ),
    "what is shown": Quiz(
        "c",
        {
            "a": "Both solved two cues here, at the same cost: this lesson cannot rank them.",
            "b": "At 129 pixels it lost much of its share: bins were larger than it had learned.",
            "c": "All networks found the blobs about equally well, and differed in naming them.",
        },
    ),
}
