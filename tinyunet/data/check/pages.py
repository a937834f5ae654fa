"""What one image and its mask have: cells or classes, and checksums to find copies by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

IGNORE = 255


@dataclass(frozen=True)
class PageFacts:
    """An image, or a page of a stack, and its mask.

    Attributes
    ----------
    name, group
        What it and its file are called.
    pixels
        How many each class has; with cells, 0 is background and 1 cell.
    ignored
        How many pixels count nowhere.
    areas
        Of each cell, in pixels; None where cells are not known.
    at_border
        How many cells touch the border of the image.
    flat
        Whether the image has the same value everywhere.
    image_sum, mask_sum
        Checksums of image and mask; equal ones are of equal content.
    is_its_mask
        Whether the image is a copy of the mask.
    """

    name: str
    group: str
    pixels: dict[int, int]
    ignored: int = 0
    areas: tuple[int, ...] | None = None
    at_border: int = 0
    flat: bool = False
    image_sum: str = ""
    mask_sum: str = ""
    is_its_mask: bool = False

    @property
    def counted(self) -> int:
        """How many pixels count."""
        return sum(self.pixels.values())

    @property
    def covered(self) -> float:
        """The share of them that is no background."""
        return 1 - self.pixels.get(0, 0) / max(self.counted, 1)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but background."""
        return self.pixels.get(0, 0) == self.counted


def page_facts(
    name: str,
    group: str,
    labels: np.ndarray,
    cells: np.ndarray | None,
    **of_image: Any,
) -> PageFacts:
    """Look at the classes (H, W) of an image's pixels, and at the numbers (H, W) of its cells.

    `of_image`: the facts that are the image's own.
    """
    found, counts = np.unique(labels, return_counts=True)
    pixels = dict(zip(found.tolist(), counts.tolist(), strict=True))
    ignored = pixels.pop(IGNORE, 0)
    areas, at_border = None, 0
    if cells is not None:
        areas = tuple(np.bincount(cells.ravel())[1:].tolist())
        at_border = touching_the_border(cells)
        inside = sum(areas)  # labels part touching cells by background
        pixels = {0: labels.size - ignored - inside, 1: inside}
    return PageFacts(
        name, group, pixels, ignored, areas, at_border,
        mask_sum=checksum(labels if cells is None else cells), **of_image,
    )  # fmt: skip


def is_flat(image: np.ndarray) -> bool:
    """Whether an image (H, W, C) has one color everywhere."""
    return bool((image == image[:1, :1]).all())


def touching_the_border(cells: np.ndarray) -> int:
    """How many cells of an image (H, W) have pixels in its first or last row or column."""
    edges = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    return int(np.count_nonzero(np.unique(edges)))


def checksum(array: np.ndarray) -> str:
    """Of shape and values; of gray images the same however they were saved."""
    if array.ndim == 3 and (array == array[..., :1]).all():
        array = array[..., 0]
    if array.dtype.kind in "iub" and array.size:
        least, most = int(array.min()), int(array.max())
        array = array.astype(np.result_type(*map(np.min_scalar_type, (least, most))))
    digest = hashlib.blake2b(f"{array.shape}{array.dtype.str}".encode(), digest_size=8)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def same_outlines(image: np.ndarray, mask: np.ndarray) -> bool:
    """Whether an image (H, W, C) is a mask's copy: it has few values, at the same places."""
    gray = image[..., 0]
    if mask.shape != gray.shape or not (image == image[..., :1]).all():
        return False
    if np.array_equal(gray, mask):
        return bool((gray != gray[0, 0]).any())
    values, places = np.unique(gray, return_inverse=True)
    if not 2 <= len(values) <= 256:
        return False
    numbers = np.arange(len(values))
    least, most = (
        pick(mask, places.reshape(mask.shape), numbers)
        for pick in (ndimage.minimum, ndimage.maximum)
    )
    return bool((np.asarray(least) == most).all() and len(np.unique(least)) == len(values))
