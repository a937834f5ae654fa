"""Lesson 3: in which ranges its measured values lie."""

RANGES = {
    "side of the kernel that does the work of two": (5, 5),
    "one kernel against two: largest difference": (0, 1e-12),
    "row and column that get the 3": ((2, 3),),
    "numbers of dx that are not 0": (4, 4),
    "share of windows with a tie": (0.2, 0.6),
    "of these, share in which all are 0": (0.99, 1),
    "share of zeros after the ReLU": (0.3, 0.7),
    "pool and ReLU forward: largest difference to the package": (0, 0),
    "pool and ReLU backward: largest difference to the package": (0, 0),
    "slopes that seem wrong, of 100,000": (648, 948),
    "the farthest of them from the kink, in eps": (0, 1),
    "max-pooling's gradient: largest relative error": (0, 1e-6),
    "eps = 0.01, plain: relative error": (1e-4, None),
    "eps = 0.01, decisions held: relative error": (0, 1e-8),
    "the whole piece of network: largest relative error": (0, 1e-7),
    "behind a ReLU: relative difference of dx": (0.5, None),
    "in front of the ReLU: relative difference of dx": (0, 1e-6),
    "an overexposed image: relative difference of dx": (0.1, None),
    "least changed": ("max-pooled twice",),
    "max-pooled, in parts of after the ReLU": (0.5, 0.9),
    "every second pixel, in parts of after the ReLU": (0.9, 1.1),
    "share of pixels that get a gradient": (0.08, 0.25),
}

SMALL = {name: limits for name, limits in RANGES.items() if name != "least changed"}
