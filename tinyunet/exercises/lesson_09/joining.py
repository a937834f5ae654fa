"""Lesson 9: joining, and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.any_dtype import in_its_dtype
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.networks.unet import Skip

WAYS = ("concat", "sum", "none")


@exercise(
    lesson=9,
    hints=(
        "Three short cases. Which of them changes the number of channels?",
        "Concatenation is along the last axis, the channels, and the encoder's come first. With "
        '"none" the decoder goes on with what it has.',
        'np.concatenate([across, x], axis=-1) for "concat", across + x for "sum" (a new array, not '
        '+=), and x itself for "none".',
    ),
)
def join(trial: Trial) -> None:
    """What a decoder gets: the encoder's features joined to its own."""
    rng = trial.rng(1)
    for how, shape, dtype in (
        ("concat", (2, 3, 4, 3), float), ("concat", (1, 2, 2, 1), float), ("sum", (2, 3, 4, 3), float),
        ("none", (2, 3, 4, 3), float), ("concat", (2, 2, 3, 2), np.float32),
        ("sum", (2, 2, 3, 2), np.float32),
    ):  # fmt: skip
        across, x = rng.standard_normal((2, *shape)).astype(dtype)
        y = trial.call(across=across, x=x, how=how)
        right = in_its_dtype(y, {"y": Skip(how).forward(across, x)})
        trial.compare(y, right, axes={"y": IMAGE}, mistakes=JOIN_MISTAKES)


def _in(which: str, mistake: Callable) -> Callable:
    """A mistake that can be made in one case only."""

    def make(across, x, how):
        if how != which:
            raise ValueError
        return mistake(across, x)

    return make


JOIN_MISTAKES = {
    "the decoder's channels come first: the encoder's should": (
        lambda across, x, how: np.concatenate([x, across], -1)
    ),
    "joined along the images: the channels are the last axis": (
        lambda across, x, how: np.concatenate([across, x], 0)
    ),
    "joined along the height: the channels are the last axis": (
        lambda across, x, how: np.concatenate([across, x], 1)
    ),
    'a sum in every case: "concat" puts channels side by side': lambda across, x, how: across + x,
    'a concatenation in every case: "sum" keeps the number of channels': (
        lambda across, x, how: np.concatenate([across, x], -1)
    ),
    "np.stack makes a new axis: np.concatenate puts channels side by side": (
        lambda across, x, how: np.stack([across, x], -1)
    ),
    "joined along the width: the channels are the last axis": (
        lambda across, x, how: np.concatenate([across, x], 2)
    ),
    "a difference, where it should be a sum": _in("sum", np.subtract),
    "a product, where it should be a sum": _in("sum", np.multiply),
    "zeros stand for the encoder: without a skip the decoder has x alone": (
        _in("none", lambda across, x: np.concatenate([0 * across, x], -1))
    ),
    "all entries were added up to one number: across + x adds place by place": (
        _in("sum", lambda across, x: across.sum() + x.sum())
    ),
    "zeros: without a skip the decoder keeps its own x": _in("none", lambda across, x: 0 * x),
    "a mean, where it should be a sum": _in("sum", lambda across, x: (across + x) / 2),
    "it is the encoder's alone: without a skip the decoder keeps its own x": (
        lambda across, x, how: across
    ),
    "the encoder's features are left out": lambda across, x, how: x,
    "the channels of the two alternate: all of the encoder's come first": (
        lambda across, x, how: np.stack([across, x], -1).reshape(*x.shape[:3], -1)
    ),
}


@exercise(
    lesson=9,
    hints=(
        "Where did each number of y come from? Its gradient goes back there, and nowhere else.",
        "concat only moved numbers, so split dy at the encoder's channels. In a sum, moving either "
        "number moves y just as much.",
        'dy[..., :channels] and dy[..., channels:] for "concat"; dy twice for "sum"; zeros like dy, '
        'and dy, for "none".',
    ),
)
def join_backward(trial: Trial) -> None:
    """The two gradients that leave a skip connection."""
    rng = trial.rng(2)
    for how, channels, more, dtype in (
        ("concat", 2, 3, float), ("concat", 1, 1, float), ("sum", 3, 0, float), ("none", 3, 0, float),
        ("concat", 3, 2, np.float32), ("none", 2, 0, np.float32),
    ):  # fmt: skip
        dy = rng.standard_normal((2, 3, 4, channels + more)).astype(dtype)
        got = trial.call(dy=dy, channels=channels, how=how)
        right = dict(zip(("dacross", "dx"), _join_backward(dy, channels, how), strict=True))
        axes, right = dict.fromkeys(right, IMAGE), in_its_dtype(got, right)
        trial.compare(got, right, axes=axes, mistakes=JOIN_BACKWARD_MISTAKES)


def _join_backward(dy, channels, how):
    if how == "concat":
        return dy[..., :channels], dy[..., channels:]
    return (dy if how == "sum" else np.zeros_like(dy)), dy


def _only(which: str, mistake: Callable) -> Callable:
    """A mistake that can be made in one case only; elsewhere all is right."""
    return lambda dy, channels, how: (
        mistake(dy, channels) if how == which else _join_backward(dy, channels, how)
    )


JOIN_BACKWARD_MISTAKES = {
    "the two parts are exchanged: the encoder's channels came first": _only(
        "concat", lambda dy, c: (dy[..., c:], dy[..., :c])
    ),
    "dy was not split, though each input gave only a part of the channels": _only(
        "concat", lambda dy, c: (dy, dy)
    ),
    "dy was split in halves: the encoder has `channels` channels": _only(
        "concat", lambda dy, c: (dy[..., : dy.shape[-1] // 2], dy[..., dy.shape[-1] // 2 :])
    ),
    "dy was split from its end: the encoder's `channels` channels come first": _only(
        "concat", lambda dy, c: (dy[..., :-c], dy[..., -c:])
    ),
    "dx begins `channels` before the end: the decoder's channels begin at `channels`": _only(
        "concat", lambda dy, c: (dy[..., :c], dy[..., -c:])
    ),
    "split along the height: the channels are the last axis": _only(
        "concat", lambda dy, c: (dy[:, :c], dy[:, c:])
    ),
    "split in every case: in a sum, both inputs get all of dy": _only(
        "sum", lambda dy, c: (dy[..., :c], dy[..., c:])
    ),
    "split in halves: in a sum, both inputs get all of dy": _only(
        "sum", lambda dy, c: (dy[..., : c // 2], dy[..., c // 2 :])
    ),
    "one number: an array of zeros is wanted": _only("none", lambda dy, c: (0, dy)),
    "split along the images: the channels are the last axis": _only(
        "concat", lambda dy, c: (dy[:c], dy[c:])
    ),
    "in a sum, both inputs get the gradient, the decoder's as well": _only(
        "sum", lambda dy, c: (dy, 0 * dy)
    ),
    "in a sum, each input moves y by as much as it moves itself: dy for both, not the half": _only(
        "sum", lambda dy, c: (dy / 2, dy / 2)
    ),
    "in a sum, both inputs get the gradient, the encoder's as well": _only(
        "sum", lambda dy, c: (0 * dy, dy)
    ),
    "without a skip nothing of y came from the encoder: its gradient is 0": _only(
        "none", lambda dy, c: (dy, dy)
    ),
    "without a skip y is x, so all of dy is dx": _only("none", lambda dy, c: (dy, 0 * dy)),
}
