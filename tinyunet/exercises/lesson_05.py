"""The exercises of lesson 5, A loss for every pixel."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.losses import SoftmaxCrossEntropy

# ---------------------------------------------------------------------- log-sum-exp


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
    rng = trial.rng(1)
    large = np.array([[1000.0, 999.0], [-2000.0, -2000.5], [0.5, 0.0]])
    with np.errstate(all="ignore"):  # of what is wrong, the check itself will speak
        for z in (
            np.array([2.0, 1.0, -1.0]), rng.standard_normal((2, 3, 4, 3)), large,
            rng.standard_normal((2, 2, 2, 2), np.float32),
        ):  # fmt: skip
            trial.compare(
                trial.call(z=z), {"the result": _log_sum_exp(z)},
                axes={"the result": ("batch", "height", "width")}, mistakes=LSE_MISTAKES,
            )  # fmt: skip


def _log_sum_exp(z):
    m = z.max(axis=-1)
    return m + np.log(np.exp(z - m[..., None]).sum(axis=-1))


LSE_MISTAKES = {
    "exp(z) became infinite, or all of them 0: subtract each pixel's largest logit first": (
        lambda z: np.log(np.exp(z).sum(axis=-1))
    ),
    "the largest logit was subtracted, but not added again after the logarithm": (
        lambda z: _log_sum_exp(z) - z.max(axis=-1)
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
        lambda z: _log_sum_exp(z) - np.log(z.shape[-1])
    ),
    "the logarithm to base 2: np.log is the natural one": lambda z: _log_sum_exp(z) / np.log(2),
    "the logarithm is missing": lambda z: np.exp(z).sum(axis=-1),
    "the logarithm was taken before the sum": lambda z: z.sum(axis=-1),
    "the largest logit alone: the sum is missing": lambda z: z.max(axis=-1),
}


# ---------------------------------------------------------------------- the loss


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
    with np.errstate(all="ignore"):
        for z, t, w in _batches(trial):
            right = SoftmaxCrossEntropy().forward(z, t, w)
            trial.compare(
                trial.call(z=z, t=t, w=w), {"the loss": np.asarray(right, z.dtype)},
                mistakes=LOSS_MISTAKES,
            )  # fmt: skip


def _batches(trial: Trial):
    """Logits, labels and weights: first few pixels, at last logits that are large."""
    rng = trial.rng(2)
    for shape, classes in (((2, 1, 2), 3), ((1, 2, 3), 2), ((2, 3, 2), 3)):
        z = rng.standard_normal((*shape, classes))
        yield z, rng.integers(0, classes, shape), rng.uniform(0.5, 3, shape)
    yield z.astype(np.float32), np.array(t := rng.integers(0, 3, shape)), np.ones(t.shape, "f")
    yield 1000 * z, t, rng.uniform(0.5, 3, shape)


def _onehot(z, t):
    return t[..., None] == np.arange(z.shape[-1])


def _softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _surprise(z, t):
    return _log_sum_exp(z) - (z * _onehot(z, t)).sum(axis=-1)


def _of_probability(function, softmax=_softmax):
    """A mean over pixels of a function of the right class's probability."""

    def loss(z, t, w):
        return (w * function((softmax(z) * _onehot(z, t)).sum(axis=-1))).mean()

    return loss


def _plain_softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


LOSS_MISTAKES = {
    "exp(z) became infinite: use log_sum_exp(z), which subtracts the largest logit first": (
        _of_probability(lambda p: -np.log(p), _plain_softmax)
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
        lambda z, t, w: (w * -np.log(_softmax(z)).sum(axis=-1)).mean()
    ),
    "the logit of the right class is missing: this is log_sum_exp alone": (
        lambda z, t, w: (w * _log_sum_exp(z)).mean()
    ),
    "1 - p instead of -log p": _of_probability(lambda p: 1 - p),
    "the logarithm to base 2: np.log is the natural one": (
        lambda z, t, w: (w * _surprise(z, t)).mean() / np.log(2)
    ),
    "the loss of each pixel: the mean over all of them is missing": (
        lambda z, t, w: w * _surprise(z, t)
    ),
}


# ---------------------------------------------------------------------- its gradient


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
    loss = SoftmaxCrossEntropy()
    with np.errstate(all="ignore"):
        for z, t, w in _batches(trial):
            loss.forward(z, t, w)
            dz = trial.call(z=z, t=t, w=w)
            trial.compare(
                dz, {"dz": loss.backward()}, axes={"dz": IMAGE}, mistakes=GRADIENT_MISTAKES
            )


def _right_gradient(z, t, w, p=None):
    return w[..., None] * ((_softmax(z) if p is None else p) - _onehot(z, t)) / t.size


GRADIENT_MISTAKES = {
    "exp(z) became infinite: p = exp(z - log_sum_exp(z)) does not": (
        lambda z, t, w: _right_gradient(z, t, w, _plain_softmax(z))
    ),
    "the one-hot labels were not subtracted: this is p alone": (
        lambda z, t, w: w[..., None] * _softmax(z) / t.size
    ),
    "the sign: it is p minus the one-hot labels": lambda z, t, w: -_right_gradient(z, t, w),
    "the label itself was subtracted: it should be 1 at the class t, and 0 at all others": (
        lambda z, t, w: w[..., None] * (_softmax(z) - t[..., None]) / t.size
    ),
    "1 was subtracted from all classes: only from the right one": (
        lambda z, t, w: w[..., None] * (_softmax(z) - 1) / t.size
    ),
    "the wrong classes got no gradient: theirs is p": (
        lambda z, t, w: _right_gradient(z, t, w) * _onehot(z, t)
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
