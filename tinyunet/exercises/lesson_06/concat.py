"""Lesson 6: the concat and its gradient."""

from __future__ import annotations

import numpy as np

import tinyunet as tu
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE


@exercise(
    lesson=6,
    hints=(
        "NumPy has a function for it. Along which axis are the channels?",
        "np.concatenate takes a list of arrays and an axis; the channels are the last.",
        "np.concatenate([a, b], axis=-1): a first, then b.",
    ),
)
def concat(trial: Trial) -> None:
    """Two images, one after the other along the channels."""
    trial.crashes = {
        "np.concatenate takes a list of arrays: np.concatenate([a, b], axis=-1)": [
            np.concatenate, lambda a, b: np.concatenate(a, b, axis=-1),
        ],
        "axes are counted from 0: the channels are axis 3, or -1": (
            lambda a, b: np.concatenate([a, b], axis=4)
        ),
    }  # fmt: skip
    rng = trial.rng(3)
    for shape, ca, cb in (((1, 2, 3), 2, 2), ((2, 3, 3), 1, 2), ((2, 2, 2), 3, 3)):
        a, b = rng.standard_normal((*shape, ca)), rng.standard_normal((*shape, cb))
        trial.compare(
            trial.call(a=a, b=b), {"y": tu.Concat().forward(a, b)}, axes={"y": IMAGE},
            mistakes=CONCAT_MISTAKES,
        )  # fmt: skip


CONCAT_MISTAKES = {
    "b comes first: it should be a, then b": lambda a, b: np.concatenate([b, a], axis=-1),
    "joined along the batch (axis 0): the channels are the last axis": (
        lambda a, b: np.concatenate([a, b])
    ),
    "joined along the height (axis 1): the channels are the last axis": (
        lambda a, b: np.concatenate([a, b], axis=1)
    ),
    "joined along the width (axis 2): the channels are the last axis": (
        lambda a, b: np.concatenate([a, b], axis=2)
    ),
    "np.stack makes a new axis: np.concatenate joins along one that there is": (
        lambda a, b: np.stack([a, b], axis=-1)
    ),
    "a and b came back in a list or a new axis: np.concatenate puts them side by side": (
        lambda a, b: np.stack([a, b])
    ),
    "a and b were added: their channels should stand side by side": lambda a, b: a + b,
    "the channels of a and b take turns: all of a come first": (
        lambda a, b: np.stack([a, b], axis=-1).reshape(*a.shape[:3], -1)
    ),
}


@exercise(
    lesson=6,
    hints=(
        "Each number of y is a copy of one number of a or of b. So each number of dy belongs to one "
        "of them.",
        "The first channels of dy are da, the others db. `channels` says how many are a's.",
        "return dy[..., :channels], dy[..., channels:]",
    ),
)
def concat_backward(trial: Trial) -> None:
    """The gradient of a concat: each input gets its own channels."""
    trial.crashes = {
        "np.split(dy, channels) makes so many equal parts: np.split(dy, [channels], axis=-1) splits "
        "behind them": lambda dy, channels: np.split(dy, channels, axis=-1)
    }
    rng = trial.rng(4)
    for shape, ca in (((1, 2, 3, 6), 4), ((2, 3, 2, 4), 1), ((2, 2, 2, 4), 2)):
        dy = rng.standard_normal(shape)
        da, db = _concat_backward(dy, ca)
        trial.compare(
            trial.call(dy=dy, channels=ca), {"da": da, "db": db}, axes={"da": IMAGE, "db": IMAGE},
            mistakes=SPLIT_MISTAKES,
        )  # fmt: skip


def _concat_backward(dy, channels):
    layer = tu.Concat()
    layer.forward(np.zeros_like(dy[..., :channels]), np.zeros_like(dy[..., channels:]))
    return layer.backward(dy)


SPLIT_MISTAKES = {
    "da and db are exchanged": lambda dy, c: (dy[..., c:], dy[..., :c]),
    "both got all of dy: each should get its own channels": lambda dy, c: (dy, dy),
    "split in the middle: the first `channels` channels are a's": (
        lambda dy, c: (dy[..., : dy.shape[3] // 2], dy[..., dy.shape[3] // 2 :])
    ),
    "a's channels were counted from the end: they are the first": (
        lambda dy, c: (dy[..., -c:], dy[..., :-c])
    ),
    "db begins `channels` before the end: it begins at `channels`": (
        lambda dy, c: (dy[..., :c], dy[..., -c:])
    ),
    "every second channel was taken: a's are the first ones": (
        lambda dy, c: (dy[..., ::2], dy[..., 1::2])
    ),
    "split along the height (axis 1): the channels are the last axis": (
        lambda dy, c: (dy[:, :c], dy[:, c:])
    ),
    "split along the batch (axis 0): the channels are the last axis": (
        lambda dy, c: (dy[:c], dy[c:])
    ),
    "divided by 2: a copy passes its gradient on whole": (
        lambda dy, c: (dy[..., :c] / 2, dy[..., c:] / 2)
    ),
}
