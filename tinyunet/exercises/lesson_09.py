"""The exercises of lesson 9, Do skips matter?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.layers import MaxPool2d, MaxUnpool2d
from tinyunet.networks.unet import Skip

WAYS = ("concat", "sum", "none")

# ---------------------------------------------------------------------- joining, and back


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
        ("concat", (1, 2, 2, 1), float), ("concat", (2, 3, 4, 3), float), ("sum", (2, 3, 4, 3), float),
        ("none", (2, 3, 4, 3), float), ("concat", (2, 2, 3, 2), np.float32),
        ("sum", (2, 2, 3, 2), np.float32),
    ):  # fmt: skip
        across, x = rng.standard_normal((2, *shape)).astype(dtype)
        y = trial.call(across=across, x=x, how=how)
        right = Skip(how).forward(across, x)
        trial.compare(y, {"y": right}, axes={"y": IMAGE}, mistakes=JOIN_MISTAKES)


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
    "a mean, where it should be a sum": lambda across, x, how: (across + x) / 2,
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
        ("concat", 1, 1, float), ("concat", 2, 3, float), ("sum", 3, 0, float), ("none", 3, 0, float),
        ("concat", 3, 2, np.float32), ("none", 2, 0, np.float32),
    ):  # fmt: skip
        dy = rng.standard_normal((2, 3, 4, channels + more)).astype(dtype)
        got = trial.call(dy=dy, channels=channels, how=how)
        right = dict(zip(("dacross", "dx"), _join_backward(dy, channels, how), strict=True))
        axes = dict.fromkeys(right, IMAGE)
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


# ---------------------------------------------------------------------- pooling indices


def _winners(x: np.ndarray) -> np.ndarray:
    """Which corner of each 2x2 window won, 0 to 3."""
    pool = MaxPool2d(2)
    pool(x)
    return pool.decisions()[0]


def _unpool(x: np.ndarray, winner: np.ndarray) -> np.ndarray:
    pool = MaxPool2d(2)
    layer = MaxUnpool2d(pool)
    pool.winners = winner
    return layer(x)


def _spread(x, winner, number=lambda p, q: 2 * p + q):
    """Unpooling with the corners numbered in some way."""
    n, h, w, c = x.shape
    y = np.zeros((n, 2 * h, 2 * w, c), x.dtype)
    for p in range(2):
        for q in range(2):
            y[:, p::2, q::2] = x * (winner == number(p, q))
    return y


@exercise(
    lesson=9,
    hints=(
        "y begins as zeros, twice as high and wide. y[:, p::2, q::2] is corner (p, q) of all windows "
        "at once, in the shape of x.",
        "Corners are numbered row by row: corner (p, q) has number 2 * p + q. Where winner is that "
        "number, x belongs there, and elsewhere 0.",
        "for p in range(2): for q in range(2): y[:, p::2, q::2] = x * (winner == 2 * p + q). Make y "
        "with x's dtype.",
    ),
)
def unpool(trial: Trial) -> None:
    """Values put back where a max-pooling took them from."""
    rng = trial.rng(3)
    for shape, dtype in (((1, 1, 1, 1), float), ((1, 2, 2, 1), float), ((2, 2, 3, 2), float),
                         ((2, 3, 2, 2), np.float32)):  # fmt: skip
        winner = _winners(rng.standard_normal((shape[0], 2 * shape[1], 2 * shape[2], shape[3])))
        x = rng.standard_normal(shape).astype(dtype)
        y = trial.call(x=x, winner=winner)
        right = _unpool(x, winner)
        trial.compare(y, {"y": right}, axes={"y": IMAGE}, mistakes=UNPOOL_MISTAKES)


UNPOOL_MISTAKES = {
    "the corners are numbered row by row: yours go column by column": (
        lambda x, winner: _spread(x, winner, lambda p, q: p + 2 * q)
    ),
    "every corner got the value: only the winner should": (
        lambda x, winner: x.repeat(2, 1).repeat(2, 2)
    ),
    "every value went to the first corner: winner says to which": (
        lambda x, winner: _spread(x, 0 * winner)
    ),
    "the value was shared among the four corners": (
        lambda x, winner: x.repeat(2, 1).repeat(2, 2) / 4
    ),
    "the corners are numbered from 0, yours from 1": (
        lambda x, winner: _spread(x, winner, lambda p, q: 2 * p + q + 1)
    ),
    "ones where the values should be": lambda x, winner: _spread(np.ones_like(x), winner),
    "the winner's number was multiplied in: compare it, to get 0 or 1": (
        lambda x, winner: _spread(x * winner, winner)
    ),
    "corner (p, q) is y[:, p::2, q::2]: yours lie in blocks, not in windows": (
        lambda x, winner: np.concatenate(
            [
                np.concatenate([x * (winner == 2 * p + q) for q in range(2)], axis=2)
                for p in range(2)
            ],
            axis=1,
        )
    ),
}


@exercise(
    lesson=9,
    hints=(
        "y[winner] = x. Through which pixel of y alone can x act on the loss?",
        "dx is dy at the winner: read where forward wrote.",
        "The sum over the four corners of dy[:, p::2, q::2] * (winner == 2 * p + q).",
    ),
)
def unpool_backward(trial: Trial) -> None:
    """The gradient of unpooling: read at the winners."""
    rng = trial.rng(4)
    for shape, dtype in (((1, 1, 1, 1), float), ((1, 2, 2, 1), float), ((2, 2, 3, 2), float),
                         ((2, 3, 2, 2), np.float32)):  # fmt: skip
        large = (shape[0], 2 * shape[1], 2 * shape[2], shape[3])
        winner, dy = _winners(rng.standard_normal(large)), rng.standard_normal(large).astype(dtype)
        dx = trial.call(dy=dy, winner=winner)
        trial.compare(dx, {"dx": _read(dy, winner)}, axes={"dx": IMAGE},
                      mistakes=UNPOOL_BACKWARD_MISTAKES)  # fmt: skip


def _read(dy, winner, number=lambda p, q: 2 * p + q):
    return sum(
        dy[:, p::2, q::2] * (winner == number(p, q)) for p in range(2) for q in range(2)
    ).astype(dy.dtype, copy=False)


def _corners(dy):
    return np.stack([dy[:, p::2, q::2] for p in range(2) for q in range(2)])


UNPOOL_BACKWARD_MISTAKES = {
    "all four corners are added: three of them held 0, whatever x was": (
        lambda dy, winner: _corners(dy).sum(axis=0)
    ),
    "a mean over the four corners: only the winner's counts": (
        lambda dy, winner: _corners(dy).mean(axis=0)
    ),
    "the largest of dy: the winner is where the pooling's INPUT was largest": (
        lambda dy, winner: _corners(dy).max(axis=0)
    ),
    "always read at the first corner: winner says where": (
        lambda dy, winner: dy[:, ::2, ::2].copy()
    ),
    "the corners are numbered row by row: yours go column by column": (
        lambda dy, winner: _read(dy, winner, lambda p, q: p + 2 * q)
    ),
    "read everywhere but at the winner": (
        lambda dy, winner: _corners(dy).sum(axis=0) - _read(dy, winner)
    ),
    "dy was spread out, as a max-pooling's backward does: here it is read": (
        lambda dy, winner: dy * _spread(np.ones(winner.shape, dy.dtype), winner)
    ),
    "the corners are numbered from 0, yours from 1": (
        lambda dy, winner: _read(dy, winner, lambda p, q: 2 * p + q + 1)
    ),
}
