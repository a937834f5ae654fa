"""Lesson 20: in which ranges its measured values lie."""

EXACT = {
    "eight looks: largest change by turning": (0, 1e-5),
    "your mean less the package's": (0, 1e-5),
    "your shares less the package's": (0, 1e-3),  # a probability on the bound of two bins
    "cells along the line of hills": (3, 3),
    "SEG of your cells beside the package's": (1, 1),
}

RANGES = {
    **EXACT,
    "one look: largest change of a probability by turning": (0.1, 1),
    "best threshold for the IoU of masks": (0.05, 0.4),
    "best threshold for SEG": (0.4, 0.8),
    "best threshold for F1": (0.6, 1),
    "probabilities from 0.2 to 0.3: share that is cell": (0.35, 0.7),
    "weight of background at uncertain pixels": (1.5, 7.1),
    "with cores: threshold that is best for SEG, highest of the seeds": (0.05, 0.45),
    "SEG gained by cores on validation images, least of the seeds": (0.01, 0.12),
    "SEG gained by eight looks on test images": (-0.02, 0.03),
    "SEG gained by cores on test images": (0.015, 0.1),
    "SEG gained by choosing the threshold on the test images": (0, 0.02),
    "SEG gained by a threshold for each test image": (0.005, 0.05),
}

SMALL = EXACT
