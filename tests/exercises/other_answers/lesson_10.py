"""Lesson 10: right answers that are not ours, for the student's notebook.

Slices in the place of np.pad, no tile more than needed, float64 whatever came in.
"""

import numpy as np


# %% output_side
def output_side(side, depth):
    """Go down and up again by itself."""
    if side <= 4 or (depth and (side - 4) % 2):
        return None
    inner = output_side((side - 4) // 2, depth - 1) if depth else None
    if depth:
        return None if inner is None or 2 * inner <= 4 else 2 * inner - 4
    return side - 4


# %% mirror
def mirror(image, above, below, left, right):
    image = np.concatenate(
        [image[above:0:-1], image, image[-2 : -2 - below : -1]]
        if below
        else [image[above:0:-1], image]
    )
    return np.array(
        [[*row[left:0:-1], *row, *(row[-2 : -2 - right : -1] if right else [])] for row in image]
    )


# %% tile_starts
def tile_starts(side, gives, depth):
    starts = np.array([0])
    while starts[-1] + gives < side:
        starts = np.append(starts, starts[-1] + gives // 2**depth * 2**depth)
    return starts


# %% overlap_tile
def overlap_tile(network, image, reads, gives, depth):
    (H, W), m = image.shape, (reads - gives) // 2
    tops, lefts = tile_starts(H, gives, depth), tile_starts(W, gives, depth)
    big = mirror(image, m, max(tops[-1] + reads - m - H, 0), m, max(lefts[-1] + reads - m - W, 0))
    y = np.full((tops[-1] + gives, lefts[-1] + gives), np.nan)
    for top in tops:
        for left in lefts:
            y[top : top + gives, left : left + gives] = network(
                big[top : top + reads, left : left + reads]
            )
    return y[:H, :W]
