"""The exercises of lesson 3, ReLU and max-pooling."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial, slopes
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.layers import MaxPool2d, ReLU

AT_A_KINK = "; some x are exactly 0"
WITH_TIES = "; some windows hold their maximum several times"


def _image(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs, all different and none near 0: no kink is near, and nothing ties."""
    size = int(np.prod(shape))
    values = np.linspace(0.1, 2, size) * rng.choice((-1, 1), size)
    return rng.permutation(values).reshape(shape)


def _through(layer, dy, x):
    layer.forward(x)
    return layer.backward(dy)


# ---------------------------------------------------------------------- ReLU


@exercise(
    lesson=3,
    hints=(
        "Every number is on its own: negative ones become 0, the others stay.",
        "NumPy compares two arrays, or an array and a number, place by place: np.maximum.",
        "np.maximum takes x and 0 and makes a new array. (np.max would look for one number in all.)",
    ),
)
def relu(trial: Trial) -> None:
    """ReLU, forward."""
    rng = trial.rng(1)
    mistakes = {
        "the sign is lost instead of the negative numbers": np.abs,
        "the smaller of x and 0 is taken, where the larger should be": lambda x: np.minimum(x, 0),
        "1 where x is positive: that is the slope; y is x itself there": lambda x: (x > 0) * 1.0,
        "negative numbers come through": lambda x: x,
        "the largest of all numbers (np.max), where each is on its own: np.maximum": np.max,
        "positive numbers are limited to 1": lambda x: np.clip(x, 0, 1),
    }
    simple = _image(rng, 1, 2, 3, 1)
    for x in (simple, _image(rng, 2, 3, 4, 2), np.round(simple), simple.astype(np.float32)):
        right = ReLU().forward(x)
        trial.compare(trial.call(x=x), {"y": right}, axes={"y": IMAGE}, mistakes=mistakes)


@exercise(
    lesson=3,
    hints=(
        "Where x is positive, y = x: what is the slope of that? And where x is negative?",
        "The slope is 1 or 0, so each dy either passes or does not. x > 0 says which: an array of "
        "True and False, which count as 1 and 0 in a product.",
        "Multiply dy by (x > 0). That makes a new array, so nobody else's dy is written into.",
    ),
)
def relu_backward(trial: Trial) -> None:
    """ReLU, backward."""
    rng = trial.rng(2)
    mistakes = {
        "it is decided by the sign of dy: x decides": lambda dy, x: np.maximum(dy, 0),
        "dy passes where x is negative: it should where x is positive": lambda dy, x: dy * (x < 0),
        "the slope alone: multiply it by dy (the chain rule)": lambda dy, x: (x > 0) * 1.0,
        "multiplied by y: the slope where x is positive is 1, not x": (
            lambda dy, x: dy * np.maximum(x, 0)
        ),
        "dy passes everywhere": lambda dy, x: dy,
        "dy passes where x is 0 as well: we take the slope there as 0, so x > 0": (
            lambda dy, x: dy * (x >= 0)
        ),
        "at x = 0 half of dy passes: that is a subgradient, but we take 0": (
            lambda dy, x: dy * ((x > 0) + 0.5 * (x == 0))
        ),
        "x, where dy belongs": lambda dy, x: x * (x > 0),
    }
    smooth = _image(rng, 2, 2, 3, 2)
    measured = slopes(lambda x: ReLU().forward(x), smooth, seed=(3, trial.seed))
    kinks = np.round(_image(rng, 1, 3, 4, 2))
    for x, dy, note in (
        (smooth, measured.dy, ""),
        (kinks, rng.standard_normal(kinks.shape), AT_A_KINK),
    ):
        dx = trial.call(dy=dy, x=x)
        trial.setting += note
        right = measured.whole[0] if x is smooth else _through(ReLU(), dy, x)
        trial.compare(dx, {"dx": right}, axes={"dx": IMAGE}, mistakes=mistakes, dy=dy)
    dy, x = (array.astype(np.float32) for array in (measured.dy, smooth))
    trial.compare(trial.call(dy=dy, x=x), {"dx": _through(ReLU(), dy, x)})


# ---------------------------------------------------------------------- max-pooling


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
        "only the rows are pooled": lambda x: np.maximum(x[:, ::2], x[:, 1::2]),
        "only the columns are pooled": lambda x: np.maximum(x[:, :, ::2], x[:, :, 1::2]),
        "the place of the maximum, not the maximum": lambda x: _windows(x).argmax(-1),
    }
    small, general = _image(rng, 1, 4, 4, 1), _image(rng, 2, 4, 6, 3)
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
    return _through(MaxPool2d(), dy.swapaxes(1, 2), x.swapaxes(1, 2)).swapaxes(1, 2)


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
        "the smallest pixel gets dy": lambda dy, x: _through(MaxPool2d(), dy, -x),
        "multiplied by x: the slope at the largest pixel is 1": (
            lambda dy, x: _through(MaxPool2d(), dy, x) * x
        ),
        "the slope alone: multiply it by dy (the chain rule)": (
            lambda dy, x: _through(MaxPool2d(), np.ones_like(dy), x)
        ),
        "in a tie every maximum gets all of dy: only the first of them should": _to_all_winners,
        "in a tie dy is shared out: a subgradient, but here the first maximum gets it all": _shared,
        "in a tie the last maximum gets dy: the first should, row by row": _to_the_last,
        "in a tie the first maximum column by column gets dy: we go row by row": _by_columns,
    }
    smooth = _image(rng, 2, 4, 6, 2)
    measured = slopes(lambda x: MaxPool2d().forward(x), smooth, seed=(6, trial.seed))
    ties = np.maximum(np.round(_image(rng, 1, 6, 8, 2)), 0)
    ties[0, :2, :2, 0] = [[0, 1], [1, 0]]  # row by row or column by column?
    for x, dy, note in (
        (smooth, measured.dy, ""),
        (ties, rng.standard_normal((1, 3, 4, 2)), WITH_TIES),
    ):
        dx = trial.call(dy=dy, x=x)
        trial.setting += note
        right = measured.whole[0] if x is smooth else _through(MaxPool2d(), dy, x)
        trial.compare(dx, {"dx": right}, axes={"dx": IMAGE}, mistakes=mistakes)
    dy, x = (array.astype(np.float32) for array in (measured.dy, smooth))
    trial.compare(trial.call(dy=dy, x=x), {"dx": _through(MaxPool2d(), dy, x)})
