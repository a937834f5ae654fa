"""Lesson 1: the quiz at its end."""

from tinyunet.exercises.quizzes import Quiz

QUIZ = {
    "one pixel changes": Quiz(
        "b",
        {
            "a": "That is a 1x1 convolution. Here windows overlap: a pixel lies in many of them.",
            "b": "It lies in the windows of nine output pixels: itself and its eight neighbours.",
            "c": "An output pixel sees nothing outside of its window, so most do not notice.",
        },
    ),
    "a larger image": Quiz(
        "c",
        {
            "a": "It does four times the work, but with the same weights at every place.",
            "b": "The image's side is in no weight's shape: (kh, kw, C_in, C_out).",
            "c": "The same kernel slides over all places. That is why there is so little to learn.",
        },
    ),
    "linear": Quiz(
        "b",
        {
            "a": "Without the bias, yes. With it, an image of zeros gives b, not 0.",
            "b": "The bias is added once on the left, and twice on the right. So the lesson "
            "took b = 0.",
            "c": "Padding lays zeros around, and zeros stay zeros when they are doubled.",
        },
    ),
    "why faster": Quiz(
        "c",
        {
            "a": "It has exactly the same ones. (Winograd's algorithm has fewer.)",
            "b": "It needs more: the patch matrix holds every pixel up to nine times.",
            "c": "Each step of a Python loop costs far more than the multiplications in it.",
        },
    ),
    "a test": Quiz(
        "a",
        {
            "a": "A kernel of ones looks the same when rows and columns are exchanged.",
            "b": "The outputs would be off by eight times the bias; only a bias of 0 would "
            "hide that.",
            "c": "The output would be too small, or hold zeros: random pixels show it.",
        },
    ),
}
