"""Figures that a person would rather look at than read numbers.

Every function returns a `matplotlib.figure.Figure` and opens no window; `save` writes it as a PNG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy import ndimage

# Colour-blind safe (Okabe and Ito): right, too much, missed.
RIGHT, EXTRA, MISSED = (0.85, 0.85, 0.85), (0.90, 0.62, 0.0), (0.0, 0.45, 0.70)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG of 100 dots an inch."""
    figure.savefig(path, dpi=100, facecolor="white")


def compare(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predicted: Sequence[np.ndarray],
    *,
    captions: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Show image, truth, prediction and errors side by side, a row for each image.

    Parameters
    ----------
    images
        (H, W, C) floats.
    truths, predicted
        Instance or class maps (H, W), 0 = background.
    captions
        A text for each row, such as its scores.
    title
        Above everything.
    """
    rows = len(images)
    figure = Figure(figsize=(10, 2.6 * rows + (0.7 if title else 0.4)), layout="constrained")
    axes = figure.subplots(rows, 4, squeeze=False)
    for i, (image, truth, guess) in enumerate(zip(images, truths, predicted, strict=True)):
        _show(axes[i, 0], image)
        axes[i, 1].imshow(colour(truth), interpolation="nearest")
        axes[i, 2].imshow(colour(guess), interpolation="nearest")
        axes[i, 3].imshow(errors(truth, guess), interpolation="nearest")
        if captions:
            axes[i, 2].set_xlabel(captions[i], fontsize=9)
    for axis, name in zip(axes[0], ("image", "truth", "prediction", "errors"), strict=True):
        axis.set_title(name, fontsize=11)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    kinds = zip((RIGHT, EXTRA, MISSED), ("right", "too much", "missed"), strict=True)
    handles = [Patch(facecolor=colour, label=name) for colour, name in kinds]
    figure.legend(handles=handles, loc="outside lower right", ncols=3, fontsize=8, frameon=False)
    if title:
        figure.suptitle(title)
    return figure


def curves(history: object) -> Figure:
    """Show a run's losses, and its validation scores with the best marked.

    Parameters
    ----------
    history
        A `tinyunet.training.History`.
    """
    loss, validation = np.array(history.loss), history.validation
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(1, len(loss) + 1)
    left.plot(steps, loss, color="0.8", linewidth=0.8, label="each step")
    width = max(1, len(loss) // 30)
    if len(loss) >= width:
        smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
        left.plot(steps[width - 1 :], smooth, color=MISSED, label=f"mean of {width}")
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    left.legend(frameon=False, fontsize=8)
    if validation:
        at, scores = zip(*validation, strict=True)
        right.plot(at, scores, "o-", color=MISSED, markersize=4)
        right.plot(history.best_step, max(scores), "*", color=EXTRA, markersize=14, label="kept")
        right.set(xlabel="step", ylabel=f"{history.score_name} on validation images")
        right.legend(frameon=False, fontsize=8)
    else:
        right.set_axis_off()
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def weight_map(image: np.ndarray, weights: np.ndarray) -> Figure:
    """Show an image (H, W, C) beside the weight (H, W) of each of its pixels in the loss."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _show(left, image)
    left.set_title("image", fontsize=11)
    shown = right.imshow(weights, cmap="magma", interpolation="nearest")
    right.set_title("weight in the loss", fontsize=11)
    figure.colorbar(shown, ax=right, shrink=0.9)
    for axis in (left, right):
        axis.set_axis_off()
    return figure


def overlay(image: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return the image as (H, W, 3) uint8 with every cell outlined in its colour."""
    gray = _visible(image)
    around = np.ones((3, 3), bool)
    outline = (cells > 0) & (
        ndimage.minimum_filter(cells, footprint=around)
        != ndimage.maximum_filter(cells, footprint=around)
    )
    shown = np.where(outline[..., None], colour(cells), gray)
    return np.round(255 * shown).astype(np.uint8)


def colour(cells: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) colours for an instance or class map; the background is nearly black.

    Consecutive numbers get hues a golden angle apart, so cells that touch rarely look alike.
    """
    count = int(cells.max(initial=0)) + 1
    number = np.arange(count)
    hsv = np.stack(
        [number * 0.618034 % 1, 0.55 + 0.25 * (number % 3 == 0), 0.95 - 0.2 * (number % 2)]
    )
    palette = hsv_to_rgb(hsv.T)
    palette[0] = 0.08
    return palette[cells]


def errors(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) colours: foreground that is right, too much, or missed."""
    shown = np.full((*truth.shape, 3), 1.0)
    shown[(truth > 0) & (guess > 0)] = RIGHT
    shown[(truth == 0) & (guess > 0)] = EXTRA
    shown[(truth > 0) & (guess == 0)] = MISSED
    return shown


def _visible(image: np.ndarray) -> np.ndarray:
    """Stretch an image (H, W, C) to [0, 1] and three channels; of other counts show the first."""
    image = image if image.shape[2] == 3 else np.repeat(image[..., :1], 3, axis=2)
    low, high = np.percentile(image, (0.5, 99.7))
    return np.clip((image - low) / max(high - low, 1e-6), 0, 1)


def _show(axis, image: np.ndarray) -> None:
    axis.imshow(_visible(image), interpolation="nearest")
