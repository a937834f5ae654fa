"""Do outlines run where they should?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tinyunet.metrics.checks import check_not_negative, check_pair, check_plane


def boundary_f1(predicted: np.ndarray, truth: np.ndarray, tolerance: float) -> float:
    """F1 score of outlines: how many of their pixels lie within a distance of the other outline.

    The precision is the share of the predicted outline that is at most `tolerance` from the true
    one, the recall the share of the true outline that is at most `tolerance` from the predicted
    one, and

        F1 = 2 precision recall / (precision + recall)

    At 0 px outlines must coincide; 1 and 2 px forgive what annotators disagree about. A pixel may
    be near several others: unlike in the Berkeley benchmark (Martin et al., PAMI 2004), pixels are
    not matched one to one, so an outline that is drawn twice is not punished.

    The outline is made of the foreground pixels that share an edge with a pixel of another number.
    So cells that touch have an outline between them, if their numbers differ; the border of the
    image is none.

    Parameters
    ----------
    predicted, truth
        Masks, class labels, or the numbers of cells (H, W); 0 = background.
    tolerance
        Pixels, in a straight line: 1 allows for the neighbours that share an edge, 1.5 for those
        at corners as well.

    Returns
    -------
    float
        0 to 1. 1 if neither has an outline, 0 if only one has.

    Raises
    ------
    ValueError
        If the tolerance is negative.

    References
    ----------
    Csurka et al.: What is a good evaluation measure for semantic segmentation?, BMVC 2013.
    """
    check_pair(predicted, truth, kinds="biu")
    check_plane(truth)
    check_not_negative("prediction", predicted)
    check_not_negative("truth", truth)
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance must be a number of pixels, 0 or more, got {tolerance}")
    p, t = outline(predicted), outline(truth)
    if not (p.any() and t.any()):
        return float(p.any() == t.any())
    precision = np.mean(ndimage.distance_transform_edt(~t)[p] <= tolerance)
    recall = np.mean(ndimage.distance_transform_edt(~p)[t] <= tolerance)
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def outline(labels: np.ndarray) -> np.ndarray:
    """Mark the pixels (H, W) that are not 0 and differ from one with which they share an edge."""
    differs = np.zeros(labels.shape, bool)
    for before, after in (
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        change = labels[before] != labels[after]
        differs[before] |= change
        differs[after] |= change
    return differs & (labels != 0)
