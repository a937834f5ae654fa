"""Lesson 6: the fork, forward and backward."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.exercises.lesson_06.crop import padded, uncrop
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


@exercise(
    lesson=6,
    hints=(
        "Go through the forward pass from its end to its beginning. What was done last? Where do the "
        "two gradients meet again?",
        "concat_backward gives one gradient for the cropped x, and one for what came up. Each goes "
        "back on its own path until it arrives at x.",
        "dcropped, dup = concat_backward(dy, channels); then the sum of "
        "center_crop_backward(dcropped, shape) and down_backward(dup).",
    ),
)
def fork_backward(trial: Trial) -> None:
    """The gradient of an image that goes two ways: across, and down and up again."""
    trial.crashes = FORK_CRASHES
    rng = trial.rng(5)
    for shape, dtype in (
        ((1, 6, 6, 1), "float64"),
        ((2, 8, 10, 2), "float64"),
        ((1, 6, 6, 2), "f"),
    ):
        x = rng.standard_normal(shape).astype(dtype)
        path = tu.Sequential(
            tu.MaxPool2d(2), tu.Conv2d(shape[3], 3, 2, rng=rng), tu.ConvTranspose2d(3, 3, 2, stride=2)
        ).astype(dtype)  # fmt: skip
        up = path(x)

        def down_backward(dup, path=path, x=x):
            """The gradient at x of what came up, for as often as it is asked."""
            path(x)
            return path.backward(np.ascontiguousarray(dup))

        dy = rng.standard_normal((*up.shape[:3], shape[3] + 3)).astype(dtype)
        got = trial.call(dy=dy, channels=shape[3], shape=shape, down_backward=down_backward)
        right = _across(dy, shape[3], shape) + _down(dy, shape[3], shape, down_backward)
        trial.compare(got, {"dx": right}, axes={"dx": IMAGE}, mistakes=FORK_MISTAKES)


def _across(dy, channels, shape, down_backward=None):
    return uncrop(dy[..., :channels], shape)


def _down(dy, channels, shape, down_backward):
    return down_backward(dy[..., channels:])


FORK_MISTAKES = {
    "only the gradient of the path across arrived; that of the path down was dropped, or "
    "overwritten: add the two": _across,
    "only the gradient of the path down arrived; that of the path across was dropped, or "
    "overwritten: add the two": _down,
    "the mean of the two gradients: it should be their sum": (
        lambda *all: (_across(*all) + _down(*all)) / 2
    ),
    "one gradient minus the other: it should be their sum": (
        lambda *all: _across(*all) - _down(*all)
    ),
    "the product of the two gradients: it should be their sum": (
        lambda *all: _across(*all) * _down(*all)
    ),
    "the path down was counted twice": lambda *all: _across(*all) + 2 * _down(*all),
    "the path across was counted twice": lambda *all: 2 * _across(*all) + _down(*all),
    "dy was put back at the top left, where the crop took the middle": (
        lambda dy, c, shape, down: (
            padded(dy[..., :c], shape, lambda rest: 0) + _down(dy, c, shape, down)
        )
    ),
    "what came up was cropped: dx has the size of x, so put the part that went across back": (
        lambda dy, c, shape, down: (
            tu.CenterCrop().forward(_down(dy, c, shape, down), dy.shape[1:3]) + dy[..., :c]
        )
    ),
    "the two gradients stand side by side: they should be added": (
        lambda *all: np.concatenate([_across(*all), _down(*all)], axis=-1)
    ),
    "the two gradients were returned side by side: they should be added": (
        lambda *all: np.stack([_across(*all), _down(*all)])
    ),
}


def _put(dy, shape):
    """A crop's backward as most students write it."""
    dx, (h, w) = np.zeros(shape, dy.dtype), dy.shape[1:3]
    top, left = (shape[1] - h) // 2, (shape[2] - w) // 2
    dx[:, top : top + h, left : left + w] = dy
    return dx


EXCHANGED = (
    "the two parts of dy are exchanged, or both went one way: the first channels go back through "
    "the crop, the others through down_backward"
)
WHOLE = "all of dy was handed on: concat_backward splits it, and each path gets its own channels"
FORK_CRASHES = {
    EXCHANGED: [
        lambda dy, c, shape, down: _put(dy[..., c:], shape),
        lambda dy, c, shape, down: down(dy[..., :c]),
    ],
    WHOLE: [
        lambda dy, c, shape, down: _put(dy, shape),
        lambda dy, c, shape, down: down(dy),
    ],
    "the part that went across was not put back: center_crop_backward gives it the size of x": (
        lambda dy, c, shape, down: dy[..., :c] + down(dy[..., c:])
    ),
    "down_backward takes what came up alone, before anything is put back": (
        lambda dy, c, shape, down: down(uncrop(dy[..., :c], shape))
    ),
    "down_backward takes one argument: the gradient of what came up": [
        lambda dy, c, shape, down: down(dy[..., c:], shape),
        lambda dy, c, shape, down: down(dy[..., c:], c),
    ],
}  # fmt: skip
