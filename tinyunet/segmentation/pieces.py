"""Connected pieces of each class in a map of any size."""

from __future__ import annotations

from collections.abc import Sequence

from tinyunet.metrics.regions import SMALLEST
from tinyunet.segmentation.joined import Joined
from tinyunet.segmentation.windows import Window, strips_of


def number_pieces(
    classes: Window, pieces: Window, pixels: Sequence[int], smallest: int = SMALLEST
) -> list[int]:
    """Number the connected pieces of every class but 0, strip by strip; those of class 1 come first.

    Parameters
    ----------
    classes
        (H, W). The class of every pixel: an array, or what gives windows.
    pieces
        (H, W). Takes and gives windows of integers. The numbers are written into it, 0 = none.
    pixels
        (K,). How many pixels each class has.
    smallest
        Pieces of fewer pixels are left out. Pixels are connected that share an edge.

    Returns
    -------
    (K,) list
        How many pieces each class has, 0 for class 0.
    """
    strips, counts = strips_of(classes.shape), [0] * len(pixels)
    for rows in strips:
        pieces[rows, :] = classes[rows, :] * 0
    for k in range(1, len(pixels)):
        if pixels[k] < smallest:
            continue
        before = sum(counts)
        joined = Joined(lambda rows, k=k: classes[rows, :] == k, strips, smallest)
        for i, rows in enumerate(strips):
            found = joined.strip(i)
            pieces[rows, :] = pieces[rows, :] + (found + before) * (found > 0)
        counts[k] = joined.count
    return counts
