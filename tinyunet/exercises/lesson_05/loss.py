"""Lesson 5: the loss."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.lesson_05.logarithms import stable
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.losses import SoftmaxCrossEntropy


@exercise(
    lesson=5,
    hints=(
        "First the surprise of every pixel, an array (N, H, W). Then each times its weight, and the "
        "mean.",
        "The surprise is log_sum_exp(z) minus the logit of the right class. To pick that logit, "
        "compare t[..., None] with np.arange(K): True at the right class only.",
        "onehot = t[..., None] == np.arange(z.shape[-1]); the right class's logit is "
        "(z * onehot).sum(axis=-1). The mean is over pixels: it divides by N * H * W.",
    ),
)
def pixel_loss(trial: Trial) -> None:
    """The weighted softmax cross-entropy, a mean over all pixels."""
    trial.crashes = LABEL_CRASHES
    with np.errstate(all="ignore"):
        for z, t, w in batches(trial):
            right = SoftmaxCrossEntropy().forward(z, t, w)
            trial.compare(
                trial.call(z=z, t=t, w=w), {"the loss": np.asarray(right, z.dtype)},
                mistakes=LOSS_MISTAKES,
            )  # fmt: skip


def batches(trial: Trial):
    """Logits, labels and weights: first few pixels, at last logits that are large."""
    rng = trial.rng(2)
    for shape, classes in (((2, 1, 2), 3), ((1, 2, 3), 2), ((2, 3, 2), 3)):
        z = rng.standard_normal((*shape, classes))
        yield z, rng.integers(0, classes, shape), rng.uniform(0.5, 3, shape)
    yield z.astype(np.float32), np.array(t := rng.integers(0, 3, shape)), np.ones(t.shape, "f")
    yield 1000 * z, t, rng.uniform(0.5, 3, shape)


def one_hot(z, t):
    """Which class each pixel has, as booleans in the shape of z."""
    return t[..., None] == np.arange(z.shape[-1])


def softmax(z, axis=-1):
    """Softmax, right for any z."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _surprise(z, t):
    return stable(z) - (z * one_hot(z, t)).sum(axis=-1)


def _of_probability(function, softmax=softmax):
    """A mean over pixels of a function of the right class's probability."""

    def loss(z, t, w):
        return (w * function((softmax(z) * one_hot(z, t)).sum(axis=-1))).mean()

    return loss


def plain_softmax(z):
    """Softmax that overflows where z is large."""
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


LABEL_CRASHES = {
    "t has no axis for the classes: t[..., None] == np.arange(K)": (
        lambda z, t, w: t == np.arange(z.shape[-1])
    ),
    "z[t] takes whole images: compare, for one-hot labels, or np.take_along_axis": (
        lambda z, t, w: z[t]
    ),
    "np.take_along_axis needs as many axes in both: t[..., None]": (
        lambda z, t, w: np.take_along_axis(z, t, axis=-1)
    ),
    "an array (N, H, W), such as t, w or log_sum_exp(z), met one of (N, H, W, K): give it an axis for "
    "the classes, [..., None]": [lambda z, t, w: z * t, lambda z, t, w: t * z],
}
LOSS_MISTAKES = {
    "exp(z) became infinite: use log_sum_exp(z), which subtracts the largest logit first": (
        _of_probability(lambda p: -np.log(p), plain_softmax)
    ),
    "the probability became exactly 0, and its logarithm infinite: use log_sum_exp(z) - z[t], "
    "which needs no probability": _of_probability(lambda p: -np.log(p)),
    "-log(p + a small number) is finite but wrong where p is tiny: use log_sum_exp(z) - z[t]": (
        _of_probability(lambda p: -np.log(p + 1e-12))
    ),
    "the sign: the loss is minus the logarithm of the probability": (
        lambda z, t, w: -(w * _surprise(z, t)).mean()
    ),
    "the weights are missing": lambda z, t, w: _surprise(z, t).mean(),
    "divided by the sum of the weights: it should be the number of pixels": (
        lambda z, t, w: (w * _surprise(z, t)).sum() / w.sum()
    ),
    "a sum over pixels, where it should be a mean": lambda z, t, w: (w * _surprise(z, t)).sum(),
    "divided by the number of images only: it should be the number of pixels": (
        lambda z, t, w: (w * _surprise(z, t)).sum() / len(z)
    ),
    "the mean goes over the classes, too: it divides by K times too much": (
        lambda z, t, w: (w * _surprise(z, t)).mean() / z.shape[-1]
    ),
    "minus the logarithms of all classes were added up: only the right class counts": (
        lambda z, t, w: (w * -np.log(softmax(z)).sum(axis=-1)).mean()
    ),
    "the logit of the right class is missing: this is log_sum_exp alone": (
        lambda z, t, w: (w * stable(z)).mean()
    ),
    "z[..., t] takes the classes of all pixels at every pixel: compare, for one-hot labels, or "
    "np.take_along_axis": lambda z, t, w: (w * (stable(z) - z[..., t])).mean(),
    "the logits were multiplied by the labels: compare, for one-hot labels": (
        lambda z, t, w: (w * (stable(z) - (z * t[..., None]).sum(axis=-1))).mean()
    ),
    "1 - p instead of -log p": _of_probability(lambda p: 1 - p),
    "the logarithm to base 2: np.log is the natural one": (
        lambda z, t, w: (w * _surprise(z, t)).mean() / np.log(2)
    ),
    "the loss of each pixel: the mean over all of them is missing": (
        lambda z, t, w: w * _surprise(z, t)
    ),
}
