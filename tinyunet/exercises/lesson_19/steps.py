"""Lesson 19: a step of two networks, the judge's and the generator's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyunet.exercises.lesson_19.losses import _judge, _l1
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.layers import BatchNorm2d, Conv2d, LeakyReLU, Sequential, Tanh
from tinyunet.layers.layer import Layer
from tinyunet.learning.optim import SGD

CASES = ((1, 3, 2, 1.0), (2, 2, 2, 3.0), (2, 3, 3, 0.5), (2, 0, 3, 10.0))  # images, C, K, weight
SIDE, RATE = 8, 0.5


class PlainSGD(SGD):
    """With a rate at which a step can be told from its gradient, and a short name."""

    def __init__(self, model: Layer) -> None:
        super().__init__(model, RATE, momentum=0.0)

    def __repr__(self) -> str:
        return f"its SGD with a rate of {RATE}"


class Networks:
    """A small generator and a small judge, always the same ones for the same numbers."""

    def __init__(self, trial: Trial, ins: int, outs: int) -> None:
        rng = trial.rng(7)
        self.generator = Sequential(
            Conv2d(3, 4, 3, padding=1, rng=rng), LeakyReLU(0.2),
            Conv2d(4, outs, 3, padding=1, rng=rng), Tanh(),
        )  # fmt: skip
        self.judge = Sequential(
            Conv2d(ins + outs, 3, 4, stride=2, padding=1, rng=rng), BatchNorm2d(3), LeakyReLU(0.2),
            Conv2d(3, 1, 3, padding=1, rng=rng),
        )  # fmt: skip
        for model, name in ((self.generator, "a small network"), (self.judge, "a small network")):
            model.astype("float64")
            model.__name__ = name  # of messages


@exercise(
    lesson=19,
    hints=(
        "Two passes through the judge, one with real images and one with painted ones: what should "
        "each say? And what does the second backward do to the gradients of the first?",
        "backward SETS gradients. After the first pass keep copies of all of judge.named_gradients(); "
        "after the second add them, and then let the optimizer step once. Each pass counts a half.",
        "loss, dz = judge_loss(judge(np.concatenate([x, y], axis=-1)), True); judge.backward(dz / 2); "
        "kept = {name: g.copy() for name, g in judge.named_gradients()}. The same for painted and "
        "False; then for name, g in judge.named_gradients(): g += kept[name]; optimizer.step().",
    ),
)
def judge_step(trial: Trial) -> None:
    """A step of the judge: it learns to tell real images from painted ones."""
    rng = trial.rng(3)
    for count, ins, outs, _ in CASES:
        x, y, painted = (rng.standard_normal((count, SIDE, SIDE, c)) for c in (ins, outs, outs))
        judge = Networks(trial, ins, outs).judge
        before = _weights(judge)
        got = trial.call(judge=judge, optimizer=PlainSGD(judge), x=x, y=y, painted=painted)
        _check_number(trial, got, "the judge's loss")

        made = functools.partial(_of_judge, lambda i=ins, o=outs: Networks(trial, i, o))
        loss, step = made(_judges)(None, None, x, y, painted)
        names = ("the loss", "the step of the judge's weights")
        trial.compare(
            (got, _weights(judge) - before), dict(zip(names, (loss, step), strict=True)),
            mistakes={what: made(learn) for what, learn in JUDGE_STEP_MISTAKES.items()},
        )  # fmt: skip


@exercise(
    lesson=19,
    hints=(
        "The generator's loss has two parts, and both depend on what it painted. So both give a "
        "gradient with respect to the painting, and the two are added. Where does the judge's come "
        "from?",
        "judge.backward returns the gradient of all that the judge saw, x and the painting side by "
        "side. The painting stood behind x. What should the judge say, if the generator has its way?",
        "fooled, dz = judge_loss(judge(np.concatenate([x, painted], axis=-1)), True); dpainted = "
        "judge.backward(dz)[..., x.shape[-1] :]; _, dl1 = l1_loss(painted, y); "
        "generator.backward(dpainted + weight * dl1); optimizer.step(); return fooled",
    ),
)
def generator_step(trial: Trial) -> None:
    """A step of the generator: its gradient runs through the judge."""
    rng = trial.rng(4)
    for count, ins, outs, weight in CASES:
        maps, y = (rng.standard_normal((count, SIDE, SIDE, c)) for c in (3, outs))
        x = maps[..., :ins]
        networks = Networks(trial, ins, outs)
        generator, judge = networks.generator, networks.judge
        painted, before, judged = generator(maps), _weights(generator), _weights(judge)
        got = trial.call(
            generator=generator, judge=judge, optimizer=PlainSGD(generator), x=x, y=y,
            painted=painted, weight=weight,
        )  # fmt: skip
        _check_number(trial, got, "what the judge's part is wrong by")
        trial.require(
            np.array_equal(_weights(judge), judged), "the judge's weights", "have changed",
            "what its backward sets as its own gradients is thrown away in this step: nobody uses them",
        )  # fmt: skip

        made = functools.partial(_of_generator, lambda i=ins, o=outs: Networks(trial, i, o), maps)
        right = made(_generators)(None, None, None, x, y, painted, weight)
        names = ("the loss", "the step of the generator's weights")
        trial.compare(
            (got, _weights(generator) - before), dict(zip(names, right, strict=True)),
            mistakes={what: made(learn) for what, learn in GENERATOR_STEP_MISTAKES.items()},
        )  # fmt: skip


def _of_judge(fresh: Callable, learn: Callable) -> Callable:
    """What a way to learn gives for the exercise's arguments, on a fresh judge."""
    return lambda judge, optimizer, x, y, painted: learn(fresh().judge, x, y, painted)


