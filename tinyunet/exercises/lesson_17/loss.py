"""Lesson 17: half the binary cross-entropy less the Dice overlap, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


@exercise(
    lesson=17,
    hints=(
        "Two losses, two gradients. That of the cross-entropy with respect to the logit is p - t, by "
        "itself; that of D is with respect to p first, and has to go through the sigmoid.",
        "For the cross-entropy use max(z, 0) - z t + log(1 + exp(-|z|)), a mean. D is A / B with sums "
        "over everything; dD/dp = (2 t - D) / B, and dp/dz = p (1 - p).",
        "e = np.exp(-np.abs(z)); p = np.where(z >= 0, 1, e) / (1 + e). loss = 0.5 * (np.maximum(z, 0) "
        "- z * t + np.log1p(e)).mean() - D; dz = 0.5 * (p - t) / z.size - (2 * t - D) / B * p * (1 - "
        "p).",
    ),
)
def bce_dice(trial: Trial) -> None:
    """The loss of U-Net++, and its gradient with respect to the logits."""
    rng = trial.rng(2)
    with np.errstate(all="ignore"):
        for shape, scale, dtype in (
            ((1, 1, 3, 1), 1, "float64"), ((1, 2, 3, 1), 1, "float64"), ((3, 2, 2, 1), 2, "float64"),
            ((2, 3, 2, 1), 1000, "float64"), ((2, 2, 3, 1), 1, "float32"),
        ):  # fmt: skip
            z = (scale * rng.standard_normal(shape)).astype(dtype)
            t = (rng.random(shape) < 0.4).astype(dtype)
            t.flat[0] = 1
            loss, dz = _bce_dice(z, t)
            right = {"the loss": np.asarray(loss, dtype), "dz": dz.astype(dtype)}
            got = trial.call(z=z, t=t)
            _check_finite(trial, got)
            trial.compare(got, right, axes={"dz": IMAGE}, mistakes=LOSS_MISTAKES)


def _check_finite(trial: Trial, got: Any) -> None:
    """Say why something became infinite or NaN, in whatever way it was computed."""
    if isinstance(got, tuple | list) and len(got) == 2:
        for name, value, why in (("the loss", got[0], INFINITE), ("dz", got[1], OVERFLOW)):
            array = np.asarray(value)
            finite = array.dtype.kind != "f" or np.isfinite(array).all()
            trial.require(finite, name, "is not finite for logits of about 1000", why)


def _sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _entropies(z, t):
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def _overlap(p, t, top=1.0, bottom=1.0):
    """D and its bottom sum B."""
    b = (p + t).sum() + bottom
    return (2 * (p * t).sum() + top) / b, b


def _bce_dice(z, t, entropy=None, bce=None, dice=None):
    """The right loss and gradient, or with other parts: functions of z, t, p, D and B."""
    p = _sigmoid(z)
    d, b = _overlap(p, t)
    loss = 0.5 * (_entropies(z, t).mean() if entropy is None else entropy(z, t)) - d
    dbce = 0.5 * (p - t) / z.size if bce is None else bce(z, t, p)
    ddice = (2 * t - d) / b * p * (1 - p) if dice is None else dice(t, p, d, b)
    return loss, dbce - ddice


def _of_loss(value: Callable) -> Callable:
    """A wrong loss, a function of the cross-entropy, D, p and t, beside the right gradient."""

    def made(z, t):
        p = _sigmoid(z)
        return value(_entropies(z, t).mean(), _overlap(p, t)[0], p, t), _bce_dice(z, t)[1]

    return made


def _propped(z, t, by=1e-12):
    p = _sigmoid(z)
    return -(t * np.log(p + by) + (1 - t) * np.log(1 - p + by)).mean()


def _clipped(by):
    def entropy(z, t):
        p = np.clip(_sigmoid(z), by, 1 - by)
        return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()

    return entropy


INFINITE = (
    "p became exactly 0 or 1, and its logarithm infinite: use max(z, 0) - z t + log(1 + exp(-|z|))"
)
OVERFLOW = (
    "exp of a large number is infinite, and inf / inf is no number: exp(-|z|) cannot overflow"
)
PROPPED = (
    "a number beside p keeps the logarithm finite, but wrong where p is tiny: use max(z, 0) - z t + "
    "log(1 + exp(-|z|))"
)
LOSS_MISTAKES = {
    # Of the gradient alone: where the loss is right, these are meant.
    "the gradient of D is still with respect to p: on its way to z it goes through the sigmoid, "
    "p (1 - p)": lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (2 * t - d) / b),
    "p (1 - p) stands at the cross-entropy, too: p - t is its gradient with respect to z already": (
        lambda z, t: _bce_dice(z, t, bce=lambda z, t, p: 0.5 * (p - t) / z.size * p * (1 - p))
    ),
    "the bottom sum was taken for a constant: it changes with p, too": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: 2 * t / b * p * (1 - p))
    ),
    "the sign of D's gradient: the loss has minus D": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: -(2 * t - d) / b * p * (1 - p))
    ),
    "the slope of p^2 in the bottom sum, as in lesson 21: here it is p": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: 2 * (t - p * d) / b * p * (1 - p))
    ),
    "divided by the bottom sum once too often: one cancels": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (2 * t - d) / b**2 * p * (1 - p))
    ),
    "not divided by the number of pixels: the cross-entropy is a mean": (
        lambda z, t: _bce_dice(z, t, bce=lambda z, t, p: 0.5 * (p - t))
    ),
    "the half is missing in the cross-entropy's gradient": (
        lambda z, t: _bce_dice(z, t, bce=lambda z, t, p: (p - t) / z.size)
    ),
    "the sign of the cross-entropy's gradient: it is p - t": (
        lambda z, t: _bce_dice(z, t, bce=lambda z, t, p: 0.5 * (t - p) / z.size)
    ),
    "the cross-entropy's gradient is with respect to p, (p - t) / (p (1 - p)): p - t is that of z": (
        lambda z, t: _bce_dice(z, t, bce=lambda z, t, p: 0.5 * (p - t) / (p * (1 - p)) / z.size)
    ),
    "the 2 is missing in the slope of D's top sum: it is 2 t": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (t - d) / b * p * (1 - p))
    ),
    "the sign in D's gradient: the rule for quotients has a minus, 2 t - D": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (2 * t + d) / b * p * (1 - p))
    ),
    "the top sum stands where D should be: (2 t - D) / B": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (2 * t - d * b) / b * p * (1 - p))
    ),
    "D's gradient was divided by the number of pixels: D has sums, no mean": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (2 * t - d) / b * p * (1 - p) / p.size)
    ),
    "half of D's gradient: the half belongs to the cross-entropy alone": (
        lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: (t - d / 2) / b * p * (1 - p))
    ),
    "D's gradient is missing": lambda z, t: _bce_dice(z, t, dice=lambda t, p, d, b: 0 * p),
    "the cross-entropy's gradient is missing": (
        lambda z, t: _bce_dice(z, t, bce=lambda z, t, p: 0 * p)
    ),
    # Of both, or of the loss.
    PROPPED: lambda z, t: _bce_dice(z, t, _propped),
    **{
        f"{PROPPED} (clipped at {by:g})": lambda z, t, by=by: _bce_dice(z, t, _clipped(by))
        for by in (1e-15, 1e-12, 1e-8, 1e-7, 1e-6)
    },
    "half of the cross-entropy, not all of it": lambda z, t: _with_bce(z, t, 2),
    "D is added: a loss should fall as the overlap grows, so subtract it": lambda z, t: (
        _bce_dice(z, t)[0] + 2 * _overlap(_sigmoid(z), t)[0],
        _bce_dice(z, t, dice=lambda t, p, d, b: -(2 * t - d) / b * p * (1 - p))[1],
    ),
    "1 - D in place of -D: with the same gradient, but here the loss is one half the cross-entropy "
    "less D": _of_loss(lambda bce, d, p, t: 0.5 * bce + 1 - d),
    "the sign: it is one half the cross-entropy less D": lambda z, t: tuple(
        -part for part in _bce_dice(z, t)
    ),
    "D alone: the cross-entropy is missing": lambda z, t: (
        -_overlap(_sigmoid(z), t)[0],
        _bce_dice(z, t, bce=lambda z, t, p: 0 * p)[1],
    ),
    "the cross-entropy alone: D is missing": lambda z, t: (
        0.5 * _entropies(z, t).mean(),
        _bce_dice(z, t, dice=lambda t, p, d, b: 0 * p)[1],
    ),
    "a sum of cross-entropies, where it should be their mean": lambda z, t: (
        _bce_dice(z, t, lambda z, t: _entropies(z, t).sum())[0],
        _bce_dice(z, t, bce=lambda z, t, p: 0.5 * (p - t))[1],
    ),
    "the cross-entropy was divided by the number of images only: by all pixels": lambda z, t: (
        _bce_dice(z, t, lambda z, t: _entropies(z, t).sum() / len(z))[0],
        _bce_dice(z, t, bce=lambda z, t, p: 0.5 * (p - t) / len(z))[1],
    ),
    "the + 1 is missing above and below in D": lambda z, t: _other_dice(z, t, 0, 0),
    "the + 1 is missing above in D": lambda z, t: _other_dice(z, t, 0, 1),
    "the + 1 is missing below in D": lambda z, t: _other_dice(z, t, 1, 0),
    "p is squared in D, as in lesson 21: here it is not": _of_loss(
        lambda bce, d, p, t: 0.5 * bce - (2 * (p * t).sum() + 1) / ((p * p + t).sum() + 1)
    ),
    "the 2 in front of the overlap is missing in D": _of_loss(
        lambda bce, d, p, t: 0.5 * bce - ((p * t).sum() + 1) / ((p + t).sum() + 1)
    ),
    "a D for each image, and their mean: the sums go over the whole batch": _of_loss(
        lambda bce, d, p, t: (
            0.5 * bce - np.mean([_overlap(*one)[0] for one in zip(p, t, strict=True)])
        )
    ),
    "half of D: the half belongs to the cross-entropy alone": _of_loss(
        lambda bce, d, p, t: 0.5 * bce - 0.5 * d
    ),
    "1 - D in place of -D, and all of it halved": _of_loss(
        lambda bce, d, p, t: 0.5 * bce + 0.5 * (1 - d)
    ),
    "means in D: with the + 1, means and sums give another number": _of_loss(
        lambda bce, d, p, t: 0.5 * bce - (2 * (p * t).mean() + 1) / (p.mean() + t.mean() + 1)
    ),
    "D of classes, not of probabilities: p itself belongs into it": _of_loss(
        lambda bce, d, p, t: 0.5 * bce - _overlap((p > 0.5) * 1.0, t)[0]
    ),
    "D of the logits: p, the sigmoid of z, is meant": lambda z, t: (
        0.5 * _entropies(z, t).mean() - _overlap(z, t)[0],
        _bce_dice(z, t)[1],
    ),
    "the last axis is missing: dz has the shape of z": lambda z, t: (
        _bce_dice(z, t)[0],
        _bce_dice(z, t)[1][..., 0],
    ),
}


def _with_bce(z, t, factor):
    loss, dz = _bce_dice(z, t)
    more = 0.5 * (factor - 1)
    return loss + more * _entropies(z, t).mean(), dz + more * (_sigmoid(z) - t) / z.size


def _other_dice(z, t, top, bottom):
    p = _sigmoid(z)
    d, b = _overlap(p, t, top, bottom)
    loss = 0.5 * _entropies(z, t).mean() - d
    return loss, _bce_dice(z, t, dice=lambda t, p, _, __: (2 * t - d) / b * p * (1 - p))[1]
