"""How alike a prediction and the truth are: by pixels, and by cells."""

from __future__ import annotations

import numpy as np


def iou(predicted: np.ndarray, truth: np.ndarray, label: int = 1) -> float:
    """Intersection over union of one class: |P and T| / |P or T|.

    Parameters
    ----------
    predicted, truth
        Masks or class maps of the same shape, booleans or integers.
    label
        Which class is compared.

    Returns
    -------
    float
        0 (disjoint) to 1 (equal); 1 if neither has the class.
    """
    p, t = _masks(predicted, truth, label)
    union = (p | t).sum()
    return float((p & t).sum() / union) if union else 1.0


def dice(predicted: np.ndarray, truth: np.ndarray, label: int = 1) -> float:
    """Dice coefficient of one class: 2 |P and T| / (|P| + |T|); 1 if neither has the class."""
    p, t = _masks(predicted, truth, label)
    total = p.sum() + t.sum()
    return float(2 * (p & t).sum() / total) if total else 1.0


def pixel_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """The share of pixels with a wrong class: 1 - accuracy.

    The ISBI 2012 challenge means something else by the name: 1 - the best F-score of the membrane
    over all thresholds.
    """
    _same_shape(predicted, truth)
    return float(np.mean(predicted != truth))


def seg(predicted: np.ndarray, truth: np.ndarray) -> float:
    """SEG of the Cell Tracking Challenge: the mean Jaccard index over the true cells.

    A true cell R is matched with the predicted cell S that covers more than half of it (there is at
    most one), and scores |R and S| / |R or S|; a cell without a match scores 0.

    Parameters
    ----------
    predicted, truth
        Instance maps (H, W): a number for each cell, 0 = background.

    Returns
    -------
    float
        0 to 1. Without a true cell: 1 if nothing was predicted, else 0.
    """
    common, predicted_sizes, true_sizes = _overlaps(predicted, truth)
    if not true_sizes.size:
        return float(not predicted_sizes.size)
    jaccard = common / (predicted_sizes[:, None] + true_sizes - common)
    matched = common > true_sizes / 2
    return float((jaccard * matched).sum() / true_sizes.size)


def f1(predicted: np.ndarray, truth: np.ndarray, threshold: float = 0.5) -> float:
    """F1 of finding cells: a predicted and a true cell match if their IoU is above the threshold.

    F1 = 2 matches / (predicted cells + true cells). From a threshold of 0.5 on, no cell can match
    two others.

    Parameters
    ----------
    predicted, truth
        Instance maps (H, W): a number for each cell, 0 = background.
    threshold
        From 0.5 to below 1.

    Returns
    -------
    float
        0 to 1; 1 if there are no cells in either.
    """
    if not 0.5 <= threshold < 1:
        raise ValueError(
            f"threshold must be from 0.5 to below 1 for unique matches, got {threshold}"
        )
    common, predicted_sizes, true_sizes = _overlaps(predicted, truth)
    cells = predicted_sizes.size + true_sizes.size
    if not cells:
        return 1.0
    jaccard = common / (predicted_sizes[:, None] + true_sizes - common)
    return float(2 * (jaccard > threshold).sum() / cells)


def merged(predicted: np.ndarray, truth: np.ndarray) -> int:
    """The number of true cells that share a predicted cell with another.

    A predicted cell holds a true one if it covers more than half of it.
    """
    common, _, true_sizes = _overlaps(predicted, truth)
    held = (common > true_sizes / 2).sum(axis=1)
    return int(held[held > 1].sum())


def _overlaps(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return |P_i and T_j| for all cells, (predicted, true), and the sizes of both.

    Cells are counted in the order of their numbers, which need not be consecutive.
    """
    _same_shape(predicted, truth)
    for what, values in (("predicted", predicted), ("true", truth)):
        if values.dtype.kind not in "iu":
            raise TypeError(f"{what} cells must be numbered by integers, got {values.dtype}")
        if values.size and values.min() < 0:
            raise ValueError(f"{what} cells must be numbered from 1, got {values.min()}")
    p_numbers, p = np.unique(predicted, return_inverse=True)
    t_numbers, t = np.unique(truth, return_inverse=True)
    shape = p_numbers.size, t_numbers.size
    table = np.bincount(p.ravel() * shape[1] + t.ravel(), minlength=shape[0] * shape[1])
    table = table.reshape(shape)
    p_cells, t_cells = p_numbers > 0, t_numbers > 0
    return table[p_cells][:, t_cells], table.sum(1)[p_cells], table.sum(0)[t_cells]


def _masks(predicted: np.ndarray, truth: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
    _same_shape(predicted, truth)
    return predicted == label, truth == label


def _same_shape(predicted: np.ndarray, truth: np.ndarray) -> None:
    if predicted.shape != truth.shape:
        raise ValueError(
            f"prediction and truth have different shapes: {predicted.shape} and {truth.shape}"
        )
