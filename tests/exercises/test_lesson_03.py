"""Lesson 3: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np

PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))


def relu(x):
    return np.maximum(x, 0)


def relu_backward(dy, x):
    return dy * (x > 0)


def max_pool(x):
    return np.maximum.reduce([x[:, p::2, q::2] for p, q in PLACES])


def max_pool_backward(dy, x):
    y, unclaimed, dx = max_pool(x), dy.copy(), np.zeros_like(x)
    for p, q in PLACES:
        won = x[:, p::2, q::2] == y
        dx[:, p::2, q::2] = unclaimed * won
        unclaimed *= ~won
    return dx


def pool_by_argmax(dy, x):
    n, h, w, c = x.shape
    windows = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(n, h // 2, w // 2, c, 4)
    dwindows = np.zeros_like(windows)
    np.put_along_axis(dwindows, windows.argmax(-1)[..., None], dy[..., None], -1)
    dwindows = dwindows.reshape(n, h // 2, w // 2, c, 2, 2)
    return dwindows.transpose(0, 1, 4, 2, 5, 3).reshape(x.shape)


def relu_in_place(x):
    x[x < 0] = 0
    return x


def relu_backward_in_place(dy, x):
    dy[x <= 0] = 0
    return dy


def pool_to_all_winners(dy, x):
    return dy.repeat(2, 1).repeat(2, 2) * (x == max_pool(x).repeat(2, 1).repeat(2, 2))


def pool_to_the_last(dy, x):
    dx = max_pool_backward(dy[:, ::-1, ::-1], x[:, ::-1, ::-1])
    return dx[:, ::-1, ::-1]


def pool_backward_rolled(dy, x):
    return np.roll(max_pool_backward(dy, x), 1, axis=2)


def from_zeros(x):
    y = np.zeros_like(x[:, ::2, ::2])
    for p, q in PLACES:
        y = np.maximum(y, x[:, p::2, q::2])
    return y


RIGHT = {
    "relu": relu,
    "relu_backward": relu_backward,
    "max_pool": max_pool,
    "max_pool_backward": max_pool_backward,
}


def relu_by_loops(x):
    y = np.zeros_like(x)
    for index, value in np.ndenumerate(x):
        if value > 0:
            y[index] = value
    return y


def gate_by_copy(dy, x):
    dx = dy.copy()
    dx[x <= 0] = 0
    return dx


def pool_by_loops(x):
    n, height, width, c = x.shape
    y = np.empty((n, height // 2, width // 2, c), x.dtype)
    for i in range(height // 2):
        for j in range(width // 2):
            y[:, i, j] = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(1, 2))
    return y


def pool_backward_by_loops(dy, x):
    dx = np.zeros(x.shape, dy.dtype)
    for n, i, j, c in np.ndindex(dy.shape):
        window = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        p, q = np.unravel_index(np.argmax(window), (2, 2))
        dx[n, 2 * i + p, 2 * j + q, c] = dy[n, i, j, c]
    return dx


ALSO_RIGHT = {
    "relu": [lambda x: x * (x > 0), lambda x: (x + np.abs(x)) / 2, relu_by_loops],
    "relu_backward": [lambda dy, x: np.where(x > 0, dy, 0), gate_by_copy],
    "max_pool": [
        lambda x: x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).max(axis=(2, 4)),
        lambda x: (rows := np.maximum(x[:, ::2], x[:, 1::2]))[:, :, ::2].clip(rows[:, :, 1::2]),
        pool_by_loops,
    ],
    "max_pool_backward": [pool_by_argmax, pool_backward_by_loops],
}


def pool_of_floats(x):
    n, h, w, c = x.shape
    return x.reshape(n, h / 2, 2, w / 2, 2, c).max((2, 4))


# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "relu": [
        (np.abs, "sign is lost"),
        (np.max, "np.maximum"),
        (lambda x: (x > 0) * 1.0, "that is the slope"),
        (lambda x: np.where(x > 0, x, 0.01 * x), "leaks through"),
        (relu_in_place, "overwritten"),
        (lambda x: x[x > 0], "the others become 0"),
        (lambda x: x if x > 0 else 0, "want one number"),
        (lambda x: np.maximum(x, 0).astype(float), "without a dtype"),
        (lambda x: np.maximum(x, 0).tolist(), "an array is wanted"),
    ],
    "relu_backward": [
        (lambda dy, x: dy * (x >= 0), "slope there as 0"),
        (lambda dy, x: np.maximum(dy, 0), "sign of dy"),
        (relu_backward_in_place, "overwritten"),
        (lambda dy, x: dy * x, "the slope where x is positive is 1"),
        (lambda dy, x: dy * np.sign(x), "with the other sign"),
        (lambda dy, x: dy * np.maximum(x, 0), "multiplied by y"),
        (lambda dy, x: (x > 0) * 1.0, "chain rule"),
        (lambda dy, x: -dy * (x > 0), "wrong sign"),
        (lambda dy, x: dy * (x > 0.5), "right except for"),
    ],
    "max_pool": [
        (lambda x: x * 1, "nothing is pooled"),
        (
            lambda x: np.max([x[:, ::2, ::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]], axis=0),
            "the top right of each window is left out",
        ),
        (lambda x: x[:, ::2, ::2], "top left"),
        (from_zeros, "all negative"),
        (lambda x: sum(x[:, p::2, q::2] for p, q in PLACES) / 4, "average pooling"),
        (
            lambda x: x.reshape(len(x), x.shape[1] // 2, x.shape[2] // 2, 2, 2, -1).max((3, 4)),
            "no neighbours",
        ),
        (lambda x: np.maximum(x[:, ::2], x[:, 1::2]), "only the rows"),
        (lambda x: max_pool(x).max(-1, keepdims=True), "one of its own"),
        (pool_of_floats, "// divides whole numbers"),
        (lambda x: np.max(x[:, ::2, ::2], x[:, 1::2, ::2]), "np.maximum compares two arrays"),
        (lambda x: np.maximum(x[:, ::2, ::2], x[:, 1::2, 1::2]), "it has four"),
        (lambda x: x.max(), "one number for all"),
    ],
    "max_pool_backward": [
        (lambda dy, x: dy.repeat(2, 1).repeat(2, 2), "only the largest"),
        (pool_to_all_winners, "in a tie every maximum"),
        (pool_to_the_last, "last maximum"),
        (lambda dy, x: dy.repeat(2, 1).repeat(2, 2) / 4, "average pooling"),
        (lambda dy, x: max_pool_backward(np.ones_like(dy), x), "slope alone"),
        (lambda dy, x: dy, "dx has the shape of x"),
        (pool_backward_rolled, "an off-by-one"),
        (lambda dy, x: max_pool_backward(max_pool(x), x), "y, where dy belongs"),
        (lambda dy, x: dy * (x == max_pool(x)), "four pixels for each of y"),
    ],
}
