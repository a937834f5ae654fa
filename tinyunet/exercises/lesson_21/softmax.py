"""Lesson 21: the gradient on its way back through the softmax."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial

TOLERANCE = {float: 1e-6, np.float32: 1e-5}
AXES = ("batch", "height", "width", "class")


@exercise(
    lesson=21,
    hints=(
        "The sum over j is one number for each pixel, the same for all of its classes.",
        "Multiply dp and p, sum over the last axis, and subtract that from dp; then times p.",
        "(dp * p).sum(axis=-1, keepdims=True) has a last axis of length 1, so that it is subtracted "
        "from each class: p * (dp - that).",
    ),
)
def softmax_gradient(trial: Trial) -> None:
    """The gradient with respect to the logits from that with respect to the probabilities."""
    rng = trial.rng(5)
    for shape, dtype in (((2, 2, 1, 2), float), ((3, 2, 4, 2), float), ((2, 3, 3, 3), np.float32)):
        e = np.exp(rng.standard_normal(shape))
        p = (e / e.sum(axis=-1, keepdims=True)).astype(dtype)
        dp = rng.standard_normal(shape).astype(dtype)
        got = trial.call(dp=dp, p=p)
        trial.require_array(got, "dz")
        precise = getattr(got, "dtype", None) == np.float64  # in float32, or more exactly
        right = {"dz": _through(dp, p).astype(float if precise else dtype)}
        trial.compare(
            got, right, axes={"dz": AXES}, mistakes=SOFTMAX_MISTAKES, tolerance=TOLERANCE[dtype]
        )


def _through(dp, p):
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def _less(total: Callable) -> Callable:
    return lambda dp, p: p * (dp - total(dp, p))


SOFTMAX_MISTAKES = {
    "only j = k was taken, p (1 - p) dp: the other classes' probabilities change with z_k, too": (
        lambda dp, p: p * (1 - p) * dp
    ),
    "the sum is missing: dp * p alone": lambda dp, p: dp * p,
    "the factor p in front is missing": lambda dp, p: _through(dp, p) / p,
    "p is missing in the sum: sum dp * p, not dp": _less(
        lambda dp, p: dp.sum(axis=-1, keepdims=True)
    ),
    "the mean over the classes was taken: it is a sum": _less(
        lambda dp, p: (dp * p).mean(axis=-1, keepdims=True)
    ),
    "summed over all pixels: each pixel has a sum of its own": _less(lambda dp, p: (dp * p).sum()),
    "summed over the pixels, class by class: the sum goes over the classes of one pixel": _less(
        lambda dp, p: (dp * p).sum(axis=(0, 1, 2))
    ),
    "the sum goes over the height (axis 1): the classes are the last axis": _less(
        lambda dp, p: (dp * p).sum(axis=1, keepdims=True)
    ),
    "p belongs in front of the whole bracket, dp and the sum": (
        lambda dp, p: p * dp - (dp * p).sum(axis=-1, keepdims=True)
    ),
    "p counts once in the sum": _less(lambda dp, p: (dp * p * p).sum(axis=-1, keepdims=True)),
    "the sum was added: it is subtracted": lambda dp, p: 2 * p * dp - _through(dp, p),
    "the sign: dz, not its negative": lambda dp, p: -_through(dp, p),
    "dp and p are exchanged": lambda dp, p: _through(p, dp),
    "divided by the number of images: a mean, if there is one, is in dp already": (
        lambda dp, p: _through(dp, p) / len(p)
    ),
    "divided by the number of pixels: a mean, if there is one, is in dp already": (
        lambda dp, p: _through(dp, p) * p.shape[-1] / p.size
    ),
    "divided by the number of all entries: a mean, if there is one, is in dp already": (
        lambda dp, p: _through(dp, p) / p.size
    ),
    "p (1 - p) for the slope, and the sum as well: p is the factor in front": (
        lambda dp, p: p * (1 - p) * (dp - (dp * p).sum(axis=-1, keepdims=True))
    ),
}
