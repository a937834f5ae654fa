"""Lesson 4: in which ranges its measured values lie."""

RANGES = {
    "in the very middle": (6, 6),
    "28 pixels a side become": (56, 56),
    "weights and biases from 1024 to 512 channels": (2_097_664, 2_097_664),
    "largest difference to tu.ConvTranspose2d": (0, 1e-5),
    "<A u, v> less <u, A^T v>": (0, 1e-10),
    "down and up again: relative difference": (1, None),
    "up-convolution: worst relative error": (0, 1e-6),
    "dx less the convolution of dy": (0, 1e-12),
    "stamps overwritten: a test with kernel 2 and stride 2": ("does not notice",),
    "stamps overwritten: largest difference with kernel 3": (1, None),
    "stride 2, kernel 3: largest count by smallest": (4, 4),
    "stride 2, kernel 4: largest count by smallest": (1, 1),
    "tent of stride 2: its first height": (0.2499, 0.2501),
    "tent of stride 2: sum of two that meet": (0.9999, 1.0001),
    "a flat image, enlarged: largest less smallest": (0, 1e-12),
    "a ramp, enlarged: least rise from column to column": (0.4999, 0.5001),
    "a ramp, enlarged: largest rise": (0.4999, 0.5001),
    "random, kernel 4: first loss, in times of the bilinear one": (5, None),
    "random, kernel 4: steps to 1.5 times the bilinear start": (50, 399),
    "random, kernel 4: pattern at the end": (0, 0.05),
    "random, kernel 2: pattern at the end": (0, 0.05),
}

SMALL = {
    **RANGES,
    "random, kernel 4: steps to 1.5 times the bilinear start": (15, 40),
    "random, kernel 2: pattern at the end": (0, 0.2),
}
