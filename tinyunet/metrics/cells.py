"""Metrics of cells: were they found, how well do they fit, which ones were merged?"""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.cell_pairs import Overlaps, overlaps

CURVE_THRESHOLDS = tuple(i / 20 for i in range(10, 20))  # 0.5, 0.55 ... 0.95


def seg(predicted_instances: np.ndarray, true_instances: np.ndarray) -> float:
    """SEG of the Cell Tracking Challenge: the mean Jaccard index over the true cells.

    A true cell R is compared with the predicted cell S that covers more than half of it,
    |R and S| > |R| / 2, and scores |R and S| / |R or S|. There is at most one such S; without one
    the cell scores 0. Predicted cells that cover no true one cost nothing: `f1` counts them.

    Parameters
    ----------
    predicted_instances, true_instances
        The cells (H, W), by integer numbers, 0 = background.

    Returns
    -------
    float
        0 to 1. Without a true cell: 1 if none was predicted either, else 0.

    References
    ----------
    Maška et al.: A benchmark for comparison of cell tracking algorithms, Bioinformatics 2014.
    """
    pairs = overlaps(predicted_instances, true_instances)
    if not pairs.true_cells:
        return 0.0 if pairs.predicted_cells else 1.0
    return float(pairs.jaccard[pairs.covered].sum() / pairs.true_cells)


def f1(
    predicted_instances: np.ndarray, true_instances: np.ndarray, threshold: float = 0.5
) -> float:
    """F1 score of finding cells: 2 matches / (predicted cells + true cells).

    A predicted and a true cell match if their IoU is above the threshold. An IoU above 0.5 takes
    more than half of both, so no cell can have two matches. Below 0.5 that would no longer hold,
    and which pairs count would be a matter of choice.

    Parameters
    ----------
    predicted_instances, true_instances
        The cells (H, W), by integer numbers, 0 = background.
    threshold
        From 0.5 to below 1.

    Returns
    -------
    float
        0 to 1. 1 if there is no cell in either, 0 if there are cells in one only.

    Raises
    ------
    ValueError
        If the threshold is out of range.

    References
    ----------
    Caicedo et al.: Nucleus segmentation across imaging experiments, Nature Methods 2019.
    """
    if not 0.5 <= threshold < 1:
        raise ValueError(
            f"threshold must be from 0.5 to below 1 so that matches are unique, got {threshold}"
        )
    return _f1(overlaps(predicted_instances, true_instances), threshold)


def f1_curve(predicted_instances: np.ndarray, true_instances: np.ndarray) -> dict[float, float]:
    """`f1` at the thresholds 0.5, 0.55 ... 0.95: how tightly the cells that were found fit.

    A curve that stays high traces outlines well; one that starts high and falls early finds the
    cells, but not their shapes.

    Parameters
    ----------
    predicted_instances, true_instances
        The cells (H, W), by integer numbers, 0 = background.

    Returns
    -------
    dict of float to float
        F1 by threshold; it never rises from one threshold to the next.

    References
    ----------
    Caicedo et al.: Nucleus segmentation across imaging experiments, Nature Methods 2019.
    """
    pairs = overlaps(predicted_instances, true_instances)
    return {threshold: _f1(pairs, threshold) for threshold in CURVE_THRESHOLDS}


def merged(predicted_instances: np.ndarray, true_instances: np.ndarray) -> int:
    """Count the true cells that share a predicted cell with another true cell.

    A predicted cell holds the true cells of which it covers more than half; where it holds two or
    more, all of them are merged.

    Parameters
    ----------
    predicted_instances, true_instances
        The cells (H, W), by integer numbers, 0 = background.

    Returns
    -------
    int
        0, also if there is no cell in either, up to the number of true cells, but never 1.
    """
    pairs = overlaps(predicted_instances, true_instances)
    held = occurrences(pairs.predicted[pairs.covered])
    return int(held[held > 1].sum())


def _f1(pairs: Overlaps, threshold: float) -> float:
    cells = pairs.predicted_cells + pairs.true_cells
    matches = np.count_nonzero(pairs.jaccard > threshold)
    return float(2 * matches / cells) if cells else 1.0
