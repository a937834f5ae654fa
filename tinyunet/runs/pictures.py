"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tinyunet import plots
from tinyunet.data import separate, weight_map
from tinyunet.data.weightmap import WEIGHTS
from tinyunet.engine.interrupts import uninterrupted
from tinyunet.segmentation import evaluation
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.tiles import predict_image

if TYPE_CHECKING:
    from tinyunet.runs.train import Result

SHOWN = 3  # test images in the picture


def draw(result: Result, out: Path, kind_of_weights: str) -> None:
    """Draw the pictures of a run."""
    model, (train_part, _, test) = result.model, result.parts
    cells = evaluation.knows_cells(model, test)
    shown = range(min(SHOWN, len(test)))
    probabilities = [predict_image(model, test.images[i]) for i in shown]
    predicted = [
        instances(p, result.thresholds["none"]) if cells else p.argmax(2) for p in probabilities
    ]
    truths = test.instances if cells else test.classes()
    firsts = [list(result.scores[i].items())[:2] for i in shown]
    weights = None
    if cells and kind_of_weights in WEIGHTS:
        weights = weight_map(separate(train_part.instances[0]), **WEIGHTS[kind_of_weights])
    with uninterrupted():  # what Ctrl-C leaves half made in matplotlib complains as it is deleted
        plots.save(plots.curves(result.history), out / "curves.png")
        figure = plots.compare(
            [test.images[i] for i in shown],
            [truths[i] for i in shown],
            predicted,
            captions=[", ".join(f"{name} {score:.2f}" for name, score in two) for two in firsts],
            classes=not cells,
        )
        plots.save(figure, out / "predictions.png")
        if weights is not None:
            plots.save(plots.weight_map(train_part.images[0], weights), out / "weights.png")
