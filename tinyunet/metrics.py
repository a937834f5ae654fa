"""How alike a prediction and the truth are: pixel by pixel, and cell by cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def iou(predicted: np.ndarray, truth: np.ndarray, label: int = 1) -> float:
    """Intersection over union of one class, the Jaccard index: |P and T| / |P or T|.

    Parameters
    ----------
    predicted, truth : (H, W) boolean or integer arrays
        Masks, where the foreground is compared, or class labels.
    label : int
        The class to compare; P and T are the pixels that have it.

    Returns
    -------
    float
        0 (disjoint) to 1 (equal). 1 if neither has a pixel of the class, 0 if only one has.

    Raises
    ------
    ValueError
        If the shapes differ.
    TypeError
        If an array is neither boolean nor integer.

    References
    ----------
    Jaccard: The distribution of the flora in the alpine zone, New Phytologist 1912.
    """
    p, t = _masks(predicted, truth, label)
    union = np.count_nonzero(p | t)
    return float(np.count_nonzero(p & t) / union) if union else 1.0


def dice(predicted: np.ndarray, truth: np.ndarray, label: int = 1) -> float:
    """Dice coefficient of one class: 2 |P and T| / (|P| + |T|).

    It ranks predictions as `iou` does, dice = 2 iou / (1 + iou), and is the F1 score of pixels.

    Parameters
    ----------
    predicted, truth : (H, W) boolean or integer arrays
        Masks, where the foreground is compared, or class labels.
    label : int
        The class to compare; P and T are the pixels that have it.

    Returns
    -------
    float
        0 (disjoint) to 1 (equal). 1 if neither has a pixel of the class, 0 if only one has.

    Raises
    ------
    ValueError, TypeError
        As `iou`.

    References
    ----------
    Dice: Measures of the amount of ecologic association between species, Ecology 1945.
    """
    p, t = _masks(predicted, truth, label)
    total = np.count_nonzero(p) + np.count_nonzero(t)
    return float(2 * np.count_nonzero(p & t) / total) if total else 1.0


def pixel_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Share of the pixels that have a wrong class: 1 - accuracy.

    The ISBI 2012 challenge means something else by this name: 1 - F, with the best F-score of the
    pixels over all thresholds of a probability map (Arganda-Carreras et al., Frontiers in
    Neuroanatomy 2015, doi 10.3389/fnana.2015.00142). The two must not be compared.

    Parameters
    ----------
    predicted, truth : (H, W) boolean or integer arrays
        Masks or class labels.

    Returns
    -------
    float
        0 (equal, also if both are all background) to 1.

    Raises
    ------
    ValueError, TypeError
        As `iou`.
    """
    _check(predicted, truth, kinds="biu")
    return float(np.mean(predicted != truth))


def seg(predicted_instances: np.ndarray, true_instances: np.ndarray) -> float:
    """SEG of the Cell Tracking Challenge: the mean Jaccard index over the true cells.

    A true cell R is compared with the predicted cell S that covers more than half of it,
    |R and S| > |R| / 2, and scores |R and S| / |R or S|. There is at most one such S; without one
    the cell scores 0. Predicted cells that cover no true one cost nothing: `f1` counts them.

    Parameters
    ----------
    predicted_instances, true_instances : (H, W) integer arrays
        The number of the cell at every pixel, 0 = background. Numbers may have gaps.

    Returns
    -------
    float
        0 to 1. Without a true cell: 1 if none was predicted either, else 0.

    Raises
    ------
    ValueError
        If the shapes differ or a number is negative.
    TypeError
        If an array is not of integers.

    References
    ----------
    Maška et al.: A benchmark for comparison of cell tracking algorithms, Bioinformatics 2014.
    """
    overlaps = _overlaps(predicted_instances, true_instances)
    if not overlaps.true_cells:
        return 0.0 if overlaps.predicted_cells else 1.0
    return float(overlaps.jaccard[overlaps.covered].sum() / overlaps.true_cells)


