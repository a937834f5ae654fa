"""Other right answers of lesson 12, a section for each exercise; whole notebooks are run with them."""

import numpy as np
from scipy import ndimage


# %% merged_cells
def merged_cells(found, truth):
    share = {}  # of the true cell, by (found, true)
    for pair in zip(found.flat, truth.flat, strict=True):
        if all(pair):
            share[pair] = share.get(pair, 0) + 1 / np.count_nonzero(truth == pair[1])
    holders = [f for (f, _), part in share.items() if part > 0.5 + 1e-9]
    return sum(1 for f in holders if holders.count(f) > 1)


# %% separation_borders
def separation_borders(cells):
    def step(cells):
        new = np.zeros(cells.shape)
        for (i, j), k in np.ndenumerate(cells):
            right = cells[i, j + 1] if j + 1 < cells.shape[1] else 0
            new[i, j] = 0 if right not in (0, k) else k
        return new

    return step(step(cells).T).T


# %% two_distances
def two_distances(cells):
    far = np.full((2, *cells.shape), np.inf)
    for k in set(cells.flat) - {0}:
        d = ndimage.distance_transform_edt(np.logical_not(cells == k))
        far[1] = np.minimum(far[1], np.maximum(far[0], d))
        far[0] = np.minimum(far[0], d)
    return far


# %% weight_map
def weight_map(cells, w0, sigma):
    n, cell = cells.size, np.count_nonzero(cells)
    d = np.add(*two_distances(cells))
    background = n / 2 / (n - cell) + w0 * np.e ** -((d / sigma) ** 2 / 2)
    return np.where(cells, n / 2 / cell, background).astype("float32")
