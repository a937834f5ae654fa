"""Metrics of pixels, one by one: IoU, Dice and two pixel errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyunet.metrics.checks import (
    WHITE,
    as_classes,
    check_label,
    check_threshold,
    only_number,
    truth_of,
)
from tinyunet.metrics.ignored import counted

# The steps of the ISBI 2012 challenge's own program.
ISBI_THRESHOLDS = tuple(i / 10 for i in range(11))


def iou(
    predicted: np.ndarray,
    truth: np.ndarray,
    label: int | None = None,
    ignore_label: int | None = None,
) -> float:
    """Intersection over union of one class, the Jaccard index: |P and T| / |P or T|.

    Parameters
    ----------
    predicted, truth
        Masks, where the foreground is compared, or class labels; of one shape, (H, W) or any other.
    label
        The class to compare; P and T are the pixels that have it. Of masks, 0 is the background.
        Without one it is 1, and maps that cannot be meant are refused.
    ignore_label
        Pixels that have this label in the truth are left out.

    Returns
    -------
    float
        0 (disjoint) to 1 (equal). 1 if neither has a pixel of the class, 0 if only one has.

    Raises
    ------
    ValueError
        If a mask is to be compared with several classes; if the maps differ and neither has the label
        255 or 65535 or, where no label is given, the class 1; and if no label is given and each map
        has one number beside 0, but not the same.

    References
    ----------
    Jaccard: The distribution of the flora in the alpine zone, New Phytologist 1912.
    """
    p, t = _masks(*counted(predicted, truth, ignore_label), label)
    union = np.count_nonzero(p | t)
    return float(np.count_nonzero(p & t) / union) if union else 1.0


def dice(
    predicted: np.ndarray,
    truth: np.ndarray,
    label: int | None = None,
    ignore_label: int | None = None,
) -> float:
    """Dice coefficient of one class: 2 |P and T| / (|P| + |T|).

    It ranks predictions as `iou` does, dice = 2 iou / (1 + iou), and is the F1 score of pixels.

    Parameters
    ----------
    predicted, truth
        Masks, where the foreground is compared, or class labels; of one shape, (H, W) or any other.
    label
        The class to compare; P and T are the pixels that have it. Of masks, 0 is the background.
        Without one it is 1, and maps that cannot be meant are refused.
    ignore_label
        Pixels that have this label in the truth are left out.

    Returns
    -------
    float
        0 (disjoint) to 1 (equal). 1 if neither has a pixel of the class, 0 if only one has.

    Raises
    ------
    ValueError
        As `iou`.

    References
    ----------
    Dice: Measures of the amount of ecologic association between species, Ecology 1945.
    """
    p, t = _masks(*counted(predicted, truth, ignore_label), label)
    total = np.count_nonzero(p) + np.count_nonzero(t)
    return float(2 * np.count_nonzero(p & t) / total) if total else 1.0


def pixel_error(predicted: np.ndarray, truth: np.ndarray, ignore_label: int | None = None) -> float:
    """Share of the pixels that have a wrong class: 1 - accuracy.

    The ISBI 2012 challenge means something else by this name: `isbi_pixel_error`, from the best
    F-score over the thresholds of a probability map. The two must not be compared.

    Parameters
    ----------
    predicted, truth
        Masks or class labels, of one shape, (H, W) or any other.
    ignore_label
        Pixels that have this label in the truth are left out.

    Returns
    -------
    float
        0 (equal, also if both are all background) to 1.

    Raises
    ------
    ValueError
        If a mask is to be compared with several classes.
    """
    predicted, truth = as_classes(*counted(predicted, truth, ignore_label))
    return float(np.mean(predicted != truth))


def isbi_pixel_error(
    probabilities: np.ndarray, truth: np.ndarray, thresholds: Sequence[float] = ISBI_THRESHOLDS
) -> float:
    """Pixel error of the ISBI 2012 challenge: 1 - the best F-score over the thresholds.

    For a threshold, the pixels with a larger probability are predicted foreground, and their
    F-score is `dice`. Slices are pooled: a stack has one best threshold.

    The best threshold is found on the very images that are scored, so the error is optimistic.
    For an honest figure choose the threshold on validation images (`best_threshold`), and report
    1 - dice on the test images.

    Parameters
    ----------
    probabilities
        Probability of the foreground at every pixel, of a slice (H, W) or a stack (N, H, W). In the
        challenge the foreground was the cells, the background membranes.
    truth
        The mask, of the same shape.
    thresholds
        By default 0, 0.1 ... 1, as in the challenge's program.

    Returns
    -------
    float
        0 to 1. 0 if no pixel is foreground in the truth nor above some threshold.

    Raises
    ------
    ValueError
        If a threshold is outside [0, 1], or there is none.

    References
    ----------
    Arganda-Carreras et al.: Crowdsourcing the creation of image segmentation algorithms for
    connectomics, Frontiers in Neuroanatomy 2015, doi 10.3389/fnana.2015.00142.
    """
    truth = truth_of(probabilities, truth)
    if not len(thresholds):
        raise ValueError("there is no threshold to try; by default they are 0, 0.1 ... 1")
    for threshold in thresholds:
        check_threshold(threshold)
    return 1 - max(dice(probabilities > threshold, truth) for threshold in thresholds)


def _masks(
    predicted: np.ndarray, truth: np.ndarray, label: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Where the class is predicted, and where it is true."""
    predicted, truth = as_classes(predicted, truth, label)
    masks = predicted.dtype == bool
    number = 1 if label is None else check_label(label, masks)
    if masks:
        return predicted == bool(number), truth == bool(number)
    if label is None:
        _check_foreground(predicted, truth)
    if label is None or number in WHITE:
        _check_present(number, predicted, truth)
    return predicted == number, truth == number


def _check_foreground(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuse two maps without a label, if each has one number beside 0 and these are not the same."""
    one, other = only_number(predicted), only_number(truth)
    if one and other and one != other:
        raise ValueError(
            f"the only number beside 0 is {one} in the prediction and {other} in the truth, so they "
            "have nothing in common: of masks compare predicted > 0 and truth > 0; of class maps say "
            f"which class, such as label={other}"
        )


def _check_present(label: int, predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuse the number of a mask's foreground, if other numbers are in the maps, and they differ."""
    if not ((predicted == label) | (truth == label)).any() and (predicted != truth).any():
        raise ValueError(
            f"the label {label} is neither in the prediction (0 to {predicted.max()}) nor in the truth "
            f"(0 to {truth.max()}): of masks compare predicted > 0 and truth > 0, without a label; of "
            "class maps give one of their numbers as the label"
        )
