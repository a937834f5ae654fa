"""How good a model is for each class, over the pixels of all images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tinyunet.data.dataset import Dataset
from tinyunet.engine.arrays import occurrences


def confusion(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], num_classes: int, ignore: int | None = None
) -> np.ndarray:
    """Count pixels (K, K) by their true class, the row, and the one that was found, the column.

    Parameters
    ----------
    pairs
        For each image the classes that were found and the true ones, (H, W) integers each.
    num_classes
        K.
    ignore
        Pixels whose true class is this number are left out.
    """
    counts = np.zeros(num_classes**2, np.int64)
    for found, truth in pairs:
        if ignore is not None:
            found, truth = found[truth != ignore], truth[truth != ignore]
        counts += occurrences(truth * num_classes + found, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_scores(
    counts: np.ndarray, names: Sequence[str] | None = None
) -> dict[str, dict[str, float]]:
    """Scores of each class from a confusion matrix: IoU, Dice, precision and recall.

    With a class's true positives TP, false positives FP and false negatives FN, all in pixels, they are
    TP / (TP + FP + FN), 2 TP / (2 TP + FP + FN), TP / (TP + FP) and TP / (TP + FN).

    Parameters
    ----------
    counts
        (K, K). As `confusion` gives them.
    names
        Of the classes; by default their numbers.

    Returns
    -------
    dict of dict
        For each class its scores by name, and the ``"pixels"`` that truly have it. NaN: nothing that
        the score is a share of, as the precision of a class that was never found.
    """
    true = np.diag(counts).astype(float)
    found, real = counts.sum(axis=0), counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        columns = {
            "IoU": true / (found + real - true),
            "Dice": 2 * true / (found + real),
            "precision": true / found,
            "recall": true / real,
            "pixels": real,
        }
    known = list(names or ())
    return {
        known[k] if k < len(known) else f"class {k}": {
            name: float(values[k]) for name, values in columns.items()
        }
        for k in range(len(counts))
    }


def scores_by_class(
    data: Dataset, probabilities: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
    """`class_scores` of the most probable classes, over all pixels of all images that count."""
    classes = probabilities[0].shape[2]
    found = (p.argmax(2) for p in probabilities)
    pairs = zip(found, data.labels, strict=True)
    return class_scores(confusion(pairs, classes, data.ignore_label), data.class_names)


def class_table(rows: dict[str, dict[str, float]]) -> str:
    """The scores of classes in columns; a dash where there is nothing to score."""
    width = max(22, *(len(name) + 2 for name in rows))
    columns = list(next(iter(rows.values())))
    lines = ["over all pixels:".ljust(width) + "".join(f"{column:>13}" for column in columns)]
    for name, scores in rows.items():
        values = [
            f"{'-' if np.isnan(value) else format(value, '.0f' if column == 'pixels' else '.3f'):>13}"
            for column, value in scores.items()
        ]
        lines.append(name.ljust(width) + "".join(values))
    return "\n".join(lines)


def plain(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """The scores as plain data for JSON, which has no NaN: None in its place."""
    return {
        name: {key: None if np.isnan(value) else value for key, value in scores.items()}
        for name, scores in rows.items()
    }
