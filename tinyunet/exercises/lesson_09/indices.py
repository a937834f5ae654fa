"""Lesson 9: pooling indices."""

from __future__ import annotations

import numpy as np

from tinyunet.exercises.any_dtype import in_its_dtype
from tinyunet.exercises.registry import exercise
from tinyunet.exercises.trial import Trial
from tinyunet.gradcheck.diagnosis import IMAGE
from tinyunet.layers import MaxPool2d, MaxUnpool2d


def _winners(x: np.ndarray) -> np.ndarray:
    """Which corner of each 2x2 window won, 0 to 3."""
    pool = MaxPool2d(2)
    pool(x)
    return pool.decisions()[0]


def _unpool(x: np.ndarray, winner: np.ndarray) -> np.ndarray:
    pool = MaxPool2d(2)
    layer = MaxUnpool2d(pool)
    pool.winners, pool.seen = winner, (2 * x.shape[1], 2 * x.shape[2])
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
    trial.crashes = {
        "x[mask] picks values out and loses their places: x * (winner == number) keeps them": (
            lambda x, winner: _spread(x, winner)[:, ::2, ::2].__setitem__(..., x[winner == 0])
        ),
        "y was made in the shape of x: it is twice as high and wide": (
            lambda x, winner: np.zeros_like(x)[:, ::2, ::2].__setitem__(..., x)
        ),
    }
    for shape, dtype in (((3, 2, 4, 2), float), ((1, 2, 2, 1), float), ((1, 1, 1, 1), float),
                         ((2, 3, 2, 2), np.float32)):  # fmt: skip
        winner = _winners(rng.standard_normal((shape[0], 2 * shape[1], 2 * shape[2], shape[3])))
        x = rng.standard_normal(shape).astype(dtype)
        y = trial.call(x=x, winner=winner)
        right = _unpool(x, winner)
        trial.compare(y, {"y": right}, axes={"y": IMAGE}, mistakes=UNPOOL_MISTAKES)


def _one_apart(x, winner):
    y = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]), x.dtype)
    for n, i, j, c in np.ndindex(x.shape):
        y[n, i + winner[n, i, j, c] // 2, j + winner[n, i, j, c] % 2, c] = x[n, i, j, c]
    return y


UNPOOL_MISTAKES = {
    "the corners are numbered row by row: yours go column by column": (
        lambda x, winner: _spread(x, winner, lambda p, q: p + 2 * q)
    ),
    "corners 1 and 2 are taken for one: corner (p, q) has number 2 p + q": (
        lambda x, winner: _spread(x, winner, lambda p, q: p + q)
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
    "window (i, j) begins at pixel (2 i, 2 j): yours begin at (i, j)": _one_apart,
    "the corners are numbered row by row from the top left: yours from the bottom right": (
        lambda x, winner: _spread(x, 3 - winner)
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
    for shape, dtype in (((3, 2, 4, 2), float), ((1, 2, 2, 1), float), ((1, 1, 1, 1), float),
                         ((2, 3, 2, 2), np.float32)):  # fmt: skip
        large = (shape[0], 2 * shape[1], 2 * shape[2], shape[3])
        winner, dy = _winners(rng.standard_normal(large)), rng.standard_normal(large).astype(dtype)
        dx = trial.call(dy=dy, winner=winner)
        right = in_its_dtype(dx, {"dx": _read(dy, winner)})
        trial.compare(dx, right, axes={"dx": IMAGE}, mistakes=UNPOOL_BACKWARD_MISTAKES)


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
    "corners 1 and 2 are taken for one: corner (p, q) has number 2 p + q": (
        lambda dy, winner: _read(dy, winner, lambda p, q: p + q)
    ),
    "read in blocks: corner (p, q) of all windows is dy[:, p::2, q::2]": (
        lambda dy, winner: sum(
            np.split(row, 2, axis=2)[q] * (winner == 2 * p + q)
            for p, row in enumerate(np.split(dy, 2, axis=1))
            for q in range(2)
        )
    ),
    "each corner overwrote what the others gave: add the four": (
        lambda dy, winner: dy[:, 1::2, 1::2] * (winner == 3)
    ),
    "only the first corner was looked at: four can be the winner": (
        lambda dy, winner: dy[:, ::2, ::2] * (winner == 0)
    ),
    "the corners are numbered from the top left: yours from the bottom right": (
        lambda dy, winner: _read(dy, 3 - winner)
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
