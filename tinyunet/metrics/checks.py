"""The checks of what `tinyunet.metrics` says of arrays: one rule, in the same words everywhere."""

from __future__ import annotations

import operator
import sys
import warnings

import numpy as np
from scipy import ndimage

WHITE = (255, 65535)  # the largest numbers of 8 and 16 bits
REMEDIES = {
    "b": "expected booleans, such as labels == 255",
    "biu": (
        "expected booleans or integers; compare probabilities with a threshold first, p > 0.5; whole "
        "numbers become integers with .astype(int)"
    ),
    "iu": (
        "expected the number of the cell at every pixel; tinyunet.metrics.segments(mask) gives it for "
        "a mask, as scipy.ndimage.label(mask)[0] does"
    ),
    "biuf": "expected probabilities, numbers from 0 to 1",
}


def check_array(name: str, array: np.ndarray, kinds: str) -> None:
    """Refuse what is no NumPy array, or has a dtype whose kind is not one of the letters.

    b = boolean, i and u = integers, f = floats.
    """
    what = f"{type(array).__module__}.{type(array).__qualname__}".removeprefix("builtins.")
    cupy = sys.modules.get("cupy")  # whoever holds a GPU array has imported CuPy already
    if cupy is not None and isinstance(array, cupy.ndarray):
        raise TypeError(
            f"the {name} is of type {what}, on a GPU: expected a NumPy array; tinyunet.to_cpu makes it "
            "one"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"the {name} is a masked array, whose masked pixels would count: expected a NumPy array; "
            ".filled(0) makes those pixels background, np.asarray ignores the masking"
        )
    if not isinstance(array, np.ndarray) or isinstance(array, np.matrix):
        raise TypeError(
            f"the {name} is of type {what}: expected a NumPy array; np.asarray makes it one (a tensor "
            "on a GPU or with gradients needs .detach().cpu() before)"
        )
    if array.dtype.kind not in kinds:
        raise TypeError(f"the {name} has dtype {array.dtype}: {REMEDIES[kinds]}")


def check_pair(predicted: np.ndarray, truth: np.ndarray, kinds: str) -> None:
    """Refuse arrays of different shapes, without pixels, or of a dtype whose kind is not listed."""
    check_array("prediction", predicted, kinds)
    check_array("truth", truth, kinds)
    check_shapes(predicted, truth)


