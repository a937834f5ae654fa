"""Can probabilities be believed?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyunet.engine.arrays import occurrences
from tinyunet.metrics.checks import truth_of


class Calibration(NamedTuple):
    """A reliability diagram: plot `observed` over `predicted`, and compare with the diagonal."""

    edges: np.ndarray  # (bins + 1,) the bounds of the bins, from 0 to 1
    predicted: np.ndarray  # (bins,) mean probability in a bin; NaN where the bin is empty
    observed: np.ndarray  # (bins,) share of its pixels that are foreground; NaN where empty
    pixels: np.ndarray  # (bins,) how many pixels it has
    error: float  # expected calibration error


def calibration(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> Calibration:
    """Compare probabilities with how often they come true.

    Of the pixels that are foreground with a probability of about 0.8, about 80 % should be. Pixels
    are sorted by their probability into bins of equal width, and the expected calibration error is
    the mean distance between both, over the pixels n_b of all bins:

        error = sum n_b |observed_b - predicted_b| / sum n_b

    Good segmentations may be calibrated badly: networks tend to be too sure. A weighted loss shifts
    probabilities as well, towards the class with the larger weight.

    Parameters
    ----------
    probabilities
        Of the foreground at every pixel, of an image (H, W) or a stack (N, H, W). Of several
        classes, compare one at a time: probabilities[..., k] with labels == k.
    truth
        The mask, of the same shape.
    bins
        How many. A probability on the bound of two is in the lower one.

    Returns
    -------
    Calibration
        Its `error` is from 0 to 1; it depends on the number of bins.

    Raises
    ------
    ValueError
        If there is no bin.

    References
    ----------
    Naeini et al.: Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015. Guo et
    al.: On calibration of modern neural networks, ICML 2017, arXiv:1706.04599 (of the confidence in
    the predicted class instead of the probability of one class).
    """
    truth = truth_of(probabilities, truth).ravel()
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"calibration needs at least one bin, got bins={bins}")
    p = probabilities.ravel().astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], p)  # the bounds 0 and 1 left out: rounding goes beyond
    pixels = occurrences(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 = NaN in an empty bin
        predicted = occurrences(bin_of, p, bins) / pixels
        observed = occurrences(bin_of, truth, bins) / pixels
    error = np.nansum(pixels * np.abs(observed - predicted)) / p.size
    return Calibration(edges, predicted, observed, pixels, float(error))
