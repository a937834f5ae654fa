"""Lesson 0: in which ranges its measured values lie."""

RANGES = {
    "nuclei that the network found": (36, 36),
    "more nuclei were outlined by": ("the expert",),
    "label of the pixel at the bottom left": (0, 0),
    "pixels with label 2": (4, 4),
    "10 added to all scores: labels that change": (0, 0),
    "all scores doubled: labels that change": (0, 0),
    "10 added to class 2 alone: labels that change": (8, 8),
    "accuracy of all black": (0.95, 0.98),
    "more accurate": ("all black",),
    "IoU of shifted": (0.5, 0.75),
    "accuracy of all black, by the image's side": [(128, 0.95, 0.98), (848, 0.998, 1)],
    "change of the IoU of shifted, in the widest frame": (0, 0),
    "larger variance between the groups": ("the mean gray value",),
    "my threshold, less the package's": (0, 0.01),
    "nudges that changed IoU at all, of 300": (0, 2),
    "accuracy with labels 0 and 255": (0.6, 0.8),
    "IoU with labels 0 and 255": (0, 0),
    "IoU with labels 0 and 1": (0.6, 0.8),
    "mean IoU of Otsu": (0.62, 0.8),
    "mean IoU of the ceiling": (0.8, 0.92),
    "accuracy without the lines": (0.99, 1),
    "IoU without the lines": (0.97, 1),
    "cells that one still counts, as a share": (0.2, 0.7),
    "real nuclei: IoU of Otsu": (0.8, 0.87),
    "real nuclei: IoU of the U-Net": (0.8, 0.87),
    "real nuclei: counted with Otsu": (25, 35),
    "real nuclei: counted by the U-Net": (36, 36),
    "real nuclei: counted by the expert": (37, 37),
}

SMALL = RANGES  # only how many images there are differs, and the ranges are wide enough
