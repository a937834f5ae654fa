"""What the numbers in masks mean, as far as their pixels tell, and whether that is in doubt."""

import numpy as np
from scipy import ndimage

from tinyunet.metrics.checks import WHITE


def guess_kind(masks: list[np.ndarray]) -> str:
    """Give "binary", "classes", "instances", or "smoothed": white cells whose edges are gray."""
    nonzero = set().union(*(np.unique(mask[mask > 0]).tolist() for mask in masks))
    if len(nonzero) <= 1:
        return "binary"
    if max(nonzero) <= 15:
        return "classes"
    are_white = sum(np.count_nonzero(mask == white(mask)) for mask in masks)
    return "smoothed" if are_white > sum(map(np.count_nonzero, masks)) / 2 else "instances"


def white(mask: np.ndarray) -> int:
    """The largest number of as many bits as this mask seems to have, 8 or 16."""
    return WHITE[0] if mask.max() <= WHITE[0] else WHITE[1]


def doubt(guess: str, masks: list[np.ndarray]) -> str | None:
    """What speaks against a guess, and what to do about it; None if nothing does.

    The bounds: of gray pixels in smoothed edges at most 1 % had four neighbours of their own number,
    tried with the filters of Pillow, blurs of up to 4 pixels, and JPEG; of the pixels of cells in
    DSB 2018, ISBI 2012 and the synthetic sets, 79 % and more. There, a number was in 1.02 pieces or
    fewer.
    """
    inside = _share_inside(masks)
    if guess == "smoothed" and inside > 0.2:
        return (
            "gray was taken for smoothed edges of white cells and cut at half of white, but it fills "
            'whole areas: if they are classes, number them 0 ... K-1 and say kind="classes"; if they '
            'mean "ignore", make them 0; if each number is a cell, say kind="instances"'
        )
    if guess != "instances":
        return None
    if_cells = 'if each number is a cell, say kind="instances"'
    count = sum(np.unique(mask[mask > 0]).size for mask in masks)
    pieces = sum(map(_count_pieces, masks))
    if inside < 0.05 and pieces > 1.05 * count:
        return (
            "each number was taken for a cell, but hardly one fills an area, as with edges that were "
            "smoothed by resizing: resize masks without smoothing (nearest neighbour), or save "
            f"mask > 127; {if_cells}"
        )
    if pieces >= 1.5 * count:
        return (
            f"each number was taken for a cell, but {count} numbers are in {pieces} pieces: if they "
            f'are classes, number them 0 ... K-1 and say kind="classes"; {if_cells}'
        )
    largest = max(int(mask.max()) for mask in masks)
    if largest in WHITE and not any((mask == largest - 1).any() for mask in masks):
        return (
            f'each number was taken for a cell, also {largest}, which often means "ignore": make it 0, '
            f'and if the others are classes, say kind="classes"; {if_cells}'
        )
    return None


def _share_inside(masks: list[np.ndarray]) -> float:
    """Of the pixels that are neither black nor white, the share with four neighbours like them."""
    pixels = inside = 0
    for mask in masks:
        gray = (mask > 0) & (mask != white(mask))
        wide = np.pad(mask, 1, mode="edge")
        neighbours = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
        pixels += np.count_nonzero(gray)
        inside += np.count_nonzero(np.logical_and.reduce([gray, *(mask == n for n in neighbours)]))
    return inside / max(pixels, 1)


def _count_pieces(mask: np.ndarray) -> int:
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
