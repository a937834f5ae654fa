"""What one image and its mask have: cells or classes, and checksums to find copies by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tinyunet.engine.arrays import occurrences

IGNORE = 255
AROUND = 0.4
FEW = 3  # values


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
    around
        Whether the largest cell covers 40 % or more and touches all four borders, as background does.
    hollow
        How many pixels lie in holes of cells.
    flat, few
        Whether the image has the same value everywhere; whether it has three values at most.
    image_sum, mask_sum, turned_sum
        Checksums of image and mask; equal ones are of equal content. The last is the same for images
        that were turned or mirrored.
    is_its_mask
        Whether the image is a copy of the mask.
    """

    name: str
    group: str
    pixels: dict[int, int]
    ignored: int = 0
    areas: tuple[int, ...] | None = None
    at_border: int = 0
    around: bool = False
    hollow: int = 0
    flat: bool = False
    few: bool = False
    image_sum: str = ""
    turned_sum: str = ""
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
    areas, at_border, around, hollow = None, 0, False, 0
    if cells is not None:
        areas = tuple(occurrences(cells)[1:].tolist())
        at_border = touching_the_border(cells)
        around = is_around(cells, areas)
        hollow = in_holes(cells)
        inside = sum(areas)  # labels part touching cells by background
        pixels = {0: labels.size - ignored - inside, 1: inside}
    return PageFacts(
        name, group, pixels, ignored, areas, at_border, around, hollow,
        mask_sum=checksum(labels if cells is None else cells), **of_image,
    )  # fmt: skip


def is_flat(image: np.ndarray) -> bool:
    """Whether an image (H, W, C) has one color everywhere."""
    return bool((image == image[:1, :1]).all())


def touching_the_border(cells: np.ndarray) -> int:
    """How many cells of an image (H, W) have pixels in its first or last row or column."""
    edges = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    return int(np.count_nonzero(np.unique(edges)))


def is_around(cells: np.ndarray, areas: Sequence[int]) -> bool:
    """Whether the largest cell covers 40 % of an image (H, W) or more, and touches its four borders."""
    if not areas or max(areas) < AROUND * cells.size:
        return False
    largest = 1 + int(np.argmax(areas))
    return all((edge == largest).any() for edge in (cells[0], cells[-1], cells[:, 0], cells[:, -1]))


def in_holes(cells: np.ndarray) -> int:
    """How many pixels of background (H, W) have cells all around them."""
    spots, count = ndimage.label(cells == 0)
    sizes = occurrences(spots, minlength=count + 1)
    sizes[0] = 0
    sizes[np.concatenate([spots[0], spots[-1], spots[:, 0], spots[:, -1]])] = 0
    return int(sizes.sum())


def facts_of_image(image: np.ndarray) -> dict[str, Any]:
    """The facts that are the image's (H, W, C) own."""
    some = image[:: max(1, image.shape[0] // 64), :: max(1, image.shape[1] // 64)]
    few = len(np.unique(some)) <= FEW and len(np.unique(image)) <= FEW
    return {
        "flat": is_flat(image),
        "few": few,
        "image_sum": checksum(image),
        "turned_sum": turned_sum(image),
    }


def sums_of(images: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The checksums by which images are alike, of their facts, and those of turned ones; "" for none.

    All images of one value are equal, and of those of two or three many have as much of each.
    """
    plain = ["" if facts["flat"] else facts["image_sum"] for facts in images]
    turned = ["" if facts["flat"] or facts["few"] else facts["turned_sum"] for facts in images]
    return plain, turned


def turned_sum(image: np.ndarray) -> str:
    """A checksum of the values alone, wherever they are: turned images have the same."""
    image = np.ascontiguousarray(image)
    if image.ndim == 3 and (image == image[..., :1]).all():
        image = np.ascontiguousarray(image[..., 0])
    values = image.view(f"u{min(image.dtype.itemsize, 8)}").astype(np.uint64)
    sums = (int((values**k).sum(dtype=np.uint64)) for k in (1, 2, 3))  # they wrap around, exactly
    return ":".join(map(str, (*sorted(image.shape), *sums)))


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
    if not 2 <= len(np.unique(gray)) == len(np.unique(mask)):
        return False
    values, places = np.unique(gray, return_inverse=True)
    numbers = np.arange(len(values))
    least, most = (
        pick(mask, places.reshape(mask.shape), numbers)
        for pick in (ndimage.minimum, ndimage.maximum)
    )
    return bool((np.asarray(least) == most).all() and len(np.unique(least)) == len(values))
