"""Lesson 10: in which ranges its measured values lie."""

RANGES = {
    "side that comes out for 20, with one pooling": (4, 4),
    "side that comes out for 572, in the paper's network": (388, 388),
    "widest region that an output pixel sees": (100, 100),
    "a pixel's region is": ("not always as large",),
    "worst relative error of the gradients": (0, 1e-7),
    "tiles against one piece: largest difference": (0, 1e-4),
    "tiles against the package's: largest difference": (0, 1e-4),
    "same padding, every 32: largest difference": (0.01, 1),
    "valid, every 36: largest difference": (0.03, 1),
    "valid, every 35: largest difference": (0.03, 1),
    "valid, every 32: largest difference": (0, 1e-4),
    "same padding: more wrong pixels at a border, in percent": (1, 50),
    "same padding: change at the border, in times of deep inside": (3, None),
}

SMALL = {
    "side that comes out for 20, with one pooling": (4, 4),
    "side that comes out for 572, in the paper's network": (388, 388),
    "widest region that an output pixel sees": (100, 100),
    "a pixel's region is": ("not always as large",),
    "worst relative error of the gradients": (0, 1e-7),
    "tiles against one piece: largest difference": (0, 1e-4),
    "tiles against the package's: largest difference": (0, 1e-4),
    "same padding, every 32: largest difference": (0.01, 1),
    "valid, every 36: largest difference": (1e-3, 1),
    "valid, every 35: largest difference": (1e-3, 1),
    "valid, every 32: largest difference": (0, 1e-4),
}
