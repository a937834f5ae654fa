"""Lesson 9: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

CORNERS = [(p, q) for p in range(2) for q in range(2)]


def join(across, x, how):
    if how == "concat":
        return np.concatenate([across, x], axis=-1)
    return across + x if how == "sum" else x


def join_backward(dy, channels, how):
    if how == "concat":
        return dy[..., :channels], dy[..., channels:]
    return (dy, dy) if how == "sum" else (np.zeros_like(dy), dy)


def unpool(x, winner):
    n, h, w, c = x.shape
    y = np.zeros((n, 2 * h, 2 * w, c), x.dtype)
    for p, q in CORNERS:
        y[:, p::2, q::2] = x * (winner == 2 * p + q)
    return y


def unpool_backward(dy, winner):
    return sum(dy[:, p::2, q::2] * (winner == 2 * p + q) for p, q in CORNERS)


def sum_in_place(across, x, how):
    if how == "sum":
        x += across
        return x
    return join(across, x, how)


def in_float64(x, winner):
    n, h, w, c = x.shape
    y = np.zeros((n, 2 * h, 2 * w, c))
    for p, q in CORNERS:
        y[:, p::2, q::2] = x * (winner == 2 * p + q)
    return y


def column_by_column(x, winner):
    return unpool(x, np.array([0, 2, 1, 3])[winner])


def halves(dy, channels, how):
    return join_backward(dy, dy.shape[-1] // 2 if how == "concat" else channels, how)


def half_of_a_sum(dy, channels, how):
    return (dy / 2, dy / 2) if how == "sum" else join_backward(dy, channels, how)


def gradient_without_a_skip(dy, channels, how):
    return (dy, dy) if how == "none" else join_backward(dy, channels, how)


def none_is_none(dy, channels, how):
    return (None, dy) if how == "none" else join_backward(dy, channels, how)


RIGHT = {
    "join": join,
    "join_backward": join_backward,
    "unpool": unpool,
    "unpool_backward": unpool_backward,
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "join": [
        (lambda across, x, how: join(x, across, how), "the encoder's should"),
        (lambda across, x, how: across + x, "in every case"),
        (lambda across, x, how: np.concatenate([across, x], -1), "keeps the number of channels"),
        (lambda across, x, how: np.concatenate([across, x]), "along the images"),
        (sum_in_place, "an argument was overwritten"),
        (lambda across, x, how: across * x, "one too few"),
    ],
    "join_backward": [
        (lambda dy, c, how: join_backward(dy, c, how)[::-1], "exchanged"),
        (halves, "split in halves"),
        (half_of_a_sum, "not the half"),
        (gradient_without_a_skip, "its gradient is 0"),
        (none_is_none, "a missing return"),
        (lambda dy, c, how: dy, ""),
    ],
    "unpool": [
        (column_by_column, "yours go column by column"),
        (lambda x, winner: x.repeat(2, 1).repeat(2, 2), "every corner got the value"),
        (lambda x, winner: unpool(x, 0 * winner), "to the first corner"),
        (lambda x, winner: unpool(x, winner - 1), "from 1"),
        (in_float64, "without a dtype"),
        (lambda x, winner: x * winner, "one too few"),
    ],
    "unpool_backward": [
        (lambda dy, winner: sum(dy[:, p::2, q::2] for p, q in CORNERS), "all four corners"),
        (lambda dy, winner: sum(dy[:, p::2, q::2] for p, q in CORNERS) / 4, "a mean over"),
        (lambda dy, winner: dy[:, ::2, ::2], "always read at the first corner"),
        (lambda dy, winner: dy * unpool(np.ones(winner.shape), winner), "dy was spread out"),
        (lambda dy, winner: unpool_backward(dy, winner) ** 3, "wrong scale"),
    ],
}
