"""Segment an image and write what was found into files, as `tinyunet predict` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyunet import plots
from tinyunet.engine.whole_files import written_whole
from tinyunet.networks.network import Network
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.evaluation import num_classes
from tinyunet.segmentation.tiles import predict_image


def predicted_files(stem: Path) -> list[Path]:
    """What `predict_file` writes: labels, probabilities, an overlay."""
    ends = ("_labels.png", "_probabilities.tif", "_overlay.png")
    return [stem.with_name(stem.name + end) for end in ends]


def in_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Take one channel of a gray image that was saved in colour, where the model wants one."""
    colour = channels == 1 and image.ndim == 3 and image.shape[2] in (3, 4)
    if colour and (image[..., :3] == image[..., :1]).all():
        return image[..., :1]
    return image


def predict_file(
    model: Network,
    image: np.ndarray,
    stem: Path,
    *,
    tile: int | None,
    average: str | None,
    threshold: float,
) -> np.ndarray:
    """Segment one image, write `predicted_files` beside each other, and return the labels.

    Returns
    -------
    (H, W) int64 array
        As in ``STEM_labels.png`` (16 bit): the number of the cell, or with three classes or more the
        class. ``STEM_probabilities.tif`` is float32 and has one page a class.
    """
    import tifffile
    from PIL import Image

    image = in_channels(image, model.in_channels)
    probabilities = predict_image(model, image, tile=tile, average=average)
    two_classes = num_classes(model) == 2
    labels = instances(probabilities, threshold) if two_classes else probabilities.argmax(2)
    if labels.max() > np.iinfo(np.uint16).max:
        raise ValueError(f"{labels.max()} cells are more than a 16-bit image can number")
    label_file, probability_file, overlay_file = predicted_files(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(label_file) as file:
        Image.fromarray(labels.astype(np.uint16)).save(file, "PNG")
    pages = np.moveaxis(probabilities, 2, 0).astype(np.float32)
    with written_whole(probability_file) as file:
        tifffile.imwrite(file, pages, photometric="minisblack")
    with written_whole(overlay_file) as file:
        Image.fromarray(plots.overlay(image, labels)).save(file, "PNG")
    return labels