def f1(
    predicted_instances: np.ndarray, true_instances: np.ndarray, threshold: float = 0.5
) -> float:
    """F1 score of finding cells: 2 matches / (predicted cells + true cells).

    A predicted and a true cell match if their IoU is above the threshold. An IoU above 0.5 takes
    more than half of both, so no cell can have two matches. Below 0.5 that would no longer hold,
    and which pairs count would be a matter of choice.

    Parameters
    ----------
    predicted_instances, true_instances : (H, W) integer arrays
        The number of the cell at every pixel, 0 = background. Numbers may have gaps.
    threshold : float
        From 0.5 to below 1.

    Returns
    -------
    float
        0 to 1. 1 if there is no cell in either, 0 if there are cells in one only.

    Raises
    ------
    ValueError
        If the threshold is out of range, the shapes differ, or a number is negative.
    TypeError
        If an array is not of integers.

    References
    ----------
    Caicedo et al.: Nucleus segmentation across imaging experiments, Nature Methods 2019.
    """
    if not 0.5 <= threshold < 1:
        raise ValueError(
            f"threshold must be from 0.5 to below 1 so that matches are unique, got {threshold}"
        )
    overlaps = _overlaps(predicted_instances, true_instances)
    cells = overlaps.predicted_cells + overlaps.true_cells
    matches = np.count_nonzero(overlaps.jaccard > threshold)
    return float(2 * matches / cells) if cells else 1.0


def merged(predicted_instances: np.ndarray, true_instances: np.ndarray) -> int:
    """Count the true cells that share a predicted cell with another true cell.

    A predicted cell holds the true cells of which it covers more than half; where it holds two or
    more, all of them are merged.

    Parameters
    ----------
    predicted_instances, true_instances : (H, W) integer arrays
        The number of the cell at every pixel, 0 = background. Numbers may have gaps.

    Returns
    -------
    int
        0, also if there is no cell in either, up to the number of true cells, but never 1.

    Raises
    ------
    ValueError, TypeError
        As `seg`.
    """
    overlaps = _overlaps(predicted_instances, true_instances)
    held = np.bincount(overlaps.predicted[overlaps.covered])
    return int(held[held > 1].sum())


class _Overlaps(NamedTuple):
    """The pairs of a predicted and a true cell that share pixels; arrays have an entry a pair."""

    predicted: np.ndarray  # which predicted cell
    common: np.ndarray  # pixels shared
    predicted_size: np.ndarray  # pixels of the predicted cell
    true_size: np.ndarray  # pixels of the true cell
    predicted_cells: int  # in the image, with and without a partner
    true_cells: int

    @property
    def jaccard(self) -> np.ndarray:
        return self.common / (self.predicted_size + self.true_size - self.common)

    @property
    def covered(self) -> np.ndarray:
        """Whether the predicted cell covers more than half of the true one."""
        return 2 * self.common > self.true_size


def _overlaps(predicted_instances: np.ndarray, true_instances: np.ndarray) -> _Overlaps:
    """Count the pixels of every pair of cells, in one sort of the pixels.

    A full table, predicted by true cells, would be mostly zeros, and large for noisy predictions.
    """
    _check(predicted_instances, true_instances, kinds="iu")
    predicted_numbers, predicted, predicted_sizes = _count(predicted_instances)
    true_numbers, true, true_sizes = _count(true_instances)
    pairs, common = np.unique(true * predicted_numbers.size + predicted, return_counts=True)
    j, i = np.divmod(pairs, predicted_numbers.size)
    cells = (predicted_numbers[i] > 0) & (true_numbers[j] > 0)
    i, j = i[cells], j[cells]
    return _Overlaps(
        predicted=i,
        common=common[cells],
        predicted_size=predicted_sizes[i],
        true_size=true_sizes[j],
        predicted_cells=np.count_nonzero(predicted_numbers),
        true_cells=np.count_nonzero(true_numbers),
    )


def _count(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the numbers in use, for every pixel the place of its number among them, and sizes."""
    numbers, places, sizes = np.unique(instances, return_inverse=True, return_counts=True)
    if numbers[0] < 0:
        raise ValueError(f"cells are numbered from 1, with 0 for background, got {numbers[0]}")
    return numbers, places.ravel(), sizes


def _masks(predicted: np.ndarray, truth: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    _check(predicted, truth, kinds="biu")
    return predicted == label, truth == label


def _check(predicted: np.ndarray, truth: np.ndarray, kinds: str) -> None:
    """Refuse arrays of different shapes, without pixels, or of a dtype whose kind is not listed."""
    if predicted.shape != truth.shape:
        raise ValueError(
            f"prediction and truth have different shapes: {predicted.shape} and {truth.shape}"
        )
    if not truth.size:
        raise ValueError(f"there are no pixels to compare: the shape is {truth.shape}")
    remedy = {
        "biu": "expected booleans or integers; compare probabilities with a threshold first",
        "iu": "expected the number of the cell at every pixel; scipy.ndimage.label gives it",
    }[kinds]
    for name, array in (("prediction", predicted), ("truth", truth)):
        if array.dtype.kind not in kinds:
            raise TypeError(f"the {name} has dtype {array.dtype}: {remedy}")
