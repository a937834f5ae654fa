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


def in_blocks(dy, winner):
    h, w = winner.shape[1:3]
    blocks = {(p, q): dy[:, p * h : p * h + h, q * w : q * w + w] for p, q in CORNERS}
    return sum(blocks[p, q] * (winner == 2 * p + q) for p, q in CORNERS)


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


def unpool_by_sum(x, winner):
    y = unpool(x, winner)
    for p, q in CORNERS:
        y[:, p::2, q::2] = x * (winner == p + q)
    return y


def column_by_column(x, winner):
    return unpool(x, np.array([0, 2, 1, 3])[winner])


def halves(dy, channels, how):
    return join_backward(dy, dy.shape[-1] // 2 if how == "concat" else channels, how)


def from_the_end(dy, channels, how):
    return join_backward(dy, dy.shape[-1] - channels if how == "concat" else channels, how)


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


def join_into_an_array(across, x, how):
    """Into zeros of float64, channel by channel."""
    if how != "concat":
        return np.array(x) if how == "none" else np.add(across, x, dtype=float)
    y = np.zeros((*x.shape[:3], across.shape[3] + x.shape[3]))
    for channel in range(y.shape[3]):
        own = channel < across.shape[3]
        y[..., channel] = across[..., channel] if own else x[..., channel - across.shape[3]]
    return y


def join_by_lists(across, x, how):
    """With axis 3 and a dict of ways."""
    ways = {"concat": lambda: np.append(across, x, axis=3), "sum": lambda: x + across}
    return ways.get(how, lambda: x)()


def back_by_split(dy, channels, how):
    if how == "concat":
        return np.split(dy, [channels], axis=-1)
    return [dy.copy() if how == "sum" else np.zeros(dy.shape, int), dy.copy()]


def back_in_float64(dy, channels, how):
    dacross, dx = join_backward(dy, channels, how)
    return np.array(dacross, float), np.array(dx, float)


def unpool_by_windows(x, winner):
    """Put each value with integer division and remainder."""
    y = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]), dtype=x.dtype)
    for n, i, j, c in np.ndindex(x.shape):
        corner = int(winner[n, i, j, c])
        y[n, 2 * i + corner // 2, 2 * j + corner % 2, c] = x[n, i, j, c]
    return y


def unpool_by_a_mask(x, winner):
    """Repeat all, then clear what is no winner."""
    corner = np.tile([[0, 1], [2, 3]], x.shape[1:3])[None, ..., None]
    return np.where(
        winner.repeat(2, 1).repeat(2, 2) == corner, x.repeat(2, 1).repeat(2, 2), 0
    ).astype(x.dtype)


def read_by_choose(dy, winner):
    return np.choose(winner, [dy[:, p::2, q::2] for p, q in CORNERS])


def read_by_windows(dy, winner):
    dx = np.zeros(winner.shape)
    for n, i, j, c in np.ndindex(winner.shape):
        p, q = divmod(int(winner[n, i, j, c]), 2)
        dx[n, i, j, c] = dy[n, 2 * i + p, 2 * j + q, c]
    return dx


def joined_as(**ways):
    """Joining with one way mistaken."""
    return lambda across, x, how: ways[how](across, x) if how in ways else join(across, x, how)


def back_as(**ways):
    return lambda dy, c, how: ways[how](dy, c) if how in ways else join_backward(dy, c, how)


def placed(x, winner, side, apart):
    y = np.zeros((x.shape[0], x.shape[1] * 2, x.shape[2] * 2, x.shape[3]))
    for n, i, j, c in np.ndindex(x.shape):
        p, q = divmod(winner[n, i, j, c], side)
        if apart * j + q < y.shape[2]:
            y[n, apart * i + p, apart * j + q, c] = x[n, i, j, c]
    return y


def picks_values(x, winner):
    y = np.zeros((x.shape[0], x.shape[1] * 2, x.shape[2] * 2, x.shape[3]))
    y[:, ::2, ::2] = x[winner == 0]
    return y


def in_the_shape_of_x(x, winner):
    y = np.zeros_like(x)
    y[:, ::2, ::2] = x * (winner == 0)
    return y


ALSO_RIGHT = {
    "join": [join_into_an_array, join_by_lists],
    "join_backward": [back_by_split, back_in_float64],
    "unpool": [unpool_by_windows, unpool_by_a_mask],
    "unpool_backward": [read_by_choose, read_by_windows],
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "join": [
        (lambda across, x, how: join(x, across, how), "the encoder's should"),
        (lambda across, x, how: across + x, "in every case"),
        (lambda across, x, how: np.concatenate([across, x], -1), "keeps the number of channels"),
        (lambda across, x, how: np.concatenate([across, x]), "along the images"),
        (lambda across, x, how: np.stack([across, x], -1), "np.stack makes a new axis"),
        (joined_as(sum=np.multiply), "a product, where"),
        (joined_as(sum=np.subtract), "a difference, where"),
        (joined_as(sum=lambda a, x: (a + x) * 0.5), "a mean, where"),
        (joined_as(sum=lambda a, x: np.sum([a, x])), "to one number"),
        (joined_as(none=lambda a, x: np.zeros_like(x)), "keeps its own x"),
        (joined_as(none=lambda a, x: np.append(np.zeros_like(a), x, 3)), "x alone"),
        (joined_as(concat=lambda a, x: np.append(a, x, 2)), "along the width"),
        (joined_as(concat=lambda a, x: np.concatenate(a, x)), "was taken for an axis"),
        (sum_in_place, "an argument was overwritten"),
        (lambda across, x, how: across * x, ""),
    ],
    "join_backward": [
        (lambda dy, c, how: join_backward(dy, c, how)[::-1], "exchanged"),
        (halves, "split in halves"),
        (half_of_a_sum, "not the half"),
        (from_the_end, "split from its end"),
        (back_as(concat=lambda dy, c: (dy[..., :c], dy[..., -c:])), "before the end"),
        (back_as(concat=lambda dy, c: (dy[:, :c], dy[:, c:])), "along the height"),
        (lambda dy, c, how: (dy[..., :c], dy[..., c:]), "split in every case"),
        (
            back_as(sum=lambda dy, c: (dy[..., : c // 2], dy[..., c // 2 :])),
            "split in halves: in a sum",
        ),
        (back_as(none=lambda dy, c: (0, dy)), "an array of zeros is wanted"),
        (
            lambda dy, c, how: join_backward(dy, c, how) if how != "sum" else (dy, 0 * dy),
            "the decoder's",
        ),
        (gradient_without_a_skip, "its gradient is 0"),
        (none_is_none, "of zeros where nothing arrives"),
        (lambda dy, c, how: dy, "belong behind the return"),
    ],
    "unpool": [
        (column_by_column, "yours go column by column"),
        (lambda x, winner: x.repeat(2, 1).repeat(2, 2), "every corner got the value"),
        (lambda x, winner: unpool(x, 0 * winner), "to the first corner"),
        (lambda x, winner: unpool(x, winner - 1), "from 1"),
        (lambda x, winner: unpool_by_sum(x, winner), "taken for one"),
        (in_float64, "without a dtype"),
        (lambda x, winner: placed(x, winner, 2, 1), "yours begin at (i, j)"),
        (lambda x, winner: placed(x, 3 - winner, 2, 2), "from the bottom right"),
        (lambda x, winner: unpool(np.ones_like(x), winner), "ones where"),
        (picks_values, "loses their places"),
        (in_the_shape_of_x, "in the shape of x"),
        (lambda x, winner: x * winner, ""),
    ],
    "unpool_backward": [
        (lambda dy, winner: sum(dy[:, p::2, q::2] for p, q in CORNERS), "all four corners"),
        (lambda dy, winner: sum(dy[:, p::2, q::2] for p, q in CORNERS) / 4, "a mean over"),
        (in_blocks, "read in blocks"),
        (lambda dy, winner: dy[:, 1::2, 1::2] * (winner > 2), "each corner overwrote"),
        (lambda dy, winner: dy[:, ::2, ::2] * (winner < 1), "only the first corner was looked at"),
        (lambda dy, winner: unpool_backward(dy, 3 - winner), "from the bottom right"),
        (lambda dy, winner: dy[:, ::2, ::2], "always read at the first corner"),
        (lambda dy, winner: dy * unpool(np.ones(winner.shape), winner), "dy was spread out"),
        (lambda dy, winner: unpool_backward(dy, winner) ** 3, ""),
    ],
}
