"""Lesson 1: in which ranges its measured values lie."""

RANGES = {
    "shape of the output": ((3, 3),),
    "output at the bottom right": (0, 0),
    "572 pixels after two 3x3 convolutions": (568, 568),
    "padding that keeps the side": (1, 1),
    "conv2d_loops: largest difference to tu.Conv2d": (0, 1e-5),
    "linear: largest difference": (0, 1e-12),
    "moves along: largest difference": (0, 1e-12),
    "sees only its window: change of the first output": (0, 0),
    "the matrix against sliding: largest difference": (0, 1e-12),
    "size of the patch matrix, in images": (8.5, 9),
    "turned mean: largest difference": (0, 1e-12),
    "turned random kernel: largest difference": (0.1, None),
    "conv2d_loops, in times of conv2d_product": (3, None),
    "a loop for everything, in times of conv2d_loops": (3, None),
    "all five: largest relative difference of their results": (0, 1e-4),
}

TIMES = (
    "conv2d_loops, in times of conv2d_product",
    "a loop for everything, in times of conv2d_loops",
)
SMALL = {name: limits for name, limits in RANGES.items() if name not in TIMES}
