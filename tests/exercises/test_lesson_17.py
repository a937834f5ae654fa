"""The answers of lesson 17, right and wrong, for test_all.py; and its checks against the package."""

import numpy as np

import tinyunet as tu
from tinyunet.exercises import check
from tinyunet.exercises.lesson_17 import fork, loss, nodes
from tinyunet.exercises.trial import slopes


def node_channels(i, j, f, in_channels):
    if (i, j) == (0, 0):
        return in_channels
    return f[i - 1] if j == 0 else f[i] + sum(f[i] for _ in range(j))


def nodes_of_head(k):
    """By walking back from the head."""
    found, waiting = [], [(0, k)]
    while waiting:
        i, j = waiting.pop()
        if (i, j) not in found:
            found.append((i, j))
            waiting += [(i, left) for left in range(j)]
            waiting += [(i + 1, j - 1)] if j else [(i - 1, 0)] if i else []
    return found


def node_gradient(k, c, dconcats, others):
    total = 0
    for d in dconcats:
        total = total + d.reshape(*d.shape[:3], -1, c)[..., k + 1, :]
    for d in others:
        total = total + d
    return total


def loss_only(z, t, smooth=1.0, factor=0.5):
    p = (1 + np.tanh(z / 2)) / 2
    d = (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)
    return factor * np.logaddexp(0, np.where(t == 1, -z, z)).mean() - d


def bce_dice(z, t, smooth=1.0, through=True, bottom=True, count=None):
    p = (1 + np.tanh(z / 2)) / 2
    b = p.sum() + t.sum() + smooth
    d = (2 * (p * t).sum() + smooth) / b
    slope = (2 * t - (d if bottom else 0)) / b * (p * (1 - p) if through else 1)
    return loss_only(z, t, smooth), (p - t) / 2 / (count or z.size) - slope


def with_slope(z, t, top):
    """Return dz with another top in the slope of D."""
    p = (1 + np.tanh(z / 2)) / 2
    b = p.sum() + t.sum() + 1
    d = (2 * (p * t).sum() + 1) / b
    return (p - t) / 2 / z.size - top(t, d) / b * p * (1 - p)


def with_means(z, t):
    p = (1 + np.tanh(z / 2)) / 2
    right = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    d = (2 * (p * t).mean() + 1) / (p.mean() + t.mean() + 1)
    return bce_dice(z, t)[0] + right - d, bce_dice(z, t)[1]


def half_of_dice(z, t):
    p = (1 + np.tanh(z / 2)) / 2
    return bce_dice(z, t)[0] + (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1) / 2


def naive(z, t):
    p = 1 / (1 + np.exp(-z))
    d = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    return -0.5 * np.log(np.where(t == 1, p, 1 - p)).mean() - d, bce_dice(z, t)[1]


def propped(z, t):
    p = 1 / (1 + np.exp(-z))
    d = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    entropy = -(t * np.log(p + 1e-8) + (1 - t) * np.log(1 - p + 1e-8)).mean()
    return 0.5 * entropy - d, bce_dice(z, t)[1]


def in_place(k, c, dconcats, others):
    total = others[0] if others else dconcats[0][..., (k + 1) * c : (k + 2) * c].copy()
    for d in dconcats if others else dconcats[1:]:
        total += d[..., (k + 1) * c : (k + 2) * c]
    for d in others[1:]:
        total += d
    return total


def within(k, rows, columns, true=lambda i, j, k: True):
    return {(i, j) for i in range(rows) for j in range(columns) if true(i, j, k)}


RIGHT = {
    "node_channels": node_channels,
    "nodes_of_head": nodes_of_head,
    "node_gradient": node_gradient,
    "bce_dice": bce_dice,
}


