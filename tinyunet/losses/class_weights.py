"""Weights for rare classes: from how many pixels each class has, to a weight for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tinyunet.engine.arrays import Array, array_module, occurrences


def median_frequency(
    labels: Iterable[np.ndarray], num_classes: int, ignore_label: int | None = None
) -> np.ndarray:
    """Return a weight for each class that is large where the class is rare.

        f[c] = pixels of class c / pixels of all images in which c occurs
        weight[c] = median of f / f[c]

    The median frequency balancing of Eigen & Fergus (2015, arXiv:1411.4734), used by SegNet: half of
    the classes weigh more than 1 and half less. A class that never occurs has weight 0 and is left
    out of the median.

    Parameters
    ----------
    labels
        Classes (H, W) of each image, integers on the host: ``dataset.labels``, or an array (N, H, W).
    num_classes
        How many classes there are, K.
    ignore_label
        Pixels with this label are no pixels here.

    Returns
    -------
    ndarray
        Weights (K,), float64.

    Raises
    ------
    ValueError, TypeError
        If a label is no class, none is left to count, or the labels are no integers.
    """
    pixels, of_images = np.zeros(num_classes), np.zeros(num_classes)
    for image in labels:
        image = np.asarray(image)
        _check_labels("median_frequency", image, num_classes, ignore_label)
        counted = image if ignore_label is None else image[image != ignore_label]
        counts = occurrences(counted.astype(np.int64), minlength=num_classes)
        pixels += counts
        of_images += np.where(counts > 0, counted.size, 0)
    occurs = pixels > 0
    if not occurs.any():
        raise ValueError("median_frequency needs labels to count, got none")
    frequency = pixels[occurs] / of_images[occurs]
    weights = np.zeros(num_classes)
    weights[occurs] = np.median(frequency) / frequency
    return weights


def pixel_weights(
    labels: Array, class_weights: Sequence[float] | Array, ignore_label: int | None = None
) -> Array:
    """Return the weight of each pixel's class, which losses take as ``weights``.

    `SoftmaxCrossEntropy` then divides by the number of counted pixels, as Caffe and SegNet do. The mean
    of PyTorch's ``CrossEntropyLoss(weight=...)`` divides by the sum of the counted pixels' weights.
    Both are the same up to that factor, the mean weight of a pixel, but it is another one in each
    batch, and learning rates do not carry over from one to the other.

    Parameters
    ----------
    labels
        Classes, integers of any shape, such as (H, W) or (N, H, W).
    class_weights
        The weight of each class, (K,).
    ignore_label
        Pixels with this label get weight 0.

    Returns
    -------
    Array
        Weights, of the labels' shape and on their device, in the dtype of `class_weights` (of a list,
        float64). A loss wants the dtype of its logits; a training converts by itself.

    Raises
    ------
    ValueError, TypeError
        If a label is no class, the weights are no row or negative, or the labels are no integers.
    """
    xp = array_module(labels)
    table = xp.asarray(class_weights)
    table = table if table.dtype.kind == "f" else table.astype("float64")
    if table.ndim != 1 or not bool((table >= 0).all()):
        raise ValueError(
            f"pixel_weights needs one weight of 0 or more for each class, got {class_weights!r}"
        )
    _check_labels("pixel_weights", labels, len(table), ignore_label)
    if ignore_label is None:
        return table[labels]
    counted = labels != ignore_label
    return table[xp.where(counted, labels, 0)] * counted.astype(table.dtype)


def _check_labels(name: str, labels: Array, classes: int, ignore_label: int | None) -> None:
    """Raise for labels that are no integers, or neither 0 to K-1 nor ignored."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name} needs integer labels, got {labels.dtype}: use labels.astype(int)")
    known = (labels >= 0) & (labels < classes)
    if ignore_label is not None:
        known |= labels == ignore_label
    if not bool(known.all()):
        ignored = "" if ignore_label is None else f" or {ignore_label} (ignored)"
        raise ValueError(
            f"{name} got labels from {int(labels.min())} to {int(labels.max())} for {classes} "
            f"classes: labels must be 0 to {classes - 1}{ignored}"
        )
