"""Lesson 3: max-pooling."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.lesson_03.relu import draw_image, through
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.layers import MaxPool2d

WITH_TIES = "; some windows hold their maximum several times"


def _windows(x: np.ndarray) -> np.ndarray:
    """The four pixels of every window, row by row: (N, H/2, W/2, C, 4)."""
    return np.stack([x[:, p::2, q::2] for p in range(2) for q in range(2)], axis=-1)


def _unwindowed(windows: np.ndarray) -> np.ndarray:
    n, h, w, c, _ = windows.shape
    x = np.zeros((n, 2 * h, 2 * w, c), windows.dtype)
    for i in range(4):
        x[:, i // 2 :: 2, i % 2 :: 2] = windows[..., i]
    return x


def _wrong_reshape(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, w // 2, 2, 2, c).max(axis=(3, 4))


def _overlapping(x):
    return np.maximum.reduce([x[:, :-1, :-1], x[:, 1:, :-1], x[:, :-1, 1:], x[:, 1:, 1:]])


@exercise(
    lesson=3,
    hints=(
        "All top left pixels of the windows together are every second row and every second column "
        "of x. How does a slice say that?",
        "x[:, p::2, q::2] takes the pixels at place (p, q) of every window; p and q are 0 or 1. That "
        "makes four arrays of the size of y.",
        "Begin with the array of place (0, 0) and apply np.maximum with each of the other three. Or "
        "reshape x to (N, H // 2, 2, W // 2, 2, C) and take the maximum over both axes of length 2.",
    ),
)
def max_pool(trial: Trial) -> None:
    """Max-pooling with windows of 2 by 2, forward."""
    rng = trial.rng(4)
    mistakes = {
        "the mean of each window: that is average pooling": lambda x: _windows(x).mean(-1),
        "the sum of each window": lambda x: _windows(x).sum(-1),
        "the smallest of each window": lambda x: _windows(x).min(-1),
        "the top left pixel of each window, whether it is the largest or not": (
            lambda x: x[:, ::2, ::2]
        ),
        "the bottom right pixel of each window, whether it is the largest or not": (
            lambda x: x[:, 1::2, 1::2]
        ),
        "two pixels of each window are compared: it has four": (
            lambda x: np.maximum(x[:, ::2, ::2], x[:, 1::2, 1::2])
        ),
        "every pixel of a window got its maximum: one for each window is wanted": (
            lambda x: _spread(_windows(x).max(-1))
        ),
        "a quarter of the image: windows lie all over it": (
            lambda x: x[:, : x.shape[1] // 2, : x.shape[2] // 2]
        ),
        "one number for all: the windows are 2 by 2": lambda x: x.max(),
        "the windows overlap: they should lie side by side, so go on by 2": _overlapping,
        "the maximum of 0 and the window: windows that are all negative have a maximum, too": (
            lambda x: np.maximum(_windows(x).max(-1), 0)
        ),
        "the value that is farthest from 0: signs count": (
            lambda x: np.take_along_axis(
                _windows(x), np.abs(_windows(x)).argmax(-1)[..., None], -1
            )[..., 0]
        ),
        "the channels are mixed: each has a maximum of its own": (
            lambda x: np.repeat(_windows(x).max(-1).max(-1, keepdims=True), x.shape[3], 3)
        ),
        "the reshape takes pixels that are no neighbours: (N, H/2, 2, W/2, 2, C) keeps them": (
            _wrong_reshape
        ),
        **{
            f"the pixel at the {where} of each window is left out": (
                lambda x, k=k: np.delete(_windows(x), k, -1).max(-1)
            )
            for k, where in enumerate(("top left", "top right", "bottom left", "bottom right"))
        },
        "nothing is pooled: y is as large as x": lambda x: x,
        "only the rows are pooled": lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
        "only the columns are pooled": lambda x: np.maximum(x[:, :, ::2], x[:, :, 1::2]),
        "one maximum for all channels: each has one of its own": (
            lambda x: _windows(x).max((-2, -1))[..., None]
        ),
        "one number for each image: the windows are 2 by 2": lambda x: x.max((1, 2)),
        "the place of the maximum, not the maximum": lambda x: _windows(x).argmax(-1),
    }
    small, general = draw_image(rng, 1, 4, 4, 1), draw_image(rng, 2, 4, 6, 3)
    for x in (small, general, -np.abs(small), general.astype(np.float32)):
        right = MaxPool2d().forward(x)
        trial.compare(trial.call(x=x), {"y": right}, axes={"y": IMAGE}, mistakes=mistakes)


def _to_all_winners(dy, x):
    windows = _windows(x)
    return _unwindowed(dy[..., None] * (windows == windows.max(-1, keepdims=True)))


def _shared(dy, x):
    won = _windows(x) == _windows(x).max(-1, keepdims=True)
    return _unwindowed(dy[..., None] * won / won.sum(-1, keepdims=True))


def _to_the_last(dy, x):
    last = 3 - _windows(x)[..., ::-1].argmax(-1)
    return _unwindowed(dy[..., None] * (np.arange(4) == last[..., None]))


def _by_columns(dy, x):
    """The first winner when the window is read column by column."""
    return through(MaxPool2d(), dy.swapaxes(1, 2), x.swapaxes(1, 2)).swapaxes(1, 2)


def _spread(dy):
    return dy.repeat(2, axis=1).repeat(2, axis=2)


@exercise(
    lesson=3,
    hints=(
        "dx is 0, except at one pixel of each window: the one that became y. There it is dy.",
        "For the place (p, q) of the windows, x[:, p::2, q::2] == max_pool(x) says where it won. Write "
        "dy * won into dx[:, p::2, q::2].",
        "For ties, keep a copy of dy, from which you take what a place has won: after each place, "
        "multiply the copy by ~won. What is taken once cannot be won again.",
    ),
)
def max_pool_backward(trial: Trial) -> None:
    """Max-pooling with windows of 2 by 2, backward; the first maximum of a window wins."""
    rng = trial.rng(5)
    mistakes = {
        "all pixels of a window get dy: only the largest should": lambda dy, x: _spread(dy),
        "all pixels of a window get a quarter of dy: that belongs to average pooling": (
            lambda dy, x: _spread(dy) / 4
        ),
        "the top left pixel gets dy, whether it is the largest or not": (
            lambda dy, x: _unwindowed(dy[..., None] * (np.arange(4) == 0))
        ),
        "dy as it came: dx has the shape of x": lambda dy, x: dy,
        "y, where dy belongs": lambda dy, x: through(MaxPool2d(), _windows(x).max(-1), x),
        "the smallest pixel gets dy": lambda dy, x: through(MaxPool2d(), dy, -x),
        "multiplied by x: the slope at the largest pixel is 1": (
            lambda dy, x: through(MaxPool2d(), dy, x) * x
        ),
        "the slope alone: multiply it by dy (the chain rule)": (
            lambda dy, x: through(MaxPool2d(), np.ones_like(dy), x)
        ),
        "in a tie every maximum gets all of dy: only the first of them should": _to_all_winners,
        "in a tie dy is shared out: a subgradient, but here the first maximum gets it all": _shared,
        "in a tie the last maximum gets dy: the first should, row by row": _to_the_last,
        "in a tie the first maximum column by column gets dy: we go row by row": _by_columns,
    }
    trial.crashes = {
        "x has four pixels for each of y: compare x[:, p::2, q::2] with y, or repeat y twice": [
            lambda dy, x: x == _windows(x).max(-1), lambda dy, x: _windows(x).max(-1) == x,
            lambda dy, x: dy * x, lambda dy, x: x * dy,
        ]
    }  # fmt: skip
    smooth = draw_image(rng, 2, 4, 6, 2)
    measured = slopes(lambda x: MaxPool2d().forward(x), smooth, seed=(6, trial.seed))
    ties = np.maximum(np.round(draw_image(rng, 1, 6, 8, 2)), 0)
    ties[0, :2, :2, 0] = [[0, 1], [1, 0]]  # row by row or column by column?
    for x, dy, note in (
        (smooth, measured.dy, ""),
        (ties, rng.standard_normal((1, 3, 4, 2)), WITH_TIES),
    ):
        dx = trial.call(dy=dy, x=x)
        trial.setting += note
        right = measured.whole[0] if x is smooth else through(MaxPool2d(), dy, x)
        trial.compare(dx, {"dx": right}, axes={"dx": IMAGE}, mistakes=mistakes)
    dy, x = (array.astype(np.float32) for array in (measured.dy, smooth))
    trial.compare(trial.call(dy=dy, x=x), {"dx": through(MaxPool2d(), dy, x)})
