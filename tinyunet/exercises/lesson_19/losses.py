"""Lesson 19: the mean absolute error, the judge's loss, and the gradients of both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


@exercise(
    lesson=19,
    hints=(
        "The loss is a mean over all values. By how much does it change when one value y grows a "
        "little, if y is above t? And if it is below?",
        "The slope of |y - t| is 1 above t, -1 below, and 0 is the usual choice where they are equal. "
        "The mean divides it by the number of values.",
        "np.abs(y - t).mean(), np.sign(y - t) / y.size",
    ),
)
def l1_loss(trial: Trial) -> None:
    """The mean absolute error and its gradient."""
    rng = trial.rng(1)
    for shape, dtype in (
        ((2, 1, 3, 2), "float64"), ((1, 2, 3, 3), "float64"), ((3, 2, 2, 2), "float64"),
        ((2, 2, 3, 3), "float32"),
    ):  # fmt: skip
        y, t = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        y.flat[1] = t.flat[1]  # equal: the gradient is 0
        loss, dy = _l1(y, t)
        right = {"the loss": np.asarray(loss, dtype), "dy": dy.astype(dtype)}
        trial.compare(trial.call(y=y, t=t), right, axes={"dy": IMAGE}, mistakes=L1_MISTAKES)


def _l1(y, t, loss=lambda off: np.abs(off).mean(), dy=lambda off: np.sign(off) / off.size):
    """The right loss and gradient, or with another part a wrong one."""
    return loss(y - t), dy(y - t)


L1_MISTAKES = {
    "that is the mean square: here absolute values are meant": (
        lambda y, t: _l1(y, t, lambda off: (off**2).mean())
    ),
    "that is the gradient of squares: of |y - t| only the sign is left": (
        lambda y, t: _l1(y, t, dy=lambda off: 2 * off / off.size)
    ),
    "the differences are not absolute values, so they cancel": lambda y, t: _l1(y, t, np.mean),
    "the loss is a sum, and should be a mean": (
        lambda y, t: _l1(y, t, lambda off: np.abs(off).sum())
    ),
    "the gradient is not divided by the number of values: the loss is a mean": (
        lambda y, t: _l1(y, t, dy=np.sign)
    ),
    "divided by the number of images: the mean goes over every value": (
        lambda y, t: _l1(y, t, dy=lambda off: np.sign(off) / len(off))
    ),
    "divided by the number of pixels: each has several channels, and all are counted": (
        lambda y, t: _l1(y, t, dy=lambda off: np.sign(off) * off.shape[3] / off.size)
    ),
    "the sign: where y is too large, the gradient is above 0": (
        lambda y, t: _l1(y, t, dy=lambda off: -np.sign(off) / off.size)
    ),
    "the sign of the difference, and not its size: |y - t| has slope 1 or -1": (
        lambda y, t: _l1(y, t, dy=lambda off: np.abs(off) / off.size)
    ),
    "the gradient is 1 above t only: below it is -1": (
        lambda y, t: _l1(y, t, dy=lambda off: np.ones_like(off) / off.size)
    ),
    "the sign of y: that of y - t is wanted": lambda y, t: (_l1(y, t)[0], np.sign(y) / y.size),
    "0 / 0 where y equals t: np.sign gives 0 there": (
        lambda y, t: _l1(y, t, dy=lambda off: np.where(off, np.sign(off), np.nan) / off.size)
    ),
    "that is the root of the mean square: here absolute values are meant": (
        lambda y, t: _l1(y, t, lambda off: np.sqrt((off**2).mean()))
    ),
    "where y equals t the gradient is 0: nothing is wrong there": (
        lambda y, t: _l1(y, t, dy=lambda off: np.where(off >= 0, 1, -1) / off.size)
    ),
    "where y equals t the gradient is 0, not -1: nothing is wrong there": (
        lambda y, t: _l1(y, t, dy=lambda off: np.where(off > 0, 1, -1) / off.size)
    ),
}


@exercise(
    lesson=19,
    hints=(
        "It is the cross-entropy of lesson 5 with two classes, real and fake, and one logit for both. "
        "Let t be 1 for real and 0 for fake. What is the gradient of a cross-entropy?",
        "The loss of a logit is max(z, 0) - z t + log(1 + exp(-|z|)), its gradient p - t with p = "
        "sigmoid(z). Take the mean over all logits, and divide the gradient by their number.",
        "t = float(real); e = np.exp(-np.abs(z)); p = np.where(z >= 0, 1, e) / (1 + e); return "
        "(np.maximum(z, 0) - z * t + np.log1p(e)).mean(), (p - t) / z.size",
    ),
)
def judge_loss(trial: Trial) -> None:
    """What logits are wrong by that should all say real, or all fake, and the gradient."""
    rng = trial.rng(2)
    with np.errstate(all="ignore"):
        for shape, scale, real, dtype in (
            ((2, 2, 3, 1), 2, True, "float64"), ((3, 2, 2, 1), 2, False, "float64"),
            ((1, 1, 2, 1), 1, True, "float64"), ((1, 1, 2, 1), 1, False, "float64"),
            ((2, 2, 2, 1), 1000, True, "float64"), ((2, 2, 2, 1), 1000, False, "float64"),
            ((2, 2, 3, 1), 1, True, "float32"),
        ):  # fmt: skip
            z = (scale * rng.standard_normal(shape)).astype(dtype)
            loss, dz = _judge(z, real)
            right = {"the loss": np.asarray(loss, dtype), "dz": dz.astype(dtype)}
            got = trial.call(z=z, real=real)
            if isinstance(got, tuple | list) and len(got) == 2:
                for name, value, why in (("the loss", got[0], INFINITE), ("dz", got[1], OVERFLOW)):
                    array = np.asarray(value)
                    finite = array.dtype.kind != "f" or np.isfinite(array).all()
                    trial.require(finite, name, "is not finite for logits of about 1000", why)
            trial.compare(got, right, axes={"dz": IMAGE}, mistakes=JUDGE_MISTAKES)


def _sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _entropies(z, t):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def _judge(z, real, value: Callable | None = None, slope: Callable | None = None):
    """The right loss and gradient, or with another part, a function of z and t, a wrong one."""
    t = float(real)
    loss = _entropies(z, t).mean() if value is None else value(z, t)
    return loss, (_sigmoid(z) - t) / z.size if slope is None else slope(z, t)


INFINITE = (
    "p became exactly 0 or 1, and its logarithm infinite: use max(z, 0) - z t + log(1 + exp(-|z|))"
)
OVERFLOW = (
    "exp of a large number is infinite, and inf / inf is no number: exp(-|z|) cannot overflow"
)
JUDGE_MISTAKES = {
    "real and fake are exchanged: t is 1 for real": lambda z, real: _judge(z, not real),
    "the sign of the gradient: it is p - t": (
        lambda z, real: _judge(z, real, slope=lambda z, t: (t - _sigmoid(z)) / z.size)
    ),
    "the gradient is not divided by the number of logits: the loss is a mean": (
        lambda z, real: _judge(z, real, slope=lambda z, t: _sigmoid(z) - t)
    ),
    "divided by the number of images: the mean goes over all logits": (
        lambda z, real: _judge(z, real, slope=lambda z, t: (_sigmoid(z) - t) / len(z))
    ),
    "the loss is a sum, and should be a mean": (
        lambda z, real: _judge(z, real, lambda z, t: _entropies(z, t).sum())
    ),
    "p (1 - p) is too much: p - t is the gradient with respect to z already": (
        lambda z, real: _judge(
            z, real, slope=lambda z, t: (_sigmoid(z) - t) * _sigmoid(z) * _sigmoid(-z) / z.size
        )
    ),
    "z - t: the logit has to go through the sigmoid first": (
        lambda z, real: _judge(z, real, slope=lambda z, t: (z - t) / z.size)
    ),
    "the sign of z t: it is subtracted": (
        lambda z, real: _judge(z, real, lambda z, t: (_entropies(z, t) + 2 * z * t).mean())
    ),
    "max(z, 0) is missing": (
        lambda z, real: _judge(z, real, lambda z, t: (_entropies(z, t) - np.maximum(z, 0)).mean())
    ),
    "exp(-|z|): the absolute value is missing": (
        lambda z, real: _judge(
            z, real, lambda z, t: (np.maximum(z, 0) - z * t + np.log1p(np.exp(-z))).mean()
        )
    ),
    "the sign of the loss: a logarithm of a probability is below 0, the loss above": (
        lambda z, real: _judge(z, real, lambda z, t: -_entropies(z, t).mean())
    ),
}
