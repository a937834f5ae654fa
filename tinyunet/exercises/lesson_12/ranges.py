"""Lesson 12: in which ranges its measured values lie."""

EXACT = {
    "border term in a gap of 5 pixels": (4.86, 4.87),
    "border term in a gap of 15 pixels": (0.05, 0.07),
    "your weights less tu.weight_map's": (0, 1e-4),
    "cells that a perfect mask with borders merges": (0, 0),
}

RANGES = {
    **EXACT,
    "share of the cells that a perfect mask leaves alone": (0.2, 0.35),
    "SEG of a perfect mask with borders": (0.98, 1),
    "share of the pixels that lie in borders": (0.002, 0.006),
    "pairs that stay apart if 95 % of the border pixels are found": (0.65, 0.85),
    "share of the weight that lies on borders": (0.01, 0.05),
    "merged with borders, without weights": (110, 165),
    "merged with the border term": (15, 75),
    "merged with the paper's map": (45, 120),
    "IoU of the mask lost by the border term, least of the seeds": (0.01, 0.15),
    "d1 twice, beside the right map: merged cells": ("more",),
    "d1 twice: IoU of the mask": (0.5, 0.84),
    "sigma = 30: IoU of the mask": (0, 0.7),
}

SMALL = {
    **EXACT,
    "share of the cells that a perfect mask leaves alone": (0.1, 0.5),
    "SEG of a perfect mask with borders": (0.95, 1),
    "share of the pixels that lie in borders": (0.001, 0.01),
}
