"""Lesson 8: in which ranges its measured values lie."""

RANGES = {
    "after 20 layers, with your sigma": (0.05, 4),
    "after 20 layers, with half the sigma, as a share": (0.99 * 0.5**20, 1.01 * 0.5**20),
    "largest eta with the right fall": (0.0099, 0.011),
    "seen / expected, at the smallest eta": (0.999, 1.001),
    "loss after the largest step, minus before": (0, None),
    "length of a step after many": (99.9, 100.1),
    "largest difference of its length from the learning rate": (0, 1e-6),
    "L after 60 steps: SGD, in times of momentum": (10, None),
    "all weights 0: its last losses": ("near H(q)",),
    "learning rate 0.1: its last losses": ("near H(q)", "far above H(q)"),
    "healthy: its last losses": ("below H(q)",),
    "all weights 0: largest other parameter than the last bias": (0, 0),
    "lowest last losses of the four": ("Adam",),
    "last losses of SGD minus Adam's, smallest over the seeds": (0, None),
    "last losses over log10 of Adam's rate": [
        (-4, 0.4, None), (-2.52, None, 0.35), (-1, 0.45, None),
    ],
    "largest difference of a loss, resumed with both": (0, 0),
    "largest difference of a loss, resumed with the parameters alone": (1e-4, None),
}  # fmt: skip

SMALL = {
    "after 20 layers, with your sigma": (0.05, 4),
    "after 20 layers, with half the sigma, as a share": (0.99 * 0.5**20, 1.01 * 0.5**20),
    "seen / expected, at the smallest eta": (0.999, 1.001),
    "loss after the largest step, minus before": (0, None),
    "length of a step after many": (99.9, 100.1),
    "largest difference of its length from the learning rate": (0, 1e-6),
    "L after 60 steps: SGD, in times of momentum": (10, None),
    "all weights 0: largest other parameter than the last bias": (0, 0),
    "largest difference of a loss, resumed with both": (0, 0),
    "largest difference of a loss, resumed with the parameters alone": (1e-4, None),
}
