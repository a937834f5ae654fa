"""Lesson 2: in which ranges its measured values lie."""

RANGES = {
    "products that dx_1 adds up": (2, 2),
    "pixels whose dx is one product only": (2, 2),
    "dx[2], measured less derived": (-1e-9, 1e-9),
    "dx: largest difference": (0, 1e-9),
    "dw: largest difference": (0, 1e-9),
    "best step, float64, central": (1e-6, 1e-4),
    "best step, float32, central": (1e-3, 0.1),
    "smallest error, float64": (0, 1e-9),
    "smallest error, float32": (1e-7, 1e-3),
    "power of ten of the error, by that of the step": [(-14, -4, 0), (-5, -13, -8), (0, -2, 0)],
    "linear: when the step grows, the error": ("falls",),
    "dx: largest difference to tu.Conv2d": (0, 1e-12),
    "dw: largest difference to tu.Conv2d": (0, 1e-12),
    "backward's matrix less forward's, transposed": (0, 0),
    "adjoint gap of conv2d": (0, 1e-12),
    "caught with a random dy, of five": (5, 5),
    "caught with a dy of ones, of five": (1, 4),
    "caught by the adjoint identity, of five": (2, 4),
    "caught by watching the loss, of five": (0, 2),
    "right, but rejected by any of the four": (0, 0),
    "yours: worst relative error": (0, 1e-7),
    "the package's: worst relative error": (0, 1e-7),
}

SMALL = RANGES  # only the training is shorter, and the ranges are wide enough
