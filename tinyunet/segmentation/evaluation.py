"""How good a model is on a data set, beside what needs no learning and what no model can beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from tinyunet import metrics
from tinyunet.data.dataset import Dataset
from tinyunet.data.weightmap import separate
from tinyunet.engine.progress import Progress
from tinyunet.layers.layer import Layer
from tinyunet.networks.network import Network
from tinyunet.networks.plain import labelling
from tinyunet.segmentation.cells import instances as label_instances
from tinyunet.segmentation.otsu import otsu_components, otsu_peaks
from tinyunet.segmentation.tiles import predict_image


def score_instances(
    predicted: np.ndarray, truth: np.ndarray, ignored: np.ndarray | None = None
) -> dict[str, float]:
    """All scores of one predicted instance map (H, W) against the true one.

    Pixels that are `ignored` (H, W) count for none of them; without others, scores are NaN.
    """
    found, cells = predicted > 0, truth > 0
    if ignored is not None:
        if ignored.all():
            return dict.fromkeys(("SEG", "F1", "IoU", "Dice", "pixel error", "merged"), np.nan)
        found, cells = found[~ignored], cells[~ignored]
        predicted, truth = metrics.leave_out(predicted, truth, ignored)
    return {
        "SEG": metrics.seg(predicted, truth),
        "F1": metrics.f1(predicted, truth),
        "IoU": metrics.iou(found, cells),
        "Dice": metrics.dice(found, cells),
        "pixel error": metrics.pixel_error(found, cells),
        "merged": metrics.merged(predicted, truth),
    }


def score_classes(
    predicted: np.ndarray, truth: np.ndarray, num_classes: int, ignored: np.ndarray | None = None
) -> dict[str, float]:
    """Scores of one predicted class map (H, W), without the pixels that are `ignored` (H, W).

    IoU and Dice are means over the classes that occur in the map or in its truth. Of two classes only
    the foreground is asked for; where neither has any, both scores are 1.
    """
    if ignored is not None:
        if ignored.all():
            return dict.fromkeys(("IoU", "Dice", "pixel error"), np.nan)
        predicted, truth = predicted[~ignored], truth[~ignored]
    classes = np.union1d(predicted, truth) if num_classes > 2 else [1]
    return {
        "IoU": float(np.mean([metrics.iou(predicted, truth, label) for label in classes])),
        "Dice": float(np.mean([metrics.dice(predicted, truth, label) for label in classes])),
        "pixel error": metrics.pixel_error(predicted, truth),
    }


def knows_cells(model: Network, data: Dataset) -> bool:
    """Whether to score single cells: the data set knows them, and the model has two classes."""
    return data.instances is not None and num_classes(model) == 2


def num_classes(model: Network) -> int:
    """How many classes a network tells apart: logits of one channel tell two."""
    return max(2, model.num_classes)


def check_data(model: Network, data: Dataset, what: str) -> Dataset:
    """The data, gray images as the model takes them; an error if it cannot take or know them."""
    if not isinstance(data, Dataset):
        how = "put both into one, fit(model, tinyunet.data.Dataset(images, labels), ...)"
        if isinstance(data, str | Path):
            how = "tinyunet.data.load reads a folder"
        raise TypeError(
            f"the {what} images must be a tinyunet.data.Dataset(images, labels), got "
            f"{type(data).__name__}: {how}"
        )
    channels, classes = model.in_channels, num_classes(model)
    data = data.in_channels(channels)
    if data.channels != channels:
        raise ValueError(
            f"the model takes {channels} channels, but the {what} images have {data.channels}"
        )
    if data.num_classes > classes:
        raise ValueError(
            f"the model knows {classes} classes, but the {what} labels go up to "
            f"{data.num_classes - 1}: make it with num_classes={data.num_classes}"
        )
    return data


def predict(
    model: Layer, data: Dataset, *, average: bool | str | None = None, progress: bool = True
) -> list[np.ndarray]:
    """Class probabilities (H, W, K) of every image; see `predict_image`."""
    model = labelling(model)
    data = check_data(model, data, "given")
    bar = Progress(data.images, desc="predicting", delay=2, leave=False, disable=not progress)
    return [predict_image(model, image, average=average or False) for image in bar]


def evaluate(
    model: Layer,
    data: Dataset,
    *,
    average: bool | str = False,
    threshold: float | None = None,
    probabilities: Sequence[np.ndarray] | None = None,
    progress: bool = True,
) -> list[dict]:
    """Score the model on every image.

    Parameters
    ----------
    model
        The network.
    data
        The images and their truth: instances where the data set has them and the model knows two
        classes, else class labels.
    average
        Average over symmetries or rotations: see `predict_image`.
    threshold
        For `instances`, where cells are scored; see `thresholds.choose_threshold`. None: 0.5.
    probabilities
        As `predict` gives them, where they are known already; `average` then counts for nothing.
    progress
        Show a progress bar if it takes longer than two seconds.

    Returns
    -------
    list of dict
        For each image its scores by name.

    Raises
    ------
    ValueError
        If the model does not take these images or does not know their classes.
    """
    model = labelling(model)
    data = check_data(model, data, "given")
    threshold = 0.5 if threshold is None else threshold
    cells = knows_cells(model, data)
    truths = data.instances if cells else data.labels
    if probabilities is None:
        probabilities = predict(model, data, average=average, progress=progress)
    trios = zip(probabilities, truths, map(data.ignored, range(len(data))), strict=True)
    bar = Progress(
        trios, total=len(data), desc="evaluating", delay=2, leave=False, disable=not progress
    )
    if cells:
        return [score_instances(label_instances(p, threshold), *of_truth) for p, *of_truth in bar]
    classes = num_classes(model)
    return [score_classes(p.argmax(2), truth, classes, out) for p, truth, out in bar]


def details(
    data: Dataset, probabilities: Sequence[np.ndarray], threshold: float = 0.5
) -> dict[str, float]:
    """What else is measured of cells: how tightly they fit, outlines, segments, probabilities.

    F1 and outlines are of the cells that `instances` finds. V_Rand, V_Info and Rand error are of the
    connected parts of the mask. The warping error, of splits and mergers as in the challenge ISBI
    2012, is of the mask, the calibration error of the probabilities; their truth is the mask in which
    touching cells have been parted for training.

    Parameters
    ----------
    data
        The images' truth, with instances.
    probabilities
        As `predict` gives them.
    threshold
        For cells and mask.

    Returns
    -------
    dict
        Means over the images by name, but the calibration error of all pixels together.
    """
    scores = []
    maps = [p[..., 1] for p in probabilities]
    trios = zip(maps, data.instances, data.labels, strict=True)
    bar = Progress(trios, total=len(data), desc="details", delay=2, leave=False)
    for i, (p, all_cells, label) in enumerate(bar):
        ignored = data.ignored(i)
        found, cells = metrics.leave_out(label_instances(p, threshold), all_cells, ignored)
        mask = p > threshold
        if ignored is not None:
            mask, label = mask & ~ignored, np.where(ignored, 0, label)
        parts = metrics.segments(mask)
        curve = metrics.f1_curve(found, cells)
        row = {f"F1 at an IoU of {at:.2f}": score for at, score in curve.items()}
        for pixels in (0, 1, 2):
            row[f"boundary F1, {pixels} px"] = metrics.boundary_f1(found, cells, pixels)
        row["V_Rand"] = metrics.v_rand(parts, cells)
        row["V_Info"] = metrics.v_info(parts, cells)
        row["Rand error"] = metrics.rand_error(parts, cells)
        row["warping error"] = metrics.warping_error(mask, label, only_splits_and_mergers=True)
        scores.append(row)
    every, truth = (np.concatenate([a.ravel() for a in arrays]) for arrays in (maps, data.labels))
    if data.ignore_label is not None:
        keep = truth != data.ignore_label
        every, truth = every[keep], truth[keep]
    return {**mean(scores), "calibration error": metrics.calibration(every, truth).error}


def references(data: Dataset) -> dict[str, list[dict]]:
    """Scores, image by image, of what a model on this data set should be compared with.

    Two methods that learn nothing (Otsu's threshold), and two that know the true foreground and
    only have to tell cells apart: even a perfect mask merges cells that touch.
    """
    if data.instances is None:
        return {}
    methods: dict[str, Callable] = {
        "Otsu + components": lambda image, truth: otsu_components(image),
        "Otsu + distance peaks": lambda image, truth: otsu_peaks(image),
        "perfect mask": lambda image, truth: ndimage.label(truth > 0)[0],
        "perfect mask, parted": lambda image, truth: label_instances(separate(truth) > 0),
    }
    ignored = map(data.ignored, range(len(data)))
    trios = list(zip(data.images, data.instances, ignored, strict=True))
    return {
        name: [score_instances(method(image, truth), truth, out) for image, truth, out in trios]
        for name, method in methods.items()
    }


def mean(scores: list[dict]) -> dict[str, float]:
    """The mean over images of each score; images of which nothing counts, with NaN, have no say."""
    known = [score for score in scores if not any(map(np.isnan, score.values()))] or scores
    return {name: float(np.mean([score[name] for score in known])) for name in scores[0]}


def table(rows: dict[str, dict[str, float]]) -> str:
    """Lay out {row name: {column name: value}} as text."""
    columns = list(next(iter(rows.values())))
    width = max(len(name) for name in rows)
    lines = [" " * width + "".join(f"{column:>13}" for column in columns)]
    for name, scores in rows.items():
        lines.append(name.ljust(width) + "".join(f"{scores[column]:13.3f}" for column in columns))
    return "\n".join(lines)
