"""Lesson 19: in which ranges its measured values lie."""

RANGES = {
    "where L1 is least for -1, -1, 0, 0, 0, 1, 8": (-0.05, 0.05),
    "where the square is least for -1, -1, 0, 0, 0, 1, 8": (0.98, 1.02),
    "gradient ratio of L1": (0.3, 0.65),
    "class right of L1": (0.95, 1),
    "loss of a judge that knows nothing": (0.693, 0.694),
    "through two networks: relative error": (0, 1e-5),
    "gradient ratio with a judge": (0.75, 2.2),
    "with a judge the L1 error is": ("larger",),
    "broken: the generator's loss at the end": (0.05, 0.65),
    "broken: gradient ratio": (0.4, 0.8),
    "the generator's loss at the end": (0.7, 6),
    "share of pixels that decided, with a judge": (0.2, 0.8),
    "share of pixels that decided, broken": (0, 0.35),
    "class right without the condition": (0.1, 0.88),
    "class right with the condition": (0.75, 1),
    "share of strokes that are obeyed": (0.75, 1),
    "error with a stroke": (0, 0.2),
    "error without a stroke": (0.1, 0.35),
    "change of other regions, over that of the stroke's": (0, 0.3),
}
SMALL = {
    name: RANGES[name]
    for name in (
        "where L1 is least for -1, -1, 0, 0, 0, 1, 8",
        "where the square is least for -1, -1, 0, 0, 0, 1, 8",
        "loss of a judge that knows nothing",
        "through two networks: relative error",
    )
}
SMALL["with a judge the L1 error is"] = ("smaller", "larger")
