"""The checks of lesson 13: right answers pass, usual wrong ones are named."""

import numpy as np

import tinyunet as tu
from tinyunet.exercises import check


def overlap_table(predicted, truth):
    n = np.zeros((predicted.max() + 1, truth.max() + 1), int)
    np.add.at(n, (predicted, truth), 1)
    return n


def counted_once(predicted, truth):
    n = np.zeros((predicted.max() + 1, truth.max() + 1), int)
    n[predicted, truth] += 1
    return n


def by_histogram(predicted, truth):
    """Right, unless the numbers are of 8 bits."""
    columns = truth.max() + 1
    shape = predicted.max() + 1, columns
    counts = np.bincount((predicted * columns + truth).ravel(), minlength=int(np.prod(shape)))
    return counts.reshape(shape)


def ious(n):
    s, t = n.sum(axis=1, keepdims=True), n.sum(axis=0)
    return n / np.maximum(s + t - n, 1)


def seg_score(n):
    covered = 2 * n > n.sum(axis=0)
    return (ious(n) * covered)[1:, 1:].sum() / (n.shape[1] - 1)


def seg_by_loops(n):
    total = 0
    for j in range(1, n.shape[1]):
        for i in range(1, n.shape[0]):
            if n[i, j] > n[:, j].sum() / 2:
                total += n[i, j] / (n[i].sum() + n[:, j].sum() - n[i, j])
    return total / (n.shape[1] - 1)


def seg_of_the_matched(n):
    found = (ious(n) * (2 * n > n.sum(axis=0)))[1:, 1:]
    return found[found > 0].mean() if found.any() else 0.0


def seg_with_row_0(n):
    return (ious(n) * (2 * n > n.sum(axis=0)))[:, 1:].sum() / (n.shape[1] - 1)


def seg_without_background_sizes(n):
    cells = n[1:, 1:]
    return (ious(cells) * (2 * cells > cells.sum(axis=0))).sum() / cells.shape[1]


def seg_with_every_best(n):
    return ious(n)[1:, 1:].max(axis=0, initial=0).mean()


def f1_score(n, threshold):
    iou = ious(n)[1:, 1:]
    return 2 * np.count_nonzero(iou > threshold) / sum(iou.shape)


def matches(n, threshold):
    return np.count_nonzero(ious(n)[1:, 1:] > threshold)


def rand_scores(n, *, left_out=1, sizes_first=False):
    s = n.sum(axis=1)
    n = n[:, left_out:]
    s = s if sizes_first else n.sum(axis=1)
    t = n.sum(axis=0)
    both = (n**2).sum()
    split, merge = both / (t**2).sum(), both / (s**2).sum()
    return 2 * split * merge / (split + merge), split, merge


def rand_exchanged(n):
    v_rand, split, merge = rand_scores(n)
    return v_rand, merge, split


def by_different_pixels(n):
    def pairs(x):
        return (x * (x - 1)).sum() / 2

    n = n[:, 1:]
    both, true, found = pairs(n), pairs(n.sum(axis=0)), pairs(n.sum(axis=1))
    return 2 * both / (true + found), both / true, both / found


def squares_of_sums(n):
    n = n[:, 1:]
    both, true, found = n.sum() ** 2, n.sum(axis=0).sum() ** 2, n.sum(axis=1).sum() ** 2
    return 2 * both / (true + found), both / true, both / found


def true_sizes_first(n):
    true = (n.sum(axis=0) ** 2).sum()
    n = n[:, 1:]
    both, found = (n**2).sum(), (n.sum(axis=1) ** 2).sum()
    return 2 * both / (true + found), both / true, both / found


def rand_mean(n):
    _, split, merge = rand_scores(n)
    return (split + merge) / 2, split, merge


def without_squares(n):
    inside = n[:, 1:]
    share = inside.sum() / inside.sum(axis=0).sum()
    return share, share, inside.sum() / inside.sum(axis=1).sum()


RIGHT = {
    "overlap_table": overlap_table,
    "seg_score": seg_score,
    "f1_score": f1_score,
    "rand_scores": rand_scores,
}


def table_by_masks(predicted, truth):
    """In floats, one entry after the other."""
    n = np.zeros((int(predicted.max()) + 1, int(truth.max()) + 1))
    for i, j in np.ndindex(n.shape):
        n[i, j] = np.sum((predicted == i) * (truth == j))
    return n


