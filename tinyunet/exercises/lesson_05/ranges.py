"""Lesson 5: in which ranges its measured values lie."""

RANGES = {
    "5 added to all logits: the largest probability": (0.705, 0.706),
    "all logits doubled: the largest probability": (0.878, 0.879),
    "first loss, 2 classes": (0.6, 1.1),
    "first loss, 3 classes": (1.0, 1.6),
    "softmax as written, logit 1000": ("nan",),
    "largest whole number whose exp float32 holds": (88, 88),
    "logits 1000 and 0: surprise at class 0": (0, 1e-9),
    "logits 1000 and 0: surprise at class 1": (1000, 1000),
    "cross-entropy: worst relative error of the gradient": (0, 1e-7),
    "largest sum of a pixel's gradients": (0, 1e-15),
    "difference to tu.SoftmaxCrossEntropy": (0, 1e-12),
    "and to its gradient": (0, 1e-12),
    "wrong pixels: their share of all pixels": (0.05, 0.5),
    "wrong pixels: their share of the gradient": (0.5, 1),
    "with the tiny number: wrong by 100": (27.6, 27.7),
    "p of cell: all weights 1": (0.089, 0.091),
    "p of cell: classes balanced": (0.499, 0.501),
}

SMALL = RANGES
