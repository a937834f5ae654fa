"""Lesson 21: in which ranges its measured values lie."""

EXACT = {
    "Dice of two masks with an IoU of 0.5": (0.6666, 0.6667),
    "Dice loss: worst relative error of the gradient": (0, 1e-7),
    "your Dice loss less tu.DiceLoss": (0, 1e-12),
    "your gradient less that of tu.DiceLoss": (0, 1e-12),
}

RANGES = {
    **EXACT,
    "merged with Dice, without weights": (110, 175),
    "merged with Dice and the border term": (10, 75),
    "merged by a threshold, at the IoU of the border term": (60, 150),
    "more merged by the threshold, least of the seeds": (15, None),
}

SMALL = EXACT
