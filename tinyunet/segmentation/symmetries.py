"""Versions of an image whose predictions are averaged: turned and mirrored, each with its way back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from tinyunet.engine.progress import Progress


def symmetries(image: np.ndarray) -> list[tuple[np.ndarray, Callable]]:
    """The eight symmetries of the square: each turned image, and the way back."""

    def version(turns: int, mirrored: bool) -> tuple[np.ndarray, Callable]:
        turned = np.rot90(image, turns)

        def back(p: np.ndarray) -> np.ndarray:
            return np.rot90(p[:, ::-1] if mirrored else p, -turns)

        return (turned[:, ::-1] if mirrored else turned), back

    return [version(*which) for which in itertools.product(range(4), (False, True))]


def rotations(image: np.ndarray) -> list[tuple[np.ndarray, Callable]]:
    """Seven rotations about the centre, what comes in at the corners mirrored, and the way back."""
    height, width = image.shape[:2]
    # Turned by any angle, the image still lies in a square of its diagonal.
    side = math.ceil(math.hypot(height, width))
    top, left = (side - height) // 2, (side - width) // 2
    borders = (top, side - height - top), (left, side - width - left), (0, 0)
    square = np.pad(image, borders, mode="symmetric")

    def turn(x: np.ndarray, degrees: float, order: int) -> np.ndarray:
        return ndimage.rotate(x, degrees, axes=(1, 0), reshape=False, order=order, mode="mirror")

    def version(degrees: float) -> tuple[np.ndarray, Callable]:
        def back(p: np.ndarray) -> np.ndarray:
            return turn(p, -degrees, order=1)[top : top + height, left : left + width]

        # Linear interpolation would smooth the image: the network knows it as noisy as it is. Cubic
        # splines may overshoot, which probabilities on their way back must not.
        return turn(square, degrees, order=3), back

    return [version(360 / 7 * i) for i in range(7)]


AVERAGES = {"symmetries": symmetries, "rotations": rotations}


def kind_of_average(average: bool | str | None) -> str:
    """One of none, symmetries, rotations; of True and False, what they stand for."""
    if average is None or isinstance(average, bool | np.bool_):
        return "symmetries" if average else "none"
    if average != "none" and (not isinstance(average, str) or average not in AVERAGES):
        raise ValueError(f"average must be one of none, {', '.join(AVERAGES)}, got {average!r}")
    return average


def averaged(
    predict: Callable[[np.ndarray], np.ndarray], image: np.ndarray, average: bool | str | None
) -> np.ndarray:
    """The mean of what `predict` gives for an image's versions, each turned back.

    See `tinyunet.segmentation.predict_image` for `average`.
    """
    kind = kind_of_average(average)
    if kind == "none":
        return predict(image)
    bar = Progress(AVERAGES[kind](image), desc="versions", delay=2, leave=False)
    parts = [back(predict(version)) for version, back in bar]
    return (sum(parts) / len(parts)).astype(image.dtype, copy=False)
