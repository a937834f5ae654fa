"""Lesson 17: where its measured values have to lie."""

APART = "less than .05 apart"
EITHER = "less than .05 either way"

RANGES = {
    "channels that go into the paper's X04": (160, 160),
    "parameters of U-Net++, in times of the plain U-Net's": (1.16, 1.17),
    "parameters of U-Net++ counted by hand, less those built": (0, 0),
    "U-Net++ by hand: worst relative error of all gradients": (0, 1e-6),
    "U-Net++ by hand: logits, largest difference from the package's": (0, 1e-12),
    "U-Net++ by hand: image's gradient, largest difference": (0, 1e-10),
    "gradients that meet in X00 (of five levels)": (5, 5),
    "nodes of 15 that are right with the planted mistake": (9, 9),
    "nodes of 15 that head 2 teaches": (6, 6),
    "nodes that a head needs or teaches, but not both": (0, 0),
    "BCE with Dice: worst relative error of your gradient": (0, 1e-6),
    "BCE with Dice: largest difference from the package's": (0, 1e-12),
    "pixels across that head 1 sees": (18, 18),
    "pruned networks of four that give their head's logits bit for bit": (4, 4),
    "IoU of L1": (0.25, 0.65),
    "IoU of L2": (0.5, 0.85),
    "IoU of L3": (0.7, 0.95),
    "IoU of L4": (0.78, 0.97),
    "L2's IoU less L1's": (0.05, None),
    "L3's IoU less L2's": (0.03, None),
    "share of L4's IoU that L3 has": (0.88, 1.02),
    "share of L4's time that L3 takes": (0.3, 1.0),
    "large outlines: L1's share found": (0.2, 0.75),
    "IoU of L3 without deep supervision": (0, 0.55),
    "deep supervision changes the IoU of L4 by": (EITHER,),
    "accurate mode's IoU less L4's": (-0.25, -0.005),
    "plain U-Net's time, as a share of L4's": (0.15, 1.0),
    "better on the test images": (APART,),
}
TRAINED = ("IoU", "time", "outlines", "better")  # words of those that a short training changes
SMALL = {
    name: limits for name, limits in RANGES.items() if not any(word in name for word in TRAINED)
}
