"""A whole experiment in a folder: data, training, a table of scores, pictures.

This is what `tinyunet train` does; `tinyunet.runs.folder` says what the folder holds.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinyunet.data import Dataset
from tinyunet.engine.mpi import choose_gpu
from tinyunet.engine.whole_files import write_text
from tinyunet.engine.workers import ALONE, Workers
from tinyunet.learning import checkpoint
from tinyunet.learning.history import History
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.run_files import RunFiles
from tinyunet.learning.run_folder import refuse_file
from tinyunet.learning.training import Training
from tinyunet.networks.network import Network
from tinyunet.runs import folder
from tinyunet.runs.build import build, fit_options
from tinyunet.runs.images import Parts, Tell, first_parts, moved, same_parts
from tinyunet.runs.limits import say
from tinyunet.runs.network import name_of
from tinyunet.runs.pictures import draw
from tinyunet.runs.record import PARTS, Record
from tinyunet.runs.settings import Settings
from tinyunet.runs.timing import WORTH_A_WORD, in_words, minutes_to_train, scoring_seconds
from tinyunet.segmentation import evaluation
from tinyunet.segmentation.by_class import plain
from tinyunet.segmentation.thresholds import choose_threshold


@dataclass
class Result:
    """A finished run: the model, its history, and the scores to print.

    `thresholds` for cells, by what predictions were averaged over; empty where none are known. `rows`
    are mean scores of the test images by what they are of, `scores` the model's of each test image.
    """

    model: Network
    history: History
    parts: tuple[Dataset, Dataset, Dataset]
    out: Path
    thresholds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    scores: list[dict[str, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON: whole paths, how training went, scores."""
        history, out = self.history, self.out.absolute()
        return {
            "out": str(out),
            "model": str(out / "best.npz"),
            "last": str(out / "last.npz"),
            "parameters": self.model.num_parameters,
            "images": {p: len(part) for p, part in zip(PARTS, self.parts, strict=True)},
            "steps": len(history.loss),
            "total_steps": history.total_steps,
            "seconds": history.seconds,
            "stopped": history.stopped,
            "best_step": history.best_step,
            "score_name": history.score_name,
            "best_score": history.best_score,
            "thresholds": self.thresholds,
            "test": plain(self.rows),
        }


def train(
    settings: Settings, out: Path | None = None, *,
    resume: bool = False, tell: Tell = say, workers: Workers = ALONE,
) -> Result:  # fmt: skip
    """Train, evaluate on the test images, and fill the folder `out`; by default a new one in ``runs``.

    `tell` gets sentences about what comes, and about what is not as a user might think. Of several
    `workers` the first calls this, and the others `help_train`.

    Raises
    ------
    ValueError
        If settings and data do not go together; if training diverges before there is a model worth
        keeping; if the run to resume was another one, or has diverged, or its images have changed.
    FileExistsError, FileNotFoundError
        If `out` holds a run and `resume` is False; if there is none to resume, or images are missing.
    BlockingIOError
        If another training writes into `out`.
    """
    started = time.perf_counter()
    if out is not None:
        refuse_file(out)
    begun = resume
    if resume:
        parts, record, resume = _begun(settings, out, tell)
    else:
        if out is not None:  # before data are read
            RunFiles(out).refuse_to_overwrite()
            folder.refuse_begun(out)
        parts, record = first_parts(settings, tell)
    # `best.npz` says so only in the end, and `last.npz` never.
    settings = replace(settings, stretch=parts[0].stretched)
    workers.same((settings, parts))
    training, out = _prepared(settings, parts, out, resume, tell, workers)
    with training.files.alone(), _way_on(settings, out, tell):
        if not begun:  # another may have begun meanwhile
            folder.refuse_begun(out)
        if not resume or folder.read_record(out) != record:
            folder.write_settings(out, settings, record)
        _announce(training, settings, parts, time.perf_counter() - started, tell)
        history = training.run()
        if history.diverged and history.best_step is None:  # there is no model to score
            raise ValueError(
                f"{history.stopped}; begin again in another folder, for example with --lr "
                f"{settings.lr / 10:g}"
            )
        if not history.loss:  # interrupted: there is nothing to score or draw
            raise KeyboardInterrupt
        result = Result(training.model, history, parts, out)
        _score(result, settings.average, out)
        draw(result, out, settings.weights)
    return result


