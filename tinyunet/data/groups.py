"""Images that belong together, such as the pages of a stack, go to one part of a split."""

from collections.abc import Sequence

import numpy as np


def by_groups(
    groups: Sequence[str], order: np.ndarray, n_validation: int, n_test: int
) -> tuple[np.ndarray, int, int]:
    """Order whole groups at random, and say where to cut between them.

    Two pages of a stack that are next to each other are nearly the same image. Of fewer than three
    groups, the parts are blocks of neighbouring images.

    Parameters
    ----------
    groups
        What each image belongs to.
    order
        (n,) integers. The images in random order.
    n_validation, n_test
        How many images the first two parts should have.

    Returns
    -------
    (n,) integers, int, int
        The images in the new order, and how many the first two parts have: as wanted, or a little
        more, or less so that each part has one group at least. A group larger than both parts should be
        comes last, where the rest is.
    """
    found = list(dict.fromkeys(groups[i] for i in order))
    if len(found) < 3:
        return np.roll(np.arange(len(order)), -int(order[0])), n_validation, n_test
    members = [[i for i, other in enumerate(groups) if other == group] for group in found]
    # Else a large stack could be for validation, and hardly an image for training.
    members.sort(key=lambda images: len(images) > max(n_validation, n_test))
    ends = np.cumsum([len(images) for images in members])
    first = min(int(np.searchsorted(ends, n_validation)), len(found) - 3)
    second = min(max(int(np.searchsorted(ends, ends[first] + n_test)), first + 1), len(found) - 2)
    return np.concatenate(members), int(ends[first]), int(ends[second] - ends[first])