def table_by_product(predicted, truth):
    """The numbers one-hot, and one matrix product."""
    one_hot = [np.eye(int(a.max()) + 1, dtype=np.int32)[a.ravel()] for a in (predicted, truth)]
    return one_hot[0].T @ one_hot[1]


def seg_by_best(n):
    """The largest overlap of each true cell, if it is enough."""
    best, sizes = n[1:].max(axis=0, initial=0), n.sum(axis=0)
    total = 0.0
    for j in range(1, n.shape[1]):
        if best[j] > sizes[j] / 2:
            i = 1 + n[1:, j].argmax()
            total += best[j] / (sizes[j] + n[i].sum() - best[j])
    return np.float32(total / (n.shape[1] - 1))


def f1_by_loops(n, threshold=0.5):
    matched = 0
    for i in range(1, len(n)):
        for j in range(1, len(n[0])):
            union = sum(n[i]) + sum(n[:, j]) - n[i, j]
            matched += bool(union and n[i, j] / union > threshold)
    return matched / (((len(n) - 1) + (len(n[0]) - 1)) / 2)


def f1_by_precision(n, threshold):
    found, true = n.shape[0] - 1, n.shape[1] - 1
    m = matches(n, threshold)
    if not m:
        return 0
    precision, recall = m / found, m / true
    return 2 * precision * recall / (precision + recall)


def rand_by_shares(n):
    p = n[:, 1:] / n[:, 1:].sum()
    both, true, predicted = (p**2).sum(), (p.sum(0) ** 2).sum(), (p.sum(1) ** 2).sum()
    return np.array([2 * both / (true + predicted), both / true, both / predicted])


def rand_by_loops(n):
    cells = range(1, n.shape[1])
    both = sum(int(n[i, j]) ** 2 for i in range(len(n)) for j in cells)
    split = both / sum(int(n[:, j].sum()) ** 2 for j in cells)
    merge = both / sum(int(row[1:].sum()) ** 2 for row in n)
    return [2 / (1 / split + 1 / merge), split, merge]


ALSO_RIGHT = {
    "overlap_table": [table_by_masks, table_by_product],
    "seg_score": [seg_by_loops, seg_by_best],
    "f1_score": [f1_by_loops, f1_by_precision],
    "rand_scores": [rand_by_shares, rand_by_loops],
}


# What is wrong, and words that its message should hold ("" where no cause is named).
def sizes(cells):
    return np.unique(cells, return_counts=True)[1]


def seg_of(value):
    """SEG with another value of a match."""

    def score(n):
        s, t = n.sum(1)[:, None], n.sum(0)
        with np.errstate(all="ignore"):
            values = np.nan_to_num(value(n, s, t))
        return (values * (n > t / 2))[1:, 1:].sum() / (n.shape[1] - 1)

    return score


def harmonic(n, threshold):
    precision, recall = len(n) - 1, n.shape[1] - 1
    with np.errstate(all="ignore"):
        return 2 / (precision / np.float64(matches(n, threshold)) + recall / matches(n, threshold))