def _of_generator(fresh: Callable, maps: np.ndarray, learn: Callable) -> Callable:
    """The same for a fresh generator that has just painted."""

    def made(generator, judge, optimizer, x, y, painted, weight):
        networks = fresh()
        networks.generator(maps)
        return learn(networks, x, y, painted, weight)

    return made


def _weights(model: Layer) -> np.ndarray:
    """All parameters of a network, one after the other, as a copy."""
    return np.concatenate([array.ravel() for _, array in model.named_parameters()])


def _gradients(model: Layer) -> np.ndarray:
    gradients = dict(model.named_gradients())
    return np.concatenate([gradients[name].ravel() for name, _ in model.named_parameters()])


def _check_number(trial: Trial, got: Any, what: str) -> None:
    number = np.ndim(got) == 0 and got is not None and np.asarray(got).dtype.kind in "fiu"
    text = "returned None" if got is None else f"returned {type(got).__name__}"
    trial.require(number, "your function", f"{text}, should return {what}, a number")


# ---------------------------------------------------------------------- right and wrong ways


def _judges(judge, x, y, painted, said=(True, False), counted=(0.5, 0.5), used=(1, 1), swap=False,
            one_batch=False, twice=False):  # fmt: skip
    """The judge's loss and step: real and painted, what they should say, and how they count."""
    losses, gradients = [], []

    def seen(image: np.ndarray) -> np.ndarray:
        return np.concatenate([image, x] if swap else [x, image], axis=-1)

    if one_batch:
        z = np.split(judge(np.concatenate([seen(y), seen(painted)])), 2)
        (real, dreal), (fake, dfake) = (_judge(*pair) for pair in zip(z, said, strict=True))
        judge.backward(np.concatenate([dreal, dfake]) / 2)
        return (real + fake) / 2, -RATE * _gradients(judge)
    first = _weights(judge)
    for image, real, share, use in zip((y, painted), said, counted, used, strict=True):
        loss, dz = _judge(judge(seen(image)), real)
        judge.backward(dz * share)
        losses.append(loss * share)
        gradients.append(use * _gradients(judge))
        if twice:
            PlainSGD(judge).step()
    step = _weights(judge) - first if twice else -RATE * sum(gradients)
    return sum(losses), step


def _judges_as(**options: Any) -> Callable:
    return lambda judge, x, y, painted: _judges(judge, x, y, painted, **options)


def _loss_as(value: Callable[[Sequence[float]], float]) -> Callable:
    """A wrong loss, a function of those on real and painted images, beside the right step."""

    def made(judge, x, y, painted):
        parts = [_judges(judge, x, y, painted, counted=counted)[0] for counted in ((1, 0), (0, 1))]
        return value(parts), _judges(judge, x, y, painted)[1]

    return made


