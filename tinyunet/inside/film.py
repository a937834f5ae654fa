"""The film of a training, as the page plays it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.inside.sheets import png, sheet
from tinyunet.learning.film import read_film
from tinyunet.learning.history import History
from tinyunet.plots.colours import visible

POINTS = 600  # of the loss curve, at most
LAYERS = 12  # of which norms are drawn, at most


def played(path: Path) -> dict[str, Any]:
    """Read a film for the page: the loss, and at each moment the prediction, maps and norms."""
    arrays = read_film(path)
    loss = _loss(path.parent, arrays)
    total, steps = len(loss), arrays["steps"].tolist()
    every = max(1, -(-total // POINTS))
    smooth = [np.mean(loss[i : i + every]) for i in range(0, total, every)]
    names = arrays["names"]
    chosen = np.unique(np.linspace(0, len(names) - 1, min(LAYERS, len(names))).round().astype(int))
    layers = arrays["layers"]
    pictures = []
    for moment in range(len(steps)):
        pictures.append(arrays["prediction"][moment])
        for i in range(len(layers)):
            pictures += list(arrays[f"maps.{i}"][moment])
    return {
        "steps": steps,
        "image": _seen(arrays["image"]) if "image" in arrays else None,
        "every": every, "loss": _plain(smooth), "total": total,
        "layers": layers,
        "channels": [int(arrays[f"maps.{i}"].shape[1]) for i in range(len(layers))],
        "highs": [[_plain(arrays[f"highs.{i}"][m]) for i in range(len(layers))]
                  for m in range(len(steps))],
        "names": [names[i] for i in chosen], "of": len(names),
        "gradients": _plain(arrays["gradients"][:, chosen]),
        "weights": _plain(arrays["weights"][:, chosen]),
        "sheet": sheet(pictures),
    }  # fmt: skip


def _seen(image: np.ndarray) -> str:
    """The film's image (h, w, C), small, as the address of a picture."""
    return png(np.round(255 * np.asarray(visible(image))).astype(np.uint8))


def _plain(numbers: Any) -> list:
    """Numbers as lists; None, which JSON knows, for one that is not finite: a training may fail."""
    numbers = np.asarray(numbers, np.float64)
    return np.where(np.isfinite(numbers), numbers, None).tolist()


def _loss(folder: Path, arrays: dict[str, Any]) -> np.ndarray:
    """The loss of each of the run's steps where its history is there, else the film's own."""
    path = folder / "history.json"
    try:
        history = History.restored(json.loads(path.read_text(encoding="utf-8")))
        if len(history.loss) >= len(arrays["loss"]):
            return np.asarray(history.loss)
    except (OSError, ValueError):
        pass
    return arrays["loss"]
