"""Lesson 14: right answers, and the usual wrong ones; test_all.py tries them."""

import numpy as np


def costs(width, c_in, c_out, rows, lost=2, taps=9, size=4):
    numbers = rows * (width - lost) * taps * c_in
    return numbers * c_out, numbers * size


AT = np.array([[1, 1, 1, 0], [0, 1, -1, 1]], np.float32)
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]], np.float32)


def f23(x, w, first=-1, third=1, last=1, half=2, second=-1):
    m0 = w[0] * (x[0] + first * x[2])
    m1 = (w[0] + w[1] + w[2]) / half * (x[1] + x[2])
    m2 = third * (w[0] - w[1] + w[2]) / half * (x[2] - x[1])
    m3 = last * w[2] * (x[3] - x[1])
    return np.array([m0 + m1 + m2, m1 + second * m2 + m3])


def slide(x, w):
    return np.array([sum(x[i + p] * w[p] for p in range(3)) for i in range(2)])


def five(x, w):
    y = f23(x, w)
    return y + 0 * (x[0] * w[0])


def matrices(x, w):
    return AT @ ((G @ w) * (BT @ x))


def conv1d_f23(x, w, order=(1, 0, 2), cut=True, fill=True, bt=BT):
    outputs = len(x) - 2
    tiles = (outputs + fill) // 2
    x = np.pad(x, ((0, outputs % 2), (0, 0)))
    tiled = np.stack([x[i : i + 2 * tiles : 2] for i in range(4)])
    y = np.tensordot(AT, np.tensordot(bt, tiled, 1) @ np.tensordot(G, w, 1), 1)
    y = y.transpose(order).reshape(2 * tiles, -1)
    return y[:outputs] if cut else y


def side_by_side(x, w):
    return np.concatenate([conv1d_f23(x[i : i + 4], w) for i in range(0, len(x) - 3, 4)])


def in_float64(x, w):
    return conv1d_f23(x, w, bt=BT.astype(float))


def input_transform(points, turn=slice(None, None, -1), sign=1, zero_first=False):
    rows = []
    for i in range(len(points)):
        row = np.poly(np.delete(sign * points, i))[turn]
        rows.append(np.append(0, row) if zero_first else np.append(row, 0))
    return np.array([*rows, np.poly(sign * points)[turn]])


def scaled(points):
    bt = input_transform(points)
    for i, point in enumerate(points):
        bt[i] /= np.prod(point - np.delete(points, i))
    return bt


def leading_last(points):
    bt = input_transform(points)
    bt[-1] = np.eye(len(bt))[-1]
    return bt


def counted_by_loops(width, c_in, c_out, rows):
    multiplications = numbers = 0
    for _ in range(rows):
        for _ in range(width - 2):
            numbers += 9 * c_in
            multiplications += 9 * c_in * c_out
    return [multiplications, np.zeros(numbers, np.float32).nbytes]


def plain(x, w):
    return sum(x[p : p + len(x) - 2] @ w[p] for p in range(3))


def tile_by_tile(x, w):
    """The last of an odd number of outputs is computed directly."""
    outputs = len(x) - 2
    transformed = np.tensordot(G, w, 1)
    parts = [
        AT @ np.einsum("ac,acd->ad", BT @ x[i : i + 4], transformed)
        for i in range(0, outputs - 1, 2)
    ]
    if outputs % 2:
        parts.append(sum(x[outputs - 1 + p] @ w[p] for p in range(3))[None])
    return np.concatenate(parts)


def number_by_number(x, w):
    y = np.zeros((len(x) - 2, w.shape[2]), x.dtype)
    for a in range(0, len(y), 2):
        for c, d in np.ndindex(w.shape[1:]):
            tile = [x[a + i, c] if a + i < len(x) else 0 for i in range(4)]
            y[a : a + 2, d] += f23(tile, w[:, c, d])[: len(y) - a]
    return y


def twice(x, w):
    y = tile_by_tile(x, w)
    return tile_by_tile(x, w) if y.size else y


def by_convolution(points):
    rows = []
    for left_out in [*range(len(points)), None]:
        row = np.array([1.0])
        for j, point in enumerate(points):
            if j != left_out:
                row = np.convolve(row, [-point, 1])
        rows.append(np.pad(row, (0, len(points) + 1 - len(row))))
    return np.stack(rows)


def as_lists(points):
    points = list(points)
    fromroots = np.polynomial.polynomial.polyfromroots
    rows = [[*fromroots(points[:i] + points[i + 1 :]), 0] for i in range(len(points))]
    return [*rows, list(fromroots(points))]


