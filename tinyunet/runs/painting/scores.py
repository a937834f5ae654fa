"""How near paintings are to what they should be; no number says that one is good."""

from __future__ import annotations

import numpy as np

from tinyunet.metrics.painting import gradient_ratio, saturation
from tinyunet.networks.network import Network
from tinyunet.runs.painting.kinds import Kind
from tinyunet.runs.painting.pictures import given_to
from tinyunet.runs.painting.source import Source
from tinyunet.segmentation.evaluation import mean

Scores = dict[str, dict[str, float]]


def scores_of(model: Network, kind: Kind, source: Source, window: int) -> tuple[Scores, Scores]:
    """Return mean scores of the pictures kept back, by what they are of, and the network's by picture.

    `L1` is the mean absolute difference, of values from 0 to 1; `texture` the differences between
    neighbours, over those in the target; `saturation` half the spread of R, G and B, which in the row
    "target" is the real one. The row "one colour" is what is least wrong without looking.
    """
    rows: dict[str, list[dict[str, float]]] = {"painted": [], "one colour": [], "target": []}
    held = source.held
    for given, target in zip(held.inputs, held.targets, strict=True):
        real = kind.painted(given, target)
        flat = kind.painted(given, np.broadcast_to(source.middle, target.shape).astype(np.float32))
        looks = kind.painted(given, given_to(model, given)), flat, real
        for row, look in zip(rows.values(), looks, strict=True):
            row.append(_score(look, real))
    by_picture = dict(zip(held.names, rows["painted"], strict=True))
    return {name: mean(scores) for name, scores in rows.items()}, by_picture


def _score(painted: np.ndarray, real: np.ndarray) -> dict[str, float]:
    error = float(abs(painted - real).mean())
    images = [2 * np.repeat(image, 3 // image.shape[2], axis=2) - 1 for image in (painted, real)]
    where = np.ones(images[0].shape[:2], bool)
    flat = np.ptp(images[1], axis=(0, 1)).max() == 0
    texture = np.nan if flat else gradient_ratio(*images, where)
    return {
        "L1": error,
        "texture": texture,
        "saturation": float(saturation(images[0], where).mean()),
    }
