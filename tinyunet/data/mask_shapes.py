"""What regions masks have: how many pieces a number is in, whether they fill areas, where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import ndimage

from tinyunet.engine.arrays import occurrences


def share_inside(masks: Sequence[np.ndarray], white: Callable[[np.ndarray], int]) -> float:
    """Of the pixels that are neither black nor white, the share with four neighbours like them."""
    pixels = inside = 0
    for mask in masks:
        gray = (mask > 0) & (mask != white(mask))
        wide = np.pad(mask, 1, mode="edge")
        neighbours = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
        pixels += np.count_nonzero(gray)
        inside += np.count_nonzero(np.logical_and.reduce([gray, *(mask == n for n in neighbours)]))
    return inside / max(pixels, 1)


def flat_gray(masks: Sequence[np.ndarray], level: int) -> float:
    """Of what is not black, the share of gray that hardly changes in 3 x 3 pixels; white is `level`.

    Edges that were smoothed are steep; JPEG makes areas of one number a little rough.
    """
    flat = total = 0
    for mask in masks:
        span = ndimage.maximum_filter(mask, 3) - ndimage.minimum_filter(mask, 3)
        gray = (mask > 0.2 * level) & (mask < 0.8 * level)
        flat += np.count_nonzero(gray & (span < level / 16))
        total += np.count_nonzero(mask > 0.2 * level)
    return flat / max(total, 1)


def count_dim(mask: np.ndarray, level: int) -> int:
    """How many pieces of four pixels or more above a quarter of white have none above half."""
    pieces, count = ndimage.label(mask > level / 4)
    if not count:
        return 0
    numbers = np.arange(1, count + 1)
    brightest = ndimage.maximum(mask, pieces, numbers)
    sizes = occurrences(pieces)[1:]
    return int(np.count_nonzero((sizes >= 4) & (brightest <= level / 2)))


def count_pieces(mask: np.ndarray) -> int:
    """How many connected regions of one number there are.

    Counted on a grid with a place for each pixel, and one for each edge between two pixels, which is
    open if both have the same number.
    """
    height, width = mask.shape
    grid = np.zeros((2 * height - 1, 2 * width - 1), bool)
    grid[::2, ::2] = mask > 0
    grid[1::2, ::2] = (mask[:-1] == mask[1:]) & (mask[1:] > 0)
    grid[::2, 1::2] = (mask[:, :-1] == mask[:, 1:]) & (mask[:, 1:] > 0)
    return ndimage.label(grid)[1]


def looks_inverted(masks: Sequence[np.ndarray]) -> bool:
    """Whether one piece covers most of each mask and is full of holes, as if cells were black.

    Empty masks say nothing.
    """
    covered = holes = whole = n = 0
    for mask in masks:
        if not mask.any():
            continue
        n += 1
        covered += mask.mean()
        sizes = occurrences(ndimage.label(mask)[0])[1:]
        whole += sizes.max() > 0.9 * sizes.sum()
        spots, _ = ndimage.label(~mask)
        border = np.concatenate([spots[0], spots[-1], spots[:, 0], spots[:, -1]])
        free = np.setdiff1d(np.unique(spots), np.append(border, 0))
        inner = np.isin(spots, free).sum()
        holes += free.size >= 2 and inner > 0.5 * np.count_nonzero(~mask)
    return n > 0 and covered > 0.5 * n and whole > 0.75 * n and holes > 0.5 * n


def numbered_cells(masks: Sequence[np.ndarray]) -> bool:
    """Whether small numbers count cells: 1 to n, one piece each, in the order of their first pixels.

    So do programs that label cells. Classes come in another order, or at the same places in all masks.
    """
    numbers = [np.unique(mask[mask > 0]) for mask in masks]
    full = [place for place, found in enumerate(numbers) if found.size]
    if len(full) < 2 or max(numbers[place].size for place in full) < 4:
        return False
    for place in full:
        mask, found = masks[place], numbers[place]
        if not np.array_equal(found, np.arange(1, found.size + 1)):
            return False
        if count_pieces(mask) > found.size:
            return False
        first = [np.flatnonzero(mask.ravel() == number)[0] for number in found]
        if first != sorted(first):
            return False
    counts = {numbers[place].size for place in full}
    return len(counts) > 2 or _places_differ(masks[place] for place in full)


def _places_differ(masks: Iterable[np.ndarray]) -> bool:
    """Whether pieces of one number lie in other columns in each mask: as much as any two pieces do."""
    columns = [
        [
            x / mask.shape[1]
            for _, x in ndimage.center_of_mass(mask > 0, mask, range(1, mask.max() + 1))
        ]
        for mask in masks
    ]
    shared = min(map(len, columns))
    table = np.array([row[:shared] for row in columns])
    spread = np.concatenate([np.array(row) for row in columns]).std()
    return shared > 1 and table.std(axis=0).mean() > 0.6 * spread


def doubt_of_one_each(masks: Sequence[np.ndarray]) -> str:
    """What speaks against a number for each mask being a class; empty where that is not so.

    As of images, wells or patients, that somebody gave the number of the file.
    """
    found = [np.unique(mask[mask > 0]).tolist() for mask in masks]
    found = [numbers for numbers in found if numbers]
    single = [numbers[0] for numbers in found]
    if (
        any(len(numbers) > 1 for numbers in found)
        or len(single) < 3
        or len(set(single)) < len(single)
    ):
        return ""
    return (
        f"every mask has one number beside 0, and no two the same ({listed(single)}), as numbers of "
        'images are: if all is cell, say kind="binary" (--masks binary); if they are classes, '
        'kind="classes" (--masks classes)'
    )


def listed(numbers: Sequence[int]) -> str:
    """Numbers for a sentence, ten at most."""
    return ", ".join(map(str, numbers[:10])) + ", ..." * (len(numbers) > 10)
