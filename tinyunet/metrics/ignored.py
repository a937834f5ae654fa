"""Pixels that count nowhere: leave them out of what is compared."""

from __future__ import annotations

import numpy as np

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.checks import check_array, check_shapes


def leave_out(
    predicted: np.ndarray, truth: np.ndarray, ignored: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Two maps of cells that are background where pixels are ignored, for any metric of cells.

    A predicted cell that lies mostly in ignored pixels, and meets no true cell outside of them, is left
    out as a whole: what sticks out of them is no false cell.

    Parameters
    ----------
    predicted, truth
        The cells (H, W), by integer numbers, 0 = background.
    ignored
        (H, W) booleans: where nothing counts. None: nowhere, and both maps are returned as they are.

    Returns
    -------
    (H, W) arrays
        Prediction and truth, copies.
    """
    if ignored is None:
        return predicted, truth
    check_array("mask of ignored pixels", ignored, "b")
    check_shapes(predicted, ignored)
    check_shapes(truth, ignored)
    truth = np.where(ignored, 0, truth)
    numbers, where = np.unique(predicted, return_inverse=True)
    where = where.ravel()
    inside = occurrences(where, ignored.ravel(), numbers.size)
    hits = occurrences(where, (truth > 0).ravel(), numbers.size)
    dropped = (2 * inside > occurrences(where)) & (hits == 0)
    return np.where(ignored | dropped[where].reshape(predicted.shape), 0, predicted), truth


def counted(
    predicted: np.ndarray, truth: np.ndarray, ignore_label: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of two class maps whose true label is another one than `ignore_label`."""
    if ignore_label is None:
        return predicted, truth
    check_array("truth", truth, "biu")
    check_array("prediction", predicted, "biu")
    check_shapes(predicted, truth)
    keep = truth != ignore_label
    return predicted[keep], truth[keep]
