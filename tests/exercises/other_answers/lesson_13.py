"""Other right answers of lesson 13, a section for each exercise; whole notebooks are run with them."""

import numpy as np


# %% overlap_table
def overlap_table(predicted, truth):
    rows, columns = int(predicted.max()) + 1, int(truth.max()) + 1
    pairs = predicted.astype(float) * columns + truth
    return np.histogram(pairs, rows * columns, (-0.5, rows * columns - 0.5))[0].reshape(rows, -1)


# %% seg_score
def seg_score(n):
    s, t = n.sum(1), n.sum(0)
    fits = [
        n[i, j] / (s[i] + t[j] - n[i, j]) if 2 * n[i, j] > t[j] else 0.0
        for i in range(1, len(s))
        for j in range(1, len(t))
    ]
    return sum(fits) / (len(t) - 1)


# %% f1_score
def f1_score(n, threshold=0.5):
    size = np.add.outer(n.sum(1), n.sum(0)) - n
    matched = np.argwhere(n > threshold * size)
    matched = [1 for i, j in matched if i > 0 and j > 0]
    return len(matched) / ((sum(n.shape) - 2) / 2)


# %% rand_scores
def rand_scores(n):
    cells = np.delete(n, 0, axis=1).astype(float)
    both, true, predicted = (np.sum(a**2) for a in (cells, cells.sum(0), cells.sum(1)))
    return np.divide(both, [(true + predicted) / 2, true, predicted])
