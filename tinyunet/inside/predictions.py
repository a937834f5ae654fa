"""The predictions of what-ifs as the page shows them: pictures, differences, and scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.data.files.meaning import IGNORE
from tinyunet.engine.progress import Progress
from tinyunet.inside.frame import Frame
from tinyunet.inside.paths import Paths
from tinyunet.inside.record import Record
from tinyunet.inside.sheets import linear, sheet
from tinyunet.inside.whatif import Variant, variants
from tinyunet.networks.network import Network
from tinyunet.segmentation.evaluation import num_classes, score_classes

MOVED = 0.1  # of -1 to 1: from there on a painted pixel counts as changed


def truth_shown(model: Network, framed: Frame, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the class (H, W) int64 of each pixel that is shown, -1 where one counts for no score.

    In a mask for two classes all above 0 is foreground; in one for more, `IGNORE` counts nowhere.

    Raises
    ------
    ValueError
        If the mask has another size than the image, or numbers of no class, or nothing that counts.
    """
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, but the image {image.shape[:2]}")
    height, width = framed.image.shape[:2]
    top, left = ((a - b) // 2 for a, b in zip(mask.shape, (height, width), strict=True))
    mask = mask[top : top + height, left : left + width]
    count = num_classes(model)
    if count == 2:
        mask = (mask > 0).astype(np.int64) - (mask < 0)
    elif count <= IGNORE:
        mask = np.where(mask == IGNORE, -1, mask.astype(np.int64))
    if mask.max() >= count:
        raise ValueError(
            f"the mask has values up to {mask.max()}, but the network's classes are 0 to {count - 1}"
        )
    if mask.max() < 0:
        raise ValueError("no pixel of the mask counts: leave it out")
    return np.maximum(mask, -1).astype(np.int64)


def predictions(
    whole: Record, paths: Paths, framed: Frame, truth: np.ndarray | None, progress: bool
) -> dict[str, Any]:
    """Predictions as bytes: of two classes the foreground's probability, else the class.

    Of a network that paints, each of three values, or the first, from -1 to 1.
    """
    paints = bool(whole.model.gives_instead)
    found: list[dict[str, Any]] = []
    pictures: list[np.ndarray] = []
    first: np.ndarray | None = None
    bar = Progress(
        variants(whole, paths, framed), desc="what if", unit="prediction", disable=not progress,
        delay=1, leave=False,
    )  # fmt: skip
    for variant in bar:
        p = variant.p
        first = p if first is None else first
        shown = _painted(p) if paints else [_labelled(p)]
        pictures += shown
        found.append(_described(variant, first, truth, paints))
    return {
        "two": p.shape[2] == 2 and not paints,
        "layers": len(shown),
        "variants": found,
        "sheet": sheet(pictures),
        "scored": truth is not None,
    }


def _labelled(p: np.ndarray) -> np.ndarray:
    """Class probabilities (H, W, K) as bytes (H, W)."""
    return linear(p[..., 1], 0, 1) if p.shape[2] == 2 else p.argmax(2).astype(np.uint8)


def _painted(values: np.ndarray) -> list[np.ndarray]:
    """What was painted, (H, W, K), as three pictures of bytes (H, W), or as one."""
    return [linear(values[..., c], -1, 1) for c in range(3 if values.shape[2] == 3 else 1)]


def _described(
    variant: Variant, first: np.ndarray, truth: np.ndarray | None, paints: bool
) -> dict[str, Any]:
    """What is told of a variant beside its picture; `first` is the prediction (H, W, K) as it is."""
    p = variant.p
    moved = np.abs(p - first).max(axis=2)
    told: dict[str, Any] = {
        "group": variant.group, "name": variant.name, "words": variant.words,
        "change": float(moved.mean()), "most": float(moved.max()),
        "changed": float((moved > MOVED if paints else p.argmax(2) != first.argmax(2)).mean()),
    }  # fmt: skip
    if truth is not None:
        told["scores"] = score_classes(p.argmax(2), truth, p.shape[2], truth < 0)
    return told
