"""Lesson 8: the training loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Stop, Trial
from tinyunet.learning.optim import Adam
from tinyunet.losses import SoftmaxCrossEntropy
from tinyunet.networks.unet import UNet


class _Batches:
    """Batches 0, 1, 2, ... of random numbers."""

    def __init__(self, dtype: type, seed: int) -> None:
        self.dtype, self.seed = dtype, seed

    def __getitem__(self, i: int) -> tuple:
        rng = np.random.default_rng([5, i, self.seed])
        images = rng.standard_normal((2, 4, 4, 1)).astype(self.dtype)
        return images, rng.integers(0, 2, (2, 4, 4)), None

    def __repr__(self) -> str:
        return "some batches"


class _Adam(Adam):
    def __repr__(self) -> str:
        return f"Adam(lr={self.lr})"


class _Model(UNet):
    """A network that notes what its backward pass was given."""

    given: object = None  # nothing yet

    def backward(self, dy, **options):
        self.given = dy
        return super().backward(dy, **options)


def _reason(model: _Model, raised: str) -> str:
    """Say why a step failed, if it is known."""
    if "SoftmaxCrossEntropy needs" in raised:
        return "the loss takes the model's logits first, and then the labels"
    if "no attribute 'backward'" in raised:
        return "the loss is a number: the object `loss` has the backward, loss.backward()"
    if "predict called in between" in raised:
        return "what is trained runs by model(images): predict keeps nothing for a backward"
    if "unpack" in raised:
        return "a batch is three things: images, labels and weights"
    if "backward before step" in raised:
        return "model.backward is missing, or comes after optimizer.step(): gradients first"
    if model.given is not None and np.ndim(model.given) == 0:
        return "model.backward takes the gradient, loss.backward(), and not the loss"
    return ""


def _ingredients(dtype: type, seed: int) -> tuple:
    model = _Model(base_channels=2, depth=1, padding="same", seed=1, dtype=np.dtype(dtype).name)
    loss, optimizer = SoftmaxCrossEntropy(), _Adam(model, lr=0.02)
    model.__name__, loss.__name__ = "a tiny U-Net", "SoftmaxCrossEntropy()"  # for messages
    return model, loss, optimizer, _Batches(dtype, seed)


@exercise(
    lesson=8,
    hints=(
        "A step is four lines, and you have met them all: forward, loss, backward, update.",
        "loss(model(images), labels) is a number, to keep in a list. loss.backward() is dL/d(logits): "
        "whom do you hand it to?",
        "for i in range(first, last): take batches[i], compute the loss, model.backward(loss"
        ".backward()), optimizer.step(), and append the loss that you computed first.",
    ),
)
def train(trial: Trial) -> None:
    """The training loop."""
    for first, last, dtype in ((0, 4, float), (0, 2, float), (3, 6, float), (0, 3, np.float32)):
        model, loss, optimizer, batches = _ingredients(dtype, trial.seed)
        try:
            losses = trial.call(
                model=model, loss=loss, optimizer=optimizer, batches=batches, first=first, last=last
            )
        except Stop:
            finding = trial.findings()[0]
            finding.cause = finding.cause or _reason(model, finding.text)
            raise
        twin = _ingredients(dtype, trial.seed)
        right = np.array(_run(*twin, first, last))
        mistakes = {what: _fresh(run, dtype, trial.seed) for what, run in LOOP_MISTAKES.items()}
        trial.compare(losses, {"the losses": right}, axes={"the losses": ("step",)},
                      mistakes=mistakes)  # fmt: skip
        taken, due = optimizer.steps, last - first
        trial.require(
            taken == due, "the optimizer", f"took {taken} steps, should take {due}",
            "optimizer.step() belongs into the loop, once for each batch",
        )  # fmt: skip
        for (name, got), (_, expected) in zip(
            model.named_parameters(), twin[0].named_parameters(), strict=True
        ):
            trial.compare(got, {f"{name} afterwards": expected})


def _run(model, loss, optimizer, batches, first, last, *, update=1, which=None, late=False):
    losses = []
    for i in range(first, last):
        images, labels, _ = batches[i if which is None else which(i, first, last)]
        losses.append(loss(model(images), labels))
        model.backward(loss.backward())
        for _ in range(update):
            optimizer.step()
        if late:
            losses[-1] = loss(model(images), labels)
    return losses


def _fresh(run: Callable, dtype: type, seed: int) -> Callable:
    """A mistaken loop on ingredients of its own: the student's are trained already."""

    def make(model, loss, optimizer, batches, first, last):
        return np.array(run(*_ingredients(dtype, seed), first, last))

    return make


LOOP_MISTAKES = {
    "nothing changes on the way: optimizer.step() is missing, or stands behind the loop": (
        lambda *a: _run(*a, update=0)
    ),
    "two updates for each batch": lambda *a: _run(*a, update=2),
    "every step takes the same batch: batches[i]": (
        lambda *a: _run(*a, which=lambda i, first, last: first)
    ),
    "counted from 0, but the first batch is number `first`": (
        lambda *a: _run(*a, which=lambda i, first, last: i - first)
    ),
    "counted from 1 after `first`: the first batch is batches[first]": (
        lambda *a: _run(*a, which=lambda i, first, last: i + 1)
    ),
    "the loss was computed again after the update: keep the one from before": (
        lambda *a: _run(*a, late=True)
    ),
    "one step too many: `last` itself does not count": lambda *a: _run(*a[:-1], a[-1] + 1),
    "one step too few: `last` is the first that does not count": (
        lambda *a: _run(*a[:-1], a[-1] - 1)
    ),
    "counted from 0: the steps begin with `first`": lambda *a: _run(*a[:-2], 0, a[-1]),
    "the loop ends after its first step: return stands in it, and belongs behind it": (
        lambda *a: _run(*a[:-1], a[-2] + 1)
    ),
    "the list is made anew in each step: make it once, before the loop": lambda *a: _run(*a)[-1:],
    "the losses were added up: each step's own is wanted": lambda *a: np.cumsum(_run(*a)),
    "the losses were added up into one number: every step's is wanted, in a list": (
        lambda *a: np.sum(_run(*a))
    ),
    "only the last loss: every step's is wanted, in a list": lambda *a: _run(*a)[-1],
    "the mean of the losses: every step's is wanted, in a list": lambda *a: np.mean(_run(*a)),
}