def check_shapes(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuse arrays of different shapes or without pixels."""
    if predicted.shape != truth.shape:
        one = "; choose one class, [..., k]" if predicted.shape[:-1] == truth.shape else ""
        raise ValueError(
            f"prediction and truth have different shapes: {predicted.shape} and {truth.shape}{one}"
        )
    if not truth.size:
        raise ValueError(f"there are no pixels to compare: the shape is {truth.shape}")


def check_plane(array: np.ndarray) -> None:
    """Refuse what is not one image (H, W) with pixels."""
    if array.ndim != 2:
        remedy = "take a stack slice by slice"
        if array.ndim == 3 and array.shape[2] == 1:
            remedy = "[..., 0] leaves its one channel out"
        raise ValueError(f"expected one image (H, W), got shape {array.shape}; {remedy}")
    if not array.size:
        raise ValueError(f"there are no pixels: the shape is {array.shape}")


def check_cells(name: str, cells: np.ndarray) -> None:
    """Refuse what does not give the number of a cell at every pixel (H, W) of one image.

    In a stack of images a number that occurs in several would be taken for one cell.
    """
    check_array(name, cells, "iu")
    check_plane(cells)
    check_not_negative(name, cells)
    pieces = count_pieces(cells) if only_number(cells) in WHITE else 1
    if pieces > 1:
        raise ValueError(
            f"the {name} is a mask of 0 and {cells.max()} in {pieces} pieces, which would pass for one "
            "cell: tinyunet.metrics.segments(mask > 0) numbers the pieces; if it is one cell, give it "
            "another number"
        )


def check_cell_pair(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuse two maps that `check_cells` refuses, or of different shapes; warn of masks of 0 and 1."""
    check_pair(predicted, truth, kinds="iu")
    for name, cells in (("prediction", predicted), ("truth", truth)):
        check_cells(name, cells)
        warn_of_a_mask(name, cells, "it counts as one", stacklevel=5)  # who calls the metric


def warn_of_a_mask(name: str, cells: np.ndarray, effect: str, stacklevel: int) -> None:
    """Say so if cells (H, W) may be a mask of 0 and 1: they would be one cell, with this effect."""
    pieces = count_pieces(cells) if cells.max() == 1 else 1
    if pieces > 1:
        warnings.warn(
            f"the {name} has one cell in {pieces} pieces, so {effect}: if it is a mask, "
            "tinyunet.metrics.segments(mask > 0) numbers its pieces",
            stacklevel=stacklevel,
        )


def check_not_negative(name: str, numbers: np.ndarray) -> None:
    """Refuse negative numbers of cells."""
    if numbers.min() < 0:
        raise ValueError(
            f"cells are numbered from 1, with 0 for background, got {numbers.min()} in the {name}; if "
            "that means 'ignore', make it background: np.where(cells < 0, 0, cells)"
        )


def count_pieces(mask: np.ndarray) -> int:
    """How many connected pieces a mask (H, W) has, over edges and corners; anything but 0 counts."""
    return ndimage.label(mask != 0, np.ones((3, 3)))[1]


def as_mask(name: str, array: np.ndarray, why: str = "") -> np.ndarray:
    """The array as booleans; refuse what is no mask, such as the numbers of cells, and say why."""
    check_array(name, array, "biu")
    if array.dtype == bool or only_number(array) in (0, 1, *WHITE):
        return array != 0
    numbers = array[(array != 0) & (array != 1)]
    value = numbers.min() if numbers.min() < 0 else numbers[0]
    beside = " beside others" if (numbers != value).any() or (array == 1).any() else ""
    raise ValueError(
        f"the {name} should be a mask, of 0 and 1 or 0 and 255, but has the value {value}{beside}; "
        f"choose the foreground first: cells > 0, or labels == k{_if_ignored(name, value)}{why}"
    )


def as_classes(
    predicted: np.ndarray, truth: np.ndarray, label: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Two class maps that can be compared; as booleans where one of them is clearly a mask.

    So a mask of 0 and 255 equals one of 0 and 1 or of booleans, while a mask is never compared with
    the numbers of several classes.
    """
    check_pair(predicted, truth, kinds="biu")
    both = (("prediction", predicted), ("truth", truth))
    for name, array in both:
        if array.min() < 0:
            raise ValueError(
                f"classes are numbered from 0, got {array.min()} in the {name}; if that means "
                "'ignore', leave those pixels out of both: keep = truth >= 0, then predicted[keep] and "
                "truth[keep]"
            )
    of_prediction, of_truth = (_taken_for_a_mask(name, array) for name, array in both)
    if of_prediction or of_truth:
        return as_mask("prediction", predicted, of_truth), as_mask("truth", truth, of_prediction)
    for name, array in both:
        high = array.max()
        if high in WHITE and high != label:
            raise ValueError(
                f"the {name} has the value {high} beside other numbers{_if_ignored(name, high)}; if it "
                f"is a mask with smoothed edges, cut it at half: mask > {high // 2}"
            )
    return predicted, truth


def check_label(label: int, masks: bool) -> int:
    """The label as a Python int; refuse what is no class, or of masks what is no number of a mask."""
    try:
        label = operator.index(label)
    except TypeError:
        raise TypeError(f"label should be the number of a class, got {label!r}") from None
    if label < 0 or (masks and label not in (0, 1, *WHITE)):
        choice = "of masks 1 (foreground) or 0 (background)" if masks else "0 or more"
        raise ValueError(f"label should be {choice}, got {label}")
    return label


def check_probabilities(probabilities: np.ndarray) -> None:
    """Refuse values outside [0, 1], beyond rounding, what is not a number, and no values at all."""
    check_array("probability map", probabilities, "biuf")
    if not probabilities.size:
        raise ValueError(f"there are no probabilities: the shape is {probabilities.shape}")
    low, high = probabilities.min(), probabilities.max()
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # also true for NaN; averages round a little
        raise ValueError(
            f"probabilities must lie in [0, 1], got values from {low} to {high}; "
            "tinyunet.predict_image gives probabilities, model.predict logits; of a mask of 0 and 255 "
            "pass mask > 0"
        )


def truth_of(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The true mask as booleans; refuse what does not fit, and what are no probabilities."""
    check_array("probability map", probabilities, "biuf")
    check_array("truth", truth, "biu")
    check_shapes(probabilities, truth)
    check_probabilities(probabilities)
    return as_mask("truth", truth)


def check_threshold(threshold: float) -> None:
    """Refuse a threshold that no probability could be on both sides of, and what is not a number."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be a probability, from 0 to 1, got {threshold}")


def _if_ignored(name: str, value: int) -> str:
    """How to leave out the pixels of the value in the prediction or truth, if it is white."""
    keep = f"keep = {'truth' if name == 'truth' else 'predicted'} != {value}"
    ignored = f"; if {value} means 'ignore', leave those pixels out of both: {keep}, then "
    return ignored + "predicted[keep] and truth[keep]" if value in WHITE else ""


def _taken_for_a_mask(name: str, array: np.ndarray) -> str:
    """Why an array is clearly a mask, to end a message with; empty if it may be a class map."""
    why = "it holds booleans"
    if array.dtype != bool:
        if (white := only_number(array)) not in WHITE:
            return ""
        why = f"{white} is its only number beside 0{_if_ignored(name, white)}"
    return f"; the {name} is taken for a mask because {why}"


def only_number(array: np.ndarray) -> int | None:
    """The one number that integers have beside 0; 0 if they have none, None if several."""
    high = int(array.max())
    return high if ((array == 0) | (array == high)).all() else None
