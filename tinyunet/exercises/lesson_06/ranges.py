"""Lesson 6: in which ranges its measured values lie."""

RANGES = {
    "64 pixels: side that comes back up": (56, 56),
    "64 pixels: to cut on each side": (4, 4),
    "middle: how far the spots are apart, in pixels, at most": (0, 1),
    "corner: how far they are apart, in pixels, at least": (3, None),
    "slope of x * x at 3, along a alone": (2.99, 3.01),
    "slope of x * x at 3": (5.99, 6.01),
    "crop, concat and fork: worst relative error": (0, 1e-6),
    "numbers damaged on the other path": (2, 2),
    "right network: last loss, as a share of the first": (0, 0.85),
    "across lost: last loss, as a share of the first": (0, 0.85),
    "below lost: last loss, as a share of the first": (0, 0.85),
    "across lost: how much worse, in standard deviations over seeds": (-1, 1),
    "below lost: how much worse, in standard deviations over seeds": (-1, 1),
    "right network: worst relative error": (0, 1e-7),
    "across lost: worst relative error": (0.01, None),
    "below lost: worst relative error": (0.01, None),
}

SMALL = {
    **RANGES,
    "right network: last loss, as a share of the first": (0, 1.1),
    "across lost: last loss, as a share of the first": (0, 1.1),
    "below lost: last loss, as a share of the first": (0, 1.1),
    "across lost: how much worse, in standard deviations over seeds": (None, None),
    "below lost: how much worse, in standard deviations over seeds": (None, None),
}