WRONG = {
    "overlap_table": [
        (counted_once, "counted once only"),
        (lambda p, t: overlap_table(t, p), "rows and columns are exchanged"),
        (lambda p, t: overlap_table(p, t)[1:, 1:], "the background is left out"),
        (lambda p, t: overlap_table(p, t)[:-1, :-1], "the last number is left out"),
        (lambda p, t: overlap_table(p, t).tolist(), "np.array makes one of it"),
        (lambda p, t: overlap_table(p, t) / p.size, "shares instead of"),
        (by_histogram, "uint8 ran over"),
        (
            lambda p, t: (
                overlap_table(p, t).astype(p.dtype) if p.itemsize < 2 else overlap_table(p, t)
            ),
            "the table ran over",
        ),
        (
            lambda p, t: np.subtract(np.add.outer(*map(sizes, (p, t))), overlap_table(p, t)),
            "in one of the two",
        ),
        (lambda p, t: ious(overlap_table(p, t)), "it is the IoU"),
        (lambda p, t: overlap_table(p, t) / sizes(t), "shares of the true cells"),
        (lambda p, t: np.histogram2d(p.ravel(), t.ravel())[0], ""),
    ],
    "seg_score": [
        (seg_of_the_matched, "the matched cells only"),
        (seg_with_row_0, "the predicted background"),
        (seg_without_background_sizes, "the sizes are too small"),
        (seg_with_every_best, "the best IoU counts"),
        (lambda n: seg_score(n.T), "exchanged"),
        (lambda n: (ious(n) * (ious(n) > 0.5))[1:, 1:].sum() / (n.shape[1] - 1), "as in F1"),
        (
            lambda n: (ious(n) * (2 * n >= n.sum(axis=0)))[1:, 1:].sum() / (n.shape[1] - 1),
            "exactly half",
        ),
        (lambda n: (ious(n) * (2 * n > n.sum(axis=0)))[1:, 1:].sum() / n.shape[1], "of columns"),
        (
            lambda n: (ious(n) * (2 * n > n.sum(axis=0)))[1:, 1:].sum() / max(n[1:, 1:].size, 1),
            "the mean over all pairs",
        ),
        (lambda n: 1 - seg_score(n), "1 minus what"),
        (seg_of(lambda n, s, t: 2 * n / (s + t)), "Dice"),
        (seg_of(lambda n, s, t: n / (s + t)), "n is not subtracted"),
        (seg_of(lambda n, s, t: n / s), "n / s"),
        (seg_of(lambda n, s, t: n > -1), "matches were counted"),
        (seg_of(lambda n, s, t: n // (s + t - n)), "rounds down to 0"),
        (lambda n: seg_score(n) * (n.shape[1] - 1), "the sum: divide it"),
    ],
    "f1_score": [
        (lambda n, t: matches(n, t) / max(len(n) - 1, 1), "precision"),
        (lambda n, t: matches(n, t) / (n.shape[1] - 1), "recall"),
        (lambda n, t: matches(n, t) / (sum(n.shape) - 2 - matches(n, t)), "a relative of F1"),
        (lambda n, t: 2 * matches(n, t) / sum(n.shape), "the background was counted among"),
        (lambda n, t: f1_score(n, 0.5), "the threshold is ignored"),
        (lambda n, t: 2 * (ious(n)[1:, 1:] >= t).sum() / (sum(n.shape) - 2), "not above it"),
        (harmonic, "divides by 0"),
        (
            lambda n, t: matches(n, t) / 2 * (1 / max(len(n) - 1, 1) + 1 / (n.shape[1] - 1)),
            "the ordinary mean",
        ),
        (lambda n, t: matches(n, t), ""),
    ],
    "rand_scores": [
        (lambda n: rand_scores(n, left_out=0), "the true background"),
        (lambda n: rand_scores(n, sizes_first=True), "before column 0 was left out"),
        (rand_exchanged, "split and merge are exchanged"),
        (rand_mean, "harmonic"),
        (lambda n: (max(rand_scores(n)[1:]), *rand_scores(n)[1:]), "the larger of split"),
        (lambda n: [(n[:, 1:] ** 2).sum() / n[:, 1:].sum() ** 2] * 3, "the share of all pairs"),
        (without_squares, "the squares are missing"),
        (lambda n: rand_scores(n)[0], "belong behind the return"),
        (lambda n: (np.sqrt(np.prod(rand_scores(n)[1:])), *rand_scores(n)[1:]), "harmonic mean"),
        (lambda n: rand_scores(n)[1:] + rand_scores(n)[:1], "the order"),
        (lambda n: tuple(1 - each for each in rand_scores(n)), "1 minus each"),
        (by_different_pixels, "twice is allowed"),
        (squares_of_sums, "first square every number"),
        (true_sizes_first, "true sizes t were taken"),
        (lambda n: (rand_scores(n)[0] ** 1.5, *rand_scores(n)[1:]), ""),
    ],
}


def test_eight_bits_that_run_over_are_found():
    assert "of shape (20, 20) uint8" in str(check.overlap_table(by_histogram))


def test_the_answers_agree_with_the_package():
    rng = np.random.default_rng(0)
    truth = tu.data.synthetic_cells(1, 96, seed=3).instances[0]
    predicted = np.where(rng.random(truth.shape) < 0.1, 0, np.roll(truth, 3, axis=1))
    n = overlap_table(predicted, truth)
    assert np.isclose(seg_score(n), tu.metrics.seg(predicted, truth))
    assert np.isclose(f1_score(n, 0.6), tu.metrics.f1(predicted, truth, 0.6))
    thin = overlap_table(tu.metrics.thinned(predicted), truth)
    assert np.isclose(rand_scores(thin)[0], tu.metrics.v_rand(predicted, truth))