RIGHT = {
    "costs": costs,
    "f23": f23,
    "conv1d_f23": conv1d_f23,
    "input_transform": input_transform,
}

ALSO_RIGHT = {
    "costs": [counted_by_loops, lambda v, a, b, r: (9.0 * r * (v - 2) * a * b, 36 * r * (v - 2) * a)],
    "f23": [
        matrices,
        lambda x, w: AT.dot(G.dot(w) * BT.dot(x)),
        lambda x, w: np.stack(list(f23(x, w))),
        lambda x, w: list(f23(x, w)),
    ],
    "conv1d_f23": [tile_by_tile, number_by_number],
    "input_transform": [by_convolution, as_lists],
}  # fmt: skip

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "costs": [
        (lambda *a: costs(*a, lost=0), "2 pixels fewer"),
        (lambda v, a, b, r: costs(v, a, b, r - 2), "rows of the output already"),
        (lambda *a: costs(*a, taps=3), "9 positions, not 3"),
        (lambda *a: costs(*a, size=1), "numbers are counted in place of bytes"),
        (lambda *a: costs(*a, size=8), "4 bytes, not 8"),
        (lambda v, a, b, r: (costs(v, a, b, r)[0], costs(v, a, b, r)[1] * b), "same ones"),
        (lambda v, a, b, r: costs(v, 1, b, r), "the input channels are missing"),
        (lambda v, a, b, r: costs(v, a, 1, r), "the output channels are missing"),
        (lambda *a: costs(*a)[::-1], "exchanged"),
        (lambda *a: costs(*a, lost=1), "on each side"),
        (lambda *a: costs(*a, lost=3), "3 pixels of a row"),
        (lambda *a: costs(*a, size=32), "bits are counted"),
        (lambda v, a, b, r: costs(v, a, b, 1), "only one row"),
        (lambda v, a, b, r: (costs(v, a, b, r)[0], (r + 2) * v * a * 4), "the bytes of the input"),
        (lambda *a: costs(*a)[0], "belong behind the return"),
    ],
    "f23": [
        (slide, "six are what the definition takes"),
        (five, "computed twice"),
        (lambda x, w: f23(x, w[::-1]), "the kernel is turned"),
        (lambda x, w: f23(x, w, half=1), "the halves are missing"),
        (lambda x, w: f23(x, w, first=1), "x[0] - x[2]"),
        (lambda x, w: f23(x, w, third=-1), "x[2] - x[1]"),
        (lambda x, w: f23(x, w, last=-1), "x[3] - x[1]"),
        (lambda x, w: f23(x, w, second=1), "counts with a minus"),
        (lambda x, w: AT @ ((G @ w) * (BT.T @ x)), "sliding is the transpose"),
        (lambda x, w: f23(x, w)[::-1], "reversed"),
        (lambda x, w: f23(x.astype(float), w), "without a dtype"),
    ],
    "conv1d_f23": [
        (lambda x, w: conv1d_f23(x, w, order=(0, 1, 2)), "out of order"),
        (lambda x, w: conv1d_f23(x, w, cut=False), "thrown away"),
        (lambda x, w: conv1d_f23(x, w, fill=False), "the last output is missing"),
        (side_by_side, "do not overlap"),
        (lambda x, w: conv1d_f23(x, w[::-1]), "the kernel is turned"),
        (lambda x, w: conv1d_f23(x, w, bt=BT.T), "BT is transposed"),
        (in_float64, "without a dtype"),
        (plain, "as many as the definition takes"),
        (twice, "something is multiplied twice"),
        (lambda x, w: conv1d_f23(x, w, bt=abs(BT)), ""),
    ],
    "input_transform": [
        (lambda p: np.array([np.poly(p), np.poly(p[1:])]), "different lengths"),
        (lambda a: input_transform(a, turn=slice(None)), "the highest power comes first"),
        (lambda a: input_transform(a)[:, ::-1], "the highest power comes first"),
        (lambda a: input_transform(a, zero_first=True), "stands before the coefficients"),
        (lambda a: input_transform(a).T, "B^T is transposed"),
        (lambda a: input_transform(a)[:-1], "of infinity, is missing"),
        (lambda a: input_transform(a, sign=-1), "signs of the points are turned"),
        (scaled, "that is left to G"),
        (leading_last, "here it holds q_infinity"),
        (lambda a: 2 * input_transform(a), "twice the right values"),
    ],
}