def _built(settings: Settings, parts: Parts, workers: Workers) -> tuple[Network, Optimizer]:
    """Make the network and its optimizer, where there are GPUs on this worker's own."""
    if settings.device == "gpu":
        choose_gpu(workers)
    return build(settings, parts)


def help_train(workers: Workers) -> None:
    """Share the batches of a run, which the first worker leads: it alone reads and writes files."""
    settings, parts = workers.same(None)
    model, optimizer = _built(settings, parts, workers)
    options = fit_options(settings, model, parts[0])
    Training(model, *parts[:2], optimizer=optimizer, workers=workers, **options).run()


@contextlib.contextmanager
def _way_on(settings: Settings, out: Path, tell: Tell) -> Iterator[None]:
    """Where Ctrl-C ends all of it, say how it can go on."""
    try:
        yield
    except KeyboardInterrupt:
        tell(how_to_go_on(settings, out))
        raise


def how_to_go_on(settings: Settings, out: Path) -> str:
    """The command that goes on with a run."""
    own = f" --network {settings.network}" if ":" in settings.network else ""
    return f"go on with: tinyunet train --resume {out}{own}"


def _begun(settings: Settings, out: Path, tell: Tell) -> tuple[Parts, Record | None, bool]:
    """The images of a run that has begun, its record, and whether it has kept a step to go on from."""
    was, record = folder.read_settings(out), folder.read_record(out)
    if record is not None:
        record = moved(record, settings, was)
    kept = (out / "last.npz").exists()
    if not kept:
        tell(f"the run in {out} was stopped before its first step was kept: it begins anew")
        if record is None:
            return *first_parts(settings, tell), False
    return same_parts(settings, record, tell), record, kept


def _prepared(
    settings: Settings, parts: Parts, out: Path | None, resume: bool, tell: Tell, workers: Workers
) -> tuple[Training, Path]:
    """Make the network and what trains it, and the run's folder if it has no name."""
    model, optimizer = _built(settings, parts, workers)
    if settings.network != "UNet":
        tell(f"network: {model}")  # with its own defaults, and what was chosen
    options = fit_options(settings, model, parts[0])
    if not any(labels.any() for labels in parts[0].classes()):
        raise ValueError(f"no mask among the training images of {settings.data} has anything in it")
    if all((labels == parts[1].ignore_label).all() for labels in parts[1].labels):
        raise ValueError(
            "every pixel of the validation images is ignored: choose another --split-seed"
        )
    learns = {"optimizer": optimizer, "resume": resume, "workers": workers}
    if out is not None:
        return Training(model, *parts[:2], **learns, **options, out=out), out
    out = folder.new_folder(Path("runs"), Path(settings.data).absolute().name)
    try:
        return Training(model, *parts[:2], **learns, **options, out=out), out
    except BaseException:
        for made in (out, out.parent):
            with contextlib.suppress(OSError):  # others' runs are in it
                made.rmdir()
        raise


def _announce(
    training: Training, settings: Settings, parts: Parts, passed: float, tell: Tell
) -> None:
    """Say how long scoring will take, and leave time for it where minutes were given."""
    _, validation, test = parts
    before = time.perf_counter()
    scoring = scoring_seconds(training.model, validation, test, settings.average)
    passed += time.perf_counter() - before
    if scoring >= WORTH_A_WORD:
        tell(
            f"after training, scoring {len(validation)} validation and {len(test)} test images takes "
            f"about {in_words(scoring)}"
        )
    if training.minutes is not None and not training.total:
        training.minutes, warning = minutes_to_train(training.minutes, passed, scoring)
        if warning:
            tell(warning)


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
    more: dict[str, Any] = (
        {"stretched": True} if test.stretched else {}
    )  # how images are to be read
    more |= {"class_names": test.class_names} if test.class_names else {}
    checkpoint.save(out / "best.npz", model, thresholds=result.thresholds, **more)
    if evaluation.knows_cells(model, test):
        references = evaluation.references(test)
        result.rows.update({name: evaluation.mean(s) for name, s in references.items()})
    images = dict(zip(test.names, result.scores, strict=True))
    found = {"test": plain(result.rows), "thresholds": result.thresholds, "images": plain(images)}
    write_text(out / "results.json", json.dumps(found, indent=1) + "\n")


def row_name(model: Network, average: str) -> str:
    """What the row of a model is called in tables, by what its predictions are averaged over."""
    return name_of(model) + ("" if average == "none" else f", mean of {average}")
