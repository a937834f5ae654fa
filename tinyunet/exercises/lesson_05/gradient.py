"""Lesson 5: the loss's gradient."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.lesson_05.loss import (
    LABEL_CRASHES,
    batches,
    one_hot,
    plain_softmax,
    softmax,
)
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.losses import SoftmaxCrossEntropy


@exercise(
    lesson=5,
    hints=(
        "The lesson derived it: what a class got, minus what it should have got. What has to be "
        "done to it for the weight, and for the mean?",
        "p = exp(z - log_sum_exp(z)), where the second needs its last axis back ([..., None]). From "
        "it subtract the one-hot labels: 1 at the right class, 0 elsewhere.",
        "w[..., None] * (p - onehot) / t.size, where onehot is t[..., None] == np.arange(K). The "
        "number of pixels is a Python number, so float32 stays float32.",
    ),
)
def pixel_loss_gradient(trial: Trial) -> None:
    """The gradient of the loss with respect to the logits."""
    trial.crashes = LABEL_CRASHES
    loss = SoftmaxCrossEntropy()
    with np.errstate(all="ignore"):
        for z, t, w in batches(trial):
            loss.forward(z, t, w)
            dz = trial.call(z=z, t=t, w=w)
            trial.compare(
                dz, {"dz": loss.backward()}, axes={"dz": IMAGE}, mistakes=GRADIENT_MISTAKES
            )


def _right_gradient(z, t, w, p=None):
    return w[..., None] * ((softmax(z) if p is None else p) - one_hot(z, t)) / t.size


GRADIENT_MISTAKES = {
    "exp(z) became infinite: p = exp(z - log_sum_exp(z)) does not": (
        lambda z, t, w: _right_gradient(z, t, w, plain_softmax(z))
    ),
    "the one-hot labels were not subtracted: this is p alone": (
        lambda z, t, w: w[..., None] * softmax(z) / t.size
    ),
    "the sign: it is p minus the one-hot labels": lambda z, t, w: -_right_gradient(z, t, w),
    "the label itself was subtracted: it should be 1 at the class t, and 0 at all others": (
        lambda z, t, w: w[..., None] * (softmax(z) - t[..., None]) / t.size
    ),
    "1 was subtracted from all classes: only from the right one": (
        lambda z, t, w: w[..., None] * (softmax(z) - 1) / t.size
    ),
    "the wrong classes got no gradient: theirs is p": (
        lambda z, t, w: _right_gradient(z, t, w) * one_hot(z, t)
    ),
    "not divided by the number of pixels: the loss is a mean": (
        lambda z, t, w: _right_gradient(z, t, w) * t.size
    ),
    "divided by the number of images only: it should be the number of pixels": (
        lambda z, t, w: _right_gradient(z, t, w) * t.size / len(z)
    ),
    "divided by the number of all logits: it should be the number of pixels": (
        lambda z, t, w: _right_gradient(z, t, w) / z.shape[-1]
    ),
    "divided by the sum of the weights: it should be the number of pixels": (
        lambda z, t, w: _right_gradient(z, t, w) * t.size / w.sum()
    ),
    "the weights are missing": lambda z, t, w: _right_gradient(z, t, np.ones_like(w)),
    "the softmax went over all pixels and classes: its sum is over the last axis": (
        lambda z, t, w: _right_gradient(z, t, w, np.exp(z - z.max()) / np.exp(z - z.max()).sum())
    ),
    "the logits were taken for probabilities: the softmax is missing": (
        lambda z, t, w: _right_gradient(z, t, w, z)
    ),
}
