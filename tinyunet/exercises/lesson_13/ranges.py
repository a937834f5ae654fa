"""Lesson 13: in which ranges its measured values lie."""

EXACT = {
    "shape of the table of overlaps": ((3, 4),),
    "n[1, 2]: predicted cell 1 on true cell 2": (2, 2),
    "SEG of the tiny example": (0.4424, 0.4425),
    "a cell cut in two halves: split": (0.5, 0.5),
    "a cell cut in two halves: merge": (1, 1),
    "your SEG, F1 and V_Rand less the package's": (0, 1e-12),
    "every fourth cell merged: IoU of the masks": (1, 1),
    "every fourth cell cut: merge": (1, 1),
    "ghosts: SEG": (1, 1),
}

RANGES = {
    **EXACT,
    "ghosts: F1": (0.8, 0.97),
    "all cells thin: SEG": (0.7, 0.85),
    "best moment, in percent of the steps": (50, 100),
    "U-Net on the test images: SEG": (0.85, 0.97),
    "U-Net on the test images: F1": (0.95, 1),
    "SEG of the U-Net, beside a perfect mask": ("higher",),
    "SEG: worst seed less Otsu": (0.35, 0.65),
    "SEG: worst seed less peaks": (0.15, 0.4),
    "real nuclei: SEG of our network": (0.4, 0.85),
    "real nuclei: SEG of Otsu + distance peaks": (0.74, 0.75),
    "real nuclei: SEG of a network trained on real ones": (0.74, 0.75),
}

SMALL = {
    **EXACT,
    "ghosts: F1": (0.5, 1),
    "all cells thin: SEG": (0.5, 0.9),
    "SEG of the U-Net, beside a perfect mask": ("higher", "lower"),
}
