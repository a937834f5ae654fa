"""Lesson 9: in which ranges its measured values lie."""

RANGES = {
    "best outlines after the long training": ("concat", "sum"),
    "worst outlines after the long training": ("none",),
    "concat: worst relative error": (0, 1e-6),
    "sum: worst relative error": (0, 1e-6),
    "unpool: worst relative error": (0, 1e-6),
    "most parameters, in times of the fewest": (1, 1.02),
    "concat: worst relative error of all gradients": (0, 1e-7),
    "sum: worst relative error of all gradients": (0, 1e-7),
    "indices: worst relative error of all gradients": (0, 1e-7),
    "none: worst relative error of all gradients": (0, 1e-7),
    "the fork overwrites: wrong gradients are": ("in the encoder",),
    "boundary score at 1 px, without the bug": (0.7, 1),
    "boundary score at 1 px, with the bug": (0.3, 1),
    "long, 0 px: concat minus sum": (-0.08, 0.08),
    "long, 0 px: concat minus pooling indices": (0.1, None),
    "long, 0 px: concat minus none": (0.2, None),
    "1 px: what longer training gives pooling indices": (0.2, None),
    "most is lost without": ("level 0, the uppermost", "level 1"),
    "0 px: lost without level 0": (0.1, None),
}

SMALL = {
    "concat: worst relative error": (0, 1e-6),
    "sum: worst relative error": (0, 1e-6),
    "unpool: worst relative error": (0, 1e-6),
    "most parameters, in times of the fewest": (1, 1.02),
    "concat: worst relative error of all gradients": (0, 1e-7),
    "sum: worst relative error of all gradients": (0, 1e-7),
    "indices: worst relative error of all gradients": (0, 1e-7),
    "none: worst relative error of all gradients": (0, 1e-7),
    "the fork overwrites: wrong gradients are": ("in the encoder",),
}
