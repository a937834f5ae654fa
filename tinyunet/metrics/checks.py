"""What the metrics refuse, and what they suggest instead."""

from __future__ import annotations

import numpy as np

REMEDIES = {
    "biu": "expected booleans or integers; compare probabilities with a threshold first",
    "iu": "expected the number of the cell at every pixel; scipy.ndimage.label gives it",
}


def check_pair(predicted: np.ndarray, truth: np.ndarray, kinds: str) -> None:
    """Refuse arrays of different shapes, without pixels, or of a dtype whose kind is not listed."""
    check_shapes(predicted, truth)
    check_kind("prediction", predicted, kinds)
    check_kind("truth", truth, kinds)


def check_cells(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuse a pair of arrays that do not give the number of a cell at every pixel of one image.

    In a stack of images a number that occurs in several would be taken for one cell.
    """
    check_pair(predicted, truth, kinds="iu")
    check_plane(truth)
    for cells in (predicted, truth):
        if cells.min() < 0:
            raise ValueError(f"cells are numbered from 1, with 0 for background, got {cells.min()}")


def check_shapes(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuse arrays of different shapes or without pixels."""
    if predicted.shape != truth.shape:
        raise ValueError(
            f"prediction and truth have different shapes: {predicted.shape} and {truth.shape}"
        )
    if not truth.size:
        raise ValueError(f"there are no pixels to compare: the shape is {truth.shape}")


def check_kind(name: str, array: np.ndarray, kinds: str) -> None:
    """Refuse a dtype whose kind is not one of the letters: b = boolean, i and u = integers."""
    if array.dtype.kind not in kinds:
        raise TypeError(f"the {name} has dtype {array.dtype}: {REMEDIES[kinds]}")


def check_plane(array: np.ndarray) -> None:
    """Refuse what is not one image (H, W)."""
    if array.ndim != 2:
        raise ValueError(
            f"expected one image (H, W), got shape {array.shape}; score a stack slice by slice"
        )


def as_mask(name: str, array: np.ndarray) -> np.ndarray:
    """The array as booleans; refuse what is neither 0 nor 1, such as the numbers of cells."""
    check_kind(name, array, "biu")
    if array.dtype == bool:
        return array
    strange = array[(array != 0) & (array != 1)]
    if strange.size:
        raise ValueError(
            f"the {name} should be a mask, 0 or 1, but has the value {strange[0]}; choose the "
            "foreground first: cells > 0, or labels == k"
        )
    return array == 1
