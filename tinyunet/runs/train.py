"""A whole experiment in a folder: data, training, a table of scores, pictures.

This is what `tinyunet train` does; `tinyunet.runs.folder` says what the folder holds.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tinyunet import plots
from tinyunet.data import Dataset, separate, weight_map
from tinyunet.data.weightmap import WEIGHTS
from tinyunet.engine.whole_files import write_text
from tinyunet.learning import checkpoint
from tinyunet.learning.history import History
from tinyunet.learning.training import Training
from tinyunet.networks.network import Network
from tinyunet.runs.build import build, fit_options, load_parts
from tinyunet.runs.network import name_of
from tinyunet.runs.settings import Settings
from tinyunet.segmentation import evaluation
from tinyunet.segmentation.cells import instances
from tinyunet.segmentation.thresholds import choose_threshold
from tinyunet.segmentation.tiles import predict_image

SHOWN = 3  # test images in the picture


@dataclass
class Result:
    """A finished run: the model, its history, and the scores to print.

    `thresholds` for cells, by what predictions were averaged over; empty where none are known. `rows`
    are mean scores of the test images by what they are of, `scores` the model's of each test image.
    """

    model: Network
    history: History
    parts: tuple[Dataset, Dataset, Dataset]
    thresholds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    scores: list[dict[str, float]] = field(default_factory=list)


def train(settings: Settings, out: Path, *, resume: bool = False) -> Result:
    """Train, evaluate on the test images, and fill the folder `out`.

    Raises
    ------
    ValueError
        If settings and data do not go together; if training diverges before there is a model worth
        keeping; if the run to resume was another one, or has diverged.
    FileExistsError, FileNotFoundError
        If `out` holds a run and `resume` is False; if there is none to resume.
    """
    if resume and not (out / "last.npz").exists():
        raise FileNotFoundError(
            f"the run in {out} ended before its first steps were kept: there is nothing to go on from. "
            f"Begin it again, with --out {out}"
        )
    parts = load_parts(settings)
    train_part, validation, _ = parts
    model, optimizer = build(settings, parts)
    if settings.network != "UNet":
        print(f"network: {model}", flush=True)  # with its own defaults, and what was chosen
    options = fit_options(settings, model, train_part)
    if not any(labels.any() for labels in train_part.classes()):
        raise ValueError(f"no mask among the training images of {settings.data} has anything in it")
    training = Training(
        model, train_part, validation, optimizer=optimizer, **options,
        out=out, resume=resume,
    )  # fmt: skip
    if not resume:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "settings.json", json.dumps(asdict(settings), indent=1) + "\n")
    history = training.run()
    if history.diverged and history.best_step is None:  # there is no model to score
        raise ValueError(
            f"{history.stopped}; begin again in another folder, for example with --lr "
            f"{settings.lr / 10:g}"
        )
    result = Result(model, history, parts)
    _score(result, settings.average, out)
    draw(result, out, settings.weights)
    return result


def _score(result: Result, average: str, out: Path) -> None:
    """Choose thresholds on the validation images, score the test images, and write both down."""
    model, (_, validation, test) = result.model, result.parts
    for over in dict.fromkeys(("none", average)):
        threshold = choose_threshold(model, validation, over)
        if threshold is not None:
            result.thresholds[over] = threshold
        scores = evaluation.evaluate(model, test, average=over, threshold=threshold)
        result.rows[row_name(model, over)] = evaluation.mean(scores)
        result.scores = result.scores or scores
    more = {"stretched": True} if test.stretched else {}  # how images are to be read
    checkpoint.save(out / "best.npz", model, thresholds=result.thresholds, **more)
    if evaluation.knows_cells(model, test):
        references = evaluation.references(test)
        result.rows.update({name: evaluation.mean(s) for name, s in references.items()})
    images = dict(zip(test.names, result.scores, strict=True))
    found = {"test": result.rows, "thresholds": result.thresholds, "images": images}
    write_text(out / "results.json", json.dumps(found, indent=1) + "\n")


def row_name(model: Network, average: str) -> str:
    """What the row of a model is called in tables, by what its predictions are averaged over."""
    return name_of(model) + ("" if average == "none" else f", mean of {average}")


def draw(result: Result, out: Path, kind_of_weights: str) -> None:
    """Draw the pictures of a run."""
    model, (train_part, _, test) = result.model, result.parts
    plots.save(plots.curves(result.history), out / "curves.png")
    cells = evaluation.knows_cells(model, test)
    shown = range(min(SHOWN, len(test)))
    probabilities = [predict_image(model, test.images[i]) for i in shown]
    predicted = [
        instances(p, result.thresholds["none"]) if cells else p.argmax(2) for p in probabilities
    ]
    truths = test.instances if cells else test.classes()
    firsts = [list(result.scores[i].items())[:2] for i in shown]
    figure = plots.compare(
        [test.images[i] for i in shown],
        [truths[i] for i in shown],
        predicted,
        captions=[", ".join(f"{name} {score:.2f}" for name, score in two) for two in firsts],
        classes=not cells,
    )
    plots.save(figure, out / "predictions.png")
    if cells and kind_of_weights in WEIGHTS:
        weights = weight_map(separate(train_part.instances[0]), **WEIGHTS[kind_of_weights])
        plots.save(plots.weight_map(train_part.images[0], weights), out / "weights.png")
