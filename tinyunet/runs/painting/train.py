"""A whole run that paints, in a folder: data, training, a sheet of pictures, scores.

A run's folder holds

    settings.json   everything that was chosen, to resume or repeat it, and which pictures there were
    last.npz        where training stands, to resume it: both networks and their optimizers
    model.npz       the network that paints, alone, once training has ended
    pictures.png    input, painted and target of some pictures kept back, renewed while it trains
    results.json    scores of the pictures kept back, and what the losses were
"""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyunet.engine.interrupts import uninterrupted
from tinyunet.engine.locks import FolderLock
from tinyunet.engine.whole_files import write_text
from tinyunet.learning import checkpoint
from tinyunet.learning.adversarial import PaintingStep
from tinyunet.learning.painting import fit_painter
from tinyunet.learning.run_folder import refuse_file
from tinyunet.networks.network import Network
from tinyunet.runs.folder import new_folder, refuse_begun
from tinyunet.runs.limits import say
from tinyunet.runs.painting import folder
from tinyunet.runs.painting.kinds import KINDS
from tinyunet.runs.painting.networks import build, how_to_learn, optimizers, steps_in
from tinyunet.runs.painting.pictures import ROWS, given_to, sheet, write_picture
from tinyunet.runs.painting.scores import scores_of
from tinyunet.runs.painting.settings import RECIPES, PaintSettings
from tinyunet.runs.painting.source import Source, source_of
from tinyunet.segmentation.by_class import plain

OFTEN, SHARE = 5, 0.03  # seconds between two sheets, and the share of the time that they may take
Tell = Callable[[str], None]


@dataclass
class Painted:
    """A finished run: the network, what its steps were wrong by, and its scores.

    `rows` are means over the pictures kept back by what they are of.
    """

    model: Network
    history: list[PaintingStep]
    source: Source
    out: Path
    seconds: float
    complete_before: bool
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        out = self.out.absolute()
        return {
            "out": str(out),
            "model": str(out / "model.npz"),
            "last": str(out / "last.npz"),
            "pictures": str(out / "pictures.png"),
            "parameters": self.model.num_parameters,
            "images": {"train": self.source.count, "held": len(self.source.held)},
            "steps": len(self.history),
            "seconds": self.seconds,
            "held": plain(self.rows),
        }


def train(
    settings: PaintSettings, out: Path | None = None, *, resume: bool = False, tell: Tell = say
) -> Painted:
    """Train a network that paints, and fill the folder `out`; by default a new one in ``runs``.

    Raises
    ------
    ValueError
        If settings and pictures do not go together, or the run to resume was another one; if a loss
        becomes infinite or NaN.
    FileExistsError, FileNotFoundError
        If `out` holds a run and `resume` is False; if there are no such pictures.
    BlockingIOError
        If another training writes into `out`.
    """
    if out is not None:
        refuse_file(out)
    known = folder.read_sums(out) if resume else _none_there(out)
    source = source_of(settings, known or None)
    for note in source.notes:
        tell(f"note: {note}")
    models = build(settings, source.channels)
    if out is None:
        out = new_folder(Path("runs"), f"paint-{Path(settings.data).absolute().name}")
    out.mkdir(parents=True, exist_ok=True)
    with FolderLock(out).held(), _way_on(settings, out, tell):
        goes_on = resume and (out / "last.npz").exists()
        if not resume:
            _none_there(out)
        elif not goes_on:
            tell(f"the run in {out} was stopped before its first step was kept: it begins anew")
        if not goes_on:
            folder.write_settings(out, settings, source.sums)
        if settings.steps is None:
            settings.steps = steps_in(settings.minutes, settings, source, models)
            folder.write_settings(out, settings, source.sums)
        _announce(settings, source, models, out, tell)
        return _trained(settings, source, models, out, goes_on)


def _none_there(out: Path | None) -> None:
    """Raise FileExistsError if the folder holds a run."""
    if out is not None and (out / "last.npz").exists():
        raise FileExistsError(
            f"{out} already holds a run: --resume {out} continues it, or choose another folder"
        )
    if out is not None:
        refuse_begun(out)


@contextlib.contextmanager
def _way_on(settings: PaintSettings, out: Path, tell: Tell) -> Iterator[None]:
    """Where Ctrl-C ends the run, say how it can go on; where it diverges, what to do."""
    try:
        yield
    except ArithmeticError as error:
        lr = min(settings.lr / 10, RECIPES[settings.recipe][settings.network]["lr"])
        raise ValueError(
            f"{error}: begin again in another folder, for example with --lr {lr:g}"
        ) from error
    except KeyboardInterrupt:
        tell(f"go on with: tinyunet paint --resume {shlex.quote(str(out))}")
        raise


def _announce(
    settings: PaintSettings,
    source: Source,
    models: tuple[Network, Network | None],
    out: Path,
    tell: Tell,
) -> None:
    """Say what begins."""
    of = "drawn anew for each step" if source.count is None else f"{source.count} to train on"
    tell(f"{settings.data}: {of}, {len(source.held)} kept back to look at")
    generator, judge = models
    beside = "" if judge is None else f"; it is judged by {judge}, {judge.num_parameters:,}"
    tell(f"{generator}, {generator.num_parameters:,} parameters{beside}")
    tell(f"{settings.steps:,} steps of {settings.batch_size}; see {out / 'pictures.png'} meanwhile")


def _trained(
    settings: PaintSettings,
    source: Source,
    models: tuple[Network, Network | None],
    out: Path,
    resume: bool,
) -> Painted:
    """Train, paint what was kept back, and write all down."""
    generator, judge = models
    started, done = time.perf_counter(), []
    state = {"painting": folder.meaning_of(settings, source)}
    view = Sheet(generator, settings, source, out)

    def looked(number: int, _: PaintingStep) -> None:
        done.append(number)
        view.keep()

    history = fit_painter(
        generator, source.batch, judge, steps=settings.steps, optimizers=optimizers(settings, models),
        out=out / "last.npz", resume=resume, callbacks=[looked], state=state, **how_to_learn(settings),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    view.keep(now=True)
    generator.eval()
    checkpoint.save(out / "model.npz", generator, **state)
    result = Painted(generator, history, source, out, seconds, not done)
    result.rows, images = scores_of(generator, KINDS[settings.kind], source, settings.window)
    last = history[-1]
    found = {
        "held": plain(result.rows),
        "steps": len(history),
        "last step": {k: v for k, v in vars(last).items() if v is not None},
        "images": plain(images),
    }
    write_text(out / "results.json", json.dumps(found, indent=1) + "\n")
    return result


class Sheet:
    """The sheet of pictures of a run, renewed from time to time."""

    def __init__(self, model: Network, settings: PaintSettings, source: Source, out: Path) -> None:
        self.model, self.kind, self.path = model, KINDS[settings.kind], out / "pictures.png"
        self.pairs = source.held.subset(range(min(ROWS, len(source.held))))
        self._due = time.monotonic() + OFTEN

    def keep(self, now: bool = False) -> None:
        """Paint the pictures and write the sheet if it is time, or `now`."""
        started = time.monotonic()
        if not now and started < self._due:
            return
        with uninterrupted():
            painted = [given_to(self.model, given) for given in self.pairs.inputs]
            write_picture(self.path, sheet(self.kind, self.pairs, painted))
        ended = time.monotonic()
        self._due = ended + max(OFTEN, (ended - started) / SHARE)
