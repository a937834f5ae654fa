"""Images that belong together, such as the pages of a stack, go to one part of a split."""

from collections.abc import Sequence

import numpy as np

PARTS = 3


def joined(groups: Sequence[str], *sums: Sequence[str]) -> list[str]:
    """Groups, of which those are one that share a checksum of an image.

    They stay as they are if fewer than three would be left, for then no split could part them.

    Parameters
    ----------
    groups
        What each image belongs to.
    *sums
        Checksums of each image, of as many kinds as there are; "" for an image that has no like.
    """
    first = {group: group for group in groups}  # of the groups that are one, the first

    def find(group: str) -> str:
        while first[group] != group:
            group = first[group]
        return group

    for of_kind in sums:
        seen: dict[str, str] = {}
        for group, found in zip(groups, of_kind, strict=True):
            other = find(seen.setdefault(found, group)) if found else find(group)
            first[find(group)] = other
    found = [find(group) for group in groups]
    return found if len(set(found)) >= PARTS else list(groups)


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
    if len(found) < PARTS:
        return np.roll(np.arange(len(order)), -int(order[0])), n_validation, n_test
    members = [[i for i, other in enumerate(groups) if other == group] for group in found]
    # Else a large stack could be for validation, and hardly an image for training.
    members.sort(key=lambda images: len(images) > max(n_validation, n_test))
    ends = np.cumsum([len(images) for images in members])
    first = min(int(np.searchsorted(ends, n_validation)), len(found) - 3)
    second = min(max(int(np.searchsorted(ends, ends[first] + n_test)), first + 1), len(found) - 2)
    return np.concatenate(members), int(ends[first]), int(ends[second] - ends[first])
