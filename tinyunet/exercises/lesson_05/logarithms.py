"""Lesson 5: log-sum-exp."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial


@exercise(
    lesson=5,
    hints=(
        "exp overflows for large numbers only. Which number, subtracted from all logits of a pixel, "
        "makes sure that none of them is above 0?",
        "m = z.max(axis=-1) is the largest logit of each pixel. exp(z) is exp(m) * exp(z - m), and "
        "the logarithm of a product is a sum.",
        "m + log(sum of exp(z - m)), with sum and max over the last axis. For z - m, m needs its "
        "last axis: keepdims=True, or m[..., None]; in the result that axis is gone.",
    ),
)
def log_sum_exp(trial: Trial) -> None:
    """The logarithm of the sum of exp(z) over the classes, without overflow."""
    trial.crashes = {
        "the largest logits have lost their last axis: z.max(axis=-1, keepdims=True)": (
            lambda z: z - z.max(axis=-1)
        ),
        "m has kept its last axis, and the logarithm has lost it: m[..., 0]": (
            lambda z: z.max(axis=-1, keepdims=True) + stable(z)
        ),
    }
    rng = trial.rng(1)
    large = np.array([[1000.0, 999.0], [-2000.0, -2000.5], [0.5, 0.0], [-900.0, 900.0]])
    with np.errstate(all="ignore"):  # of what is wrong, the check itself will speak
        for z in (
            np.array([2.0, 1.0, -1.0]), rng.standard_normal((2, 3, 4, 3)), large,
            rng.standard_normal((2, 2, 2, 2), np.float32),
        ):  # fmt: skip
            trial.compare(
                trial.call(z=z), {"the result": stable(z)},
                axes={"the result": ("batch", "height", "width")}, mistakes=LSE_MISTAKES,
            )  # fmt: skip


def stable(z):
    """Log-sum-exp over the last axis, right for any z."""
    m = z.max(axis=-1)
    return m + np.log(np.exp(z - m[..., None]).sum(axis=-1))


LSE_MISTAKES = {
    "exp(z) became infinite, or all of them 0: subtract each pixel's largest logit first": (
        lambda z: np.log(np.exp(z).sum(axis=-1))
    ),
    "the smallest logit was subtracted: only without any above 0 can no exp become infinite": (
        lambda z: z.min(axis=-1) + np.log(np.exp(z - z.min(axis=-1, keepdims=True)).sum(axis=-1))
    ),
    "the largest logit was subtracted, but not added again after the logarithm": (
        lambda z: stable(z) - z.max(axis=-1)
    ),
    "the largest logit of all pixels was subtracted, and elsewhere every exp became 0: each pixel "
    "needs its own": lambda z: z.max() + np.log(np.exp(z - z.max()).sum(axis=-1)),
    "the sum goes over all pixels and classes: it should go over the last axis only": (
        lambda z: np.log(np.exp(z).sum())
    ),
    "the sum goes over the first axis: the classes are the last": (
        lambda z: np.log(np.exp(z).sum(axis=0))
    ),
    "a mean over the classes, where it should be a sum": (
        lambda z: stable(z) - np.log(z.shape[-1])
    ),
    "the logarithm to base 2: np.log is the natural one": lambda z: stable(z) / np.log(2),
    "the logarithm is missing": lambda z: np.exp(z).sum(axis=-1),
    "the logarithm was taken before the sum": lambda z: z.sum(axis=-1),
    "the largest logit alone: the sum is missing": lambda z: z.max(axis=-1),
}