JUDGE_STEP_MISTAKES = {
    "only the painted images' gradients were used: backward SETS gradients, and the second pass "
    "overwrote those of the first": _judges_as(used=(0, 1)),
    "only the real images' gradients were used: backward SETS gradients, and the second pass "
    "overwrote those of the first": _judges_as(used=(1, 0)),
    "the optimizer stepped after each pass: add the gradients of both, and step once": (
        _judges_as(twice=True)
    ),
    "nothing was learned: optimizer.step() is missing": _judges_as(used=(0, 0)),
    "real and fake are exchanged: y should be called real, painted fake": (
        _judges_as(said=(False, True))
    ),
    "painted images are called real, too: a judge that learns that can be fooled with anything": (
        _judges_as(said=(True, True))
    ),
    "both were called fake": _judges_as(said=(False, False)),
    "the loss is not halved: the mean of both parts": _loss_as(sum),
    "the gradients are not halved: dz / 2 in each pass": _judges_as(used=(2, 2)),
    "real and painted went through in one batch: batch norm then takes the mean of both, and tells "
    "each what the other looks like": _judges_as(one_batch=True),
    "x stands behind the image: the judge sees x first": _judges_as(swap=True),
    "the loss of the painted images alone: add half of each": _loss_as(lambda parts: parts[1]),
    "the loss of the real images alone: add half of each": _loss_as(lambda parts: parts[0]),
    "half the loss of the painted images: that of the real ones is missing": (
        _loss_as(lambda parts: parts[1] / 2)
    ),
}


def _generators(networks, x, y, painted, weight, said=True, sign=1.0, adversary=1.0, first=False,
                dl1=lambda weight, dy: weight * dy, loss=lambda fooled, l1: fooled,
                steps=1.0):  # fmt: skip
    """The generator's loss and step, or with something changed, wrong ones."""
    fooled, dz = _judge(networks.judge(np.concatenate([x, painted], axis=-1)), said)
    dseen = networks.judge.backward(sign * dz)
    dpainted = dseen[..., : y.shape[3]] if first else dseen[..., x.shape[3] :]
    l1, dy = _l1(painted, y)
    networks.generator.backward(adversary * dpainted + dl1(weight, dy))
    return loss(sign * fooled, (l1, weight)), -RATE * steps * _gradients(networks.generator)


def _generators_as(**options: Any) -> Callable:
    return lambda networks, x, y, painted, weight: _generators(
        networks, x, y, painted, weight, **options
    )


def _saturating(**options: Any) -> Callable:
    return _generators_as(said=False, sign=-1.0, **options)


GENERATOR_STEP_MISTAKES = {
    "the first channels of the gradient were taken, those of x: the painting stood behind x": (
        _generators_as(first=True)
    ),
    "the judge was asked for fake: then the generator learns to be found out": (
        _generators_as(said=False)
    ),
    "minus the loss of fake: its gradient vanishes where the judge is sure. Ask for real": (
        _saturating()
    ),
    "minus the loss of fake in the gradient: it vanishes where the judge is sure. Ask for real": (
        _saturating(loss=lambda fooled, l1: -fooled)
    ),
    "L1 is missing in the gradient": _generators_as(dl1=lambda weight, dy: 0),
    "the judge's part is missing in the gradient: that of its input goes on into the generator": (
        _generators_as(adversary=0)
    ),
    "the weight is missing: L1 counts `weight` times": _generators_as(dl1=lambda weight, dy: dy),
    "the weight is at the judge's part: it belongs to L1": (
        lambda networks, x, y, painted, weight: _generators(
            networks, x, y, painted, weight, adversary=weight, dl1=lambda weight, dy: dy
        )
    ),
    "the sign of L1: both gradients are added": _generators_as(dl1=lambda weight, dy: -weight * dy),
    "the sign of the judge's part: both gradients are added": _generators_as(adversary=-1),
    "nothing was learned: optimizer.step() is missing": _generators_as(steps=0),
    "the loss is that of both parts: return the judge's part alone": (
        _generators_as(loss=lambda fooled, l1: fooled + l1[1] * l1[0])
    ),
    "the loss is L1: return the judge's part": _generators_as(loss=lambda fooled, l1: l1[0]),
}
