"""Lesson 7: in which ranges its measured values lie."""

RANGES = {
    "572 pixels become": (388, 388),
    "572 pixels: side of the smallest array inside": (28, 28),
    "smallest image of depth 4": (188, 188),
    "and what comes out of it": (4, 4),
    "pixels lost at depth 4": (184, 184),
    "share of the two convolutions at the bottom": (0.45, 0.46),
    "more than the paper's 31,030,658": (0, 0),
    "more than you counted by hand": (0, 0),
    "side of the logits": (388, 388),
    "largest difference to tu.UNet": (0, 1e-5),
    "arrays whose gradient was checked": (27, 27),
    "the whole U-Net: worst relative error": (0, 1e-7),
    "inputs of the concat exchanged: the check finds": ("nothing",),
    "but the output differs from the right one by": (0.01, None),
    "one image by heart: first loss": (0.4, 1.5),
    "one image by heart: last loss": (0, 0.02),
    "one image by heart: steps until the IoU is above 0.99": (20, 159),
    "left arm, top: share that one channel labels right": (0.6, 0.999),
    "right arm, top: share that one channel labels right": (0.9, 1),
}

SMALL = {
    **RANGES,
    "side of the logits": (4, 4),
    "one image by heart: last loss": (0, 1),
    "one image by heart: steps until the IoU is above 0.99": (1, 15),
    "left arm, top: share that one channel labels right": (0.5, 1),
    "right arm, top: share that one channel labels right": (0.5, 1),
}