def one_by_one(k, c, dconcats, others):
    parts = [np.split(d, d.shape[-1] // c, axis=-1)[k + 1] for d in dconcats]
    total = np.zeros_like((parts + others)[0])
    for part in [*others, *parts]:
        total += part
    return total


def diagonals(k):
    return [(i, total - i) for total in range(k + 1) for i in range(total + 1)]


def by_recursion(k, place=None):
    i, j = place or (0, k)
    if j == 0:
        return {(row, 0) for row in range(i + 1)}
    left = [by_recursion(k, (i, column)) for column in range(j)]
    return {(i, j)}.union(by_recursion(k, (i + 1, j - 1)), *left)


def two_cases(z, t):
    p = np.empty_like(z)
    p[z >= 0] = 1 / (1 + np.exp(-z[z >= 0]))
    p[z < 0] = np.exp(z[z < 0]) / (1 + np.exp(z[z < 0]))
    entropy = np.mean(np.logaddexp(0, z) - z * t)
    top, bottom = 2 * np.sum(p * t) + 1, np.sum(p + t) + 1
    slope = (2 * t * bottom - top) / bottom**2
    return np.array(entropy / 2 - top / bottom), ((p - t) / (2 * p.size) - slope * (p - p * p))


ALSO_RIGHT = {
    "node_channels": [
        lambda i, j, f, n: [n, *f][i] if j == 0 else sum([f[i]] * (j + 1)),
        lambda i, j, f, n: np.int64(node_channels(i, j, f, n)),
    ],
    "nodes_of_head": [diagonals, by_recursion],
    "node_gradient": [
        one_by_one,
        lambda k, c, d, o: np.sum([x[..., (k + 1) * c :][..., :c] for x in d] + o, axis=0),
    ],
    "bce_dice": [two_cases, lambda z, t: list(bce_dice(z, t))],
}

# What is wrong, and words that its message should hold ("" where no cause is named).
WRONG = {
    "node_channels": [
        (lambda i, j, f, n: j * f[i] if j else node_channels(i, j, f, n), "from below is missing"),
        (
            lambda i, j, f, n: j * f[i] + f[i + 1] if j else node_channels(i, j, f, n),
            "makes f[i] of them",
        ),
        (lambda i, j, f, n: 2 * f[i] if j else node_channels(i, j, f, n), "plain U-Net"),
        (lambda i, j, f, n: (j + 1) * f[i], "gets only what was pooled"),
        (lambda i, j, f, n: f[i], "what comes out"),
        (lambda i, j, f, n: (j + 1) * f[i] if j else f[i - 1], "gets the image: in_channels"),
        (lambda i, j, f, n: (j + 1) * f[i] if j else f[i - 1] if i else 1, "not 1"),
        (lambda i, j, f, n: None, "missing return"),
        (lambda i, j, f, n: (j + 1) * f[i] + 1, "one too many"),
    ],
    "nodes_of_head": [
        (lambda k: within(k, k, k + 1, lambda i, j, k: i + j < k), "nodes with i + j = k"),
        (lambda k: within(k, k + 1, k + 1, lambda i, j, k: i + j == k), "only one diagonal"),
        (lambda k: [(0, j) for j in range(k + 1)], "only the top row"),
        (lambda k: within(k, k + 1, k + 1), "a square"),
        (
            lambda k: within(k, k + 1, k + 1, lambda i, j, k: j == 0 or i + j == k),
            "what a plain U-Net has",
        ),
        (lambda k: within(k, k + 2, k + 2, lambda i, j, k: i + j <= k + 1), "comes after the head"),
        (lambda k: [*nodes_of_head(k), (0, k)], "more than once"),
        (lambda k: (k + 1) * (k + 2) // 2, "The nodes themselves"),
        (lambda k: [[(i, j) for j in range(k + 1 - i)] for i in range(k + 1)], "list of rows"),
        (lambda k: None, "missing return"),
        (lambda k: [(0, k)], ""),
        (lambda k: ["00", "0"], ""),
    ],
    "node_gradient": [
        (lambda k, c, d, o: sum([x[..., k * c : (k + 1) * c] for x in d] + o), "begin at (k + 1)"),
        (
            lambda k, c, d, o: sum([x[..., (k + 1) * c : (k + 2) * c] for x in d[-1:]] + o),
            "overwrote the others",
        ),
        (lambda k, c, d, o: node_gradient(k, c, d[:1], o), "only the first concat"),
        (lambda k, c, d, o: node_gradient(k, c, d, []), "the others are missing"),
        (lambda k, c, d, o: node_gradient(k, c, [], o), "the others alone"),
        (lambda k, c, d, o: node_gradient(k, c, d, o) / (len(d) + len(o)), "a mean"),
        (lambda k, c, d, o: sum([x[..., -c:] for x in d] + o), "its neighbour"),
        (lambda k, c, d, o: node_gradient(k, c, [], o[-1:]) if o else d[-1], "overwritten: add"),
        (lambda k, c, d, o: d[0] + o[0], "broadcast"),
        (lambda k, c, d, o: sum([x[..., (k + 1) * c :] for x in d] + o), "end at (k + 2) * c"),
        (lambda k, c, d, o: sum([x[..., (k + 2) * c :][..., :c] for x in d] + o), "one node too far"),
        (lambda k, c, d, o: sum([x[..., k + 1 :][..., :c] for x in d] + o), "not at k + 1"),
        (lambda k, c, d, o: np.sum(node_gradient(k, c, d, o)), "adds arrays"),
        (
            lambda k, c, d, o: node_gradient(k, c, d, o) + 0 * d[0][..., :c],
            "dconcats may be empty",
        ),
        (in_place, "begin with a copy"),
        (
            lambda k, c, d, o: np.concatenate(
                [x[..., (k + 1) * c : (k + 2) * c] for x in d] + o, axis=-1
            ),
            "side by side",
        ),
        (lambda k, c, d, o: 3 * node_gradient(k, c, d, o) + 1, ""),
    ],
    "bce_dice": [
        (naive, "its logarithm infinite"),
        (propped, "wrong where p is tiny"),
        (lambda z, t: bce_dice(z, t, through=False), "goes through the sigmoid"),
        (lambda z, t: bce_dice(z, t, bottom=False), "taken for a constant"),
        (lambda z, t: bce_dice(z, t, count=1), "not divided"),
        (lambda z, t: bce_dice(z, t, smooth=0), "missing above and below"),
        (lambda z, t: (1 + bce_dice(z, t)[0], bce_dice(z, t)[1]), "1 - D in place of -D"),
        (lambda z, t: (loss_only(z, t, factor=1), bce_dice(z, t)[1]), "not all of it"),
        (
            lambda z, t: (np.mean(list(map(loss_only, z, t))), bce_dice(z, t)[1]),
            "the whole batch",
        ),
        (lambda z, t: tuple(-part for part in bce_dice(z, t)), "the sign"),
        (lambda z, t: (bce_dice(z, t)[0], bce_dice(z, t)[1][..., 0]), "the last axis"),
        (lambda z, t: bce_dice(z, t)[0], "belong behind the return"),
        (lambda z, t: (bce_dice(z, t)[0], with_slope(z, t, lambda t, d: t - d)), "2 is missing"),
        (lambda z, t: (bce_dice(z, t)[0], with_slope(z, t, lambda t, d: 2 * t + d)), "quotients"),
        (lambda z, t: (bce_dice(z, t)[0], with_slope(z, t, lambda t, d: t - d / 2)), "half of D's"),
        (
            lambda z, t: (bce_dice(z, t)[0], with_slope(z, t, lambda t, d: (2 * t - d) / t.size)),
            "D has sums",
        ),
        (with_means, "means in D"),
        (lambda z, t: (half_of_dice(z, t), bce_dice(z, t)[1]), "half of D"),
        (lambda z, t: (bce_dice(z, t)[0] ** 2, bce_dice(z, t)[1]), "the square of what"),
    ],
}  # fmt: skip


def test_the_checks_know_the_packages_network():
    f = (3, 4, 5, 6)
    model = tu.networks.UNetPlusPlus(2, channels=f, heads=3)
    for i, row in enumerate(model.nodes):
        for j, node in enumerate(row):
            assert node.conv1.in_channels == node_channels(i, j, f, 2)
            assert node.conv1.in_channels == nodes._channels(i, j, f, 2)
    for k in (1, 2, 3):
        part = model.pruned(k)
        there = {(i, j) for i, row in enumerate(part.nodes) for j in range(len(row))}
        assert there == nodes._needed(k) == set(nodes_of_head(k))


def test_the_loss_of_the_check_is_the_packages_and_its_gradient_is_right():
    rng = np.random.default_rng(5)
    z, t = rng.standard_normal((2, 2, 3, 1)), rng.integers(0, 2, (2, 2, 3))
    package = tu.BCEDiceLoss()
    mine, dz = loss._bce_dice(z, t[..., None])
    np.testing.assert_allclose(mine, package(z, t), rtol=1e-12)
    np.testing.assert_allclose(dz, package.backward(), rtol=1e-12)
    measured = slopes(lambda z: np.array([loss._bce_dice(z, t[..., None])[0]]), z)
    np.testing.assert_allclose(measured.whole[0], measured.dy * dz, rtol=1e-6)


def test_the_sum_of_the_check_is_the_gradient_of_concats():
    rng, k, c = np.random.default_rng(6), 1, 2
    x = rng.standard_normal((1, 2, 3, c))
    up, left, right = (rng.standard_normal((1, 2, 3, c)) for _ in range(3))

    def forward(x):
        return np.concatenate([up, left, x, up, left, x, right, 3 * x], axis=-1)

    measured = slopes(forward, x)
    first, second, third = np.split(measured.dy, [3 * c, 7 * c], axis=-1)
    dx = fork._sum(k, c, [first, second], [3 * third])
    np.testing.assert_allclose(dx, measured.whole[0], rtol=1e-6)


def test_a_message_shows_shapes_and_no_walls_of_numbers():
    text = str(check.node_gradient(lambda k, c, dconcats, others: others[0]))
    assert "dconcats = [an array (2, 2, 3, 4), an array (2, 2, 3, 6)]" in text


def test_any_collection_of_pairs_will_do():
    for kind in (set, list, tuple, np.array, iter, frozenset):
        assert check.nodes_of_head(lambda k, kind=kind: kind(nodes_of_head(k)), strict=True).passed
