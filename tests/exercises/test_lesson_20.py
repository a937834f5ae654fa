"""The answers of lesson 20, right and wrong, for test_all.py."""

import itertools

import numpy as np

import tinyunet as tu


def average_symmetries(predict, image):
    total = np.zeros_like(image)
    for k in range(4):
        total += np.rot90(predict(np.rot90(image, k)), -k)
        total += np.rot90(predict(np.rot90(image, k)[:, ::-1])[:, ::-1], -k)
    return total / 8


def mirrored_first(predict, image):
    """Right as well: the same eight, in another order."""
    parts = [np.rot90(predict(np.rot90(image, k)), -k) for k in range(4)]
    parts += [np.rot90(predict(np.rot90(image[::-1], k)), -k)[::-1] for k in range(4)]
    return np.mean(parts, axis=0)


def four_turns(predict, image):
    return sum(np.rot90(predict(np.rot90(image, k)), -k) for k in range(4)) / 4


def not_turned_back(predict, image):
    turned = [np.rot90(image, k) for k in range(4)]
    return sum(predict(x) + predict(x[:, ::-1]) for x in turned) / 8


def wrong_order(predict, image):
    parts = [np.rot90(predict(np.rot90(image, k)), -k) for k in range(4)]
    parts += [np.rot90(predict(np.rot90(image, k)[:, ::-1]), -k)[:, ::-1] for k in range(4)]
    return sum(parts) / 8


def turned_on(predict, image):
    turned = [np.rot90(predict(np.rot90(image, k)), k) for k in range(4)]
    turned += [np.rot90(predict(np.rot90(image, k)[:, ::-1])[:, ::-1], k) for k in range(4)]
    return sum(turned) / 8


def by_transposes(predict, image):
    """The other four are transposed instead of mirrored; in a list, in float64."""
    turns = [np.rot90(image, k) for k in range(4)]
    back = [np.rot90(predict(x), -k) for k, x in enumerate(turns)]
    back += [np.rot90(predict(np.ascontiguousarray(x.T)).T, -k) for k, x in enumerate(turns)]
    return (np.sum(back, axis=0, dtype=np.float64) / 8).astype(image.dtype)


def reliability(p, truth, bins):
    which = np.minimum((p * bins).astype(int), bins - 1)
    inside = [which == i for i in range(bins)]
    shares = [truth[i].mean() if i.any() else 0 for i in inside]
    return np.array([p[i].mean() if i.any() else 0 for i in inside]), np.array(shares)


def by_edges(p, truth, bins):
    """Two lists; the last bin has its upper edge."""
    edges, probability, share = np.linspace(0, 1, bins + 1), [], []
    for low, high in itertools.pairwise(edges):
        inside = (p >= low) & ((p < high) | (high == 1))
        n = inside.sum() or 1
        probability.append(p[inside].sum() / n)
        share.append(np.count_nonzero(truth[inside]) / n)
    return probability, share


def by_histograms(p, truth, bins):
    """One array of float32."""
    pixels = np.histogram(p, bins, (0, 1))[0]
    sums = [np.histogram(p, bins, (0, 1), weights=a.astype(float))[0] for a in (p, truth)]
    return (np.array(sums) / np.maximum(pixels, 1)).astype(np.float32)


RIGHT = {
    "average_symmetries": average_symmetries,
    "reliability": reliability,
}
ALSO_RIGHT = {
    "average_symmetries": [mirrored_first, by_transposes],
    "reliability": [by_edges, by_histograms],
}


def dropped_one(p, truth, bins):
    return reliability(p[p < 1], truth[p < 1], bins)


def of_nothing(p, truth, bins):
    probability, share = reliability(p, truth, bins)
    empty = share + probability == 0
    return np.where(empty, np.nan, probability), np.where(empty, np.nan, share)


# What is wrong, and words that its message should hold ("" where no cause is named).
def edges_before(p, truth, bins):
    """Bins that hold their end, and not their beginning."""
    which = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
    return tuple(
        np.array([a[which == i].mean() if (which == i).any() else 0 for i in range(bins)])
        for a in (p, truth)
    )


WRONG = {
    "average_symmetries": [
        (lambda predict, image: predict(image), "nothing was averaged"),
        (four_turns, "without the mirrored ones"),
        (not_turned_back, "were not turned back"),
        (lambda f, x: (f(x) + f(x[:, ::-1])[:, ::-1]) / 2, "without the turns"),
        (lambda f, x: 2 * average_symmetries(f, x), "divided by 4"),
        (wrong_order, "in the wrong order"),
        (turned_on, "turned on instead of back"),
        (lambda predict, image: 8 * average_symmetries(predict, image), "the sum of the eight"),
        (lambda predict, image: image, ""),
    ],
    "reliability": [
        (dropped_one, "it belongs to the last one"),
        (edges_before, "bin that begins there"),
        (lambda p, t, bins: reliability(p, (p > 0.5) == t, bins), "a threshold of 0.5"),
        (lambda p, t, bins: reliability(p, t, 10), "need not be 10"),
        (
            lambda p, t, bins: tuple(
                a[reliability(p, t, bins)[0] > 0] for a in reliability(p, t, bins)
            ),
            "empty bins were left out",
        ),
        (of_nothing, "it should give 0 and 0"),
        (lambda p, t, bins: reliability(p, t, bins)[::-1], "exchanged"),
        (
            lambda p, t, bins: ((np.arange(bins) + 0.5) / bins, reliability(p, t, bins)[1]),
            "the middle of each bin",
        ),
        (lambda p, t, bins: reliability(p, ~t, bins), "the share that is background"),
        (
            lambda p, t, bins: (
                reliability(p, t, bins)[0],
                np.histogram(p, bins, (0, 1), weights=t * 1.0)[0] / p.size,
            ),
            "a share of all pixels",
        ),
        (lambda p, t, bins: (reliability(p, t, bins)[0] ** 2, reliability(p, t, bins)[1]), ""),
        (lambda p, t, bins: reliability(p, t, bins)[0], "belong behind the return"),
    ],
}


def test_the_diagram_beside_the_packages():
    rng = np.random.default_rng(6)
    p, truth = rng.random((2, 40, 50))
    ours, package = reliability(p, truth < p, 8), tu.metrics.calibration(p, truth < p, 8)
    np.testing.assert_allclose(ours, (package.predicted, package.observed))
