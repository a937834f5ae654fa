"""The words that experiments are written in: options, runs, what a run gives, tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from tinyunet.data.catalogue import find
from tinyunet.learning.preparation import WEIGHTS
from tinyunet.reproduce.sources import Source
from tinyunet.runs.build import AUGMENTS
from tinyunet.runs.settings import Settings

MINUTES = 5.0  # of training, for each network, unless the user has other plans

Record = dict[str, Any]  # a finished run, as `records` reads and writes it
Rows = dict[str, dict[str, float]]  # scores: {row of a table: {column: value}}


@dataclass(frozen=True)
class Options:
    """What the command was asked for.

    Attributes
    ----------
    quick
        Everything small: a look at the report, not at the paper's claims.
    seeds
        How often each run is repeated, with the seeds 0, 1, ...
    minutes
        How long to train; None for the usual: `MINUTES`, with `quick` a few steps.
    steps
        How many steps instead, by group of runs.
    data_root
        Where real data is looked for first.
    """

    quick: bool = False
    seeds: int = 3
    minutes: float | None = None
    steps: dict[str, int] = field(default_factory=dict)
    data_root: str | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes must be above 0, got {self.minutes}")
        for group, steps in self.steps.items():
            if steps < 1:
                raise ValueError(f"steps of {group} must be at least 1, got {steps}")

    def usual_steps(self, few: int) -> int | None:
        """How many steps where none are asked for: a few if it should be quick, else by minutes."""
        return few if self.quick and self.minutes is None else None


@dataclass
class Outcome:
    """What a run found out.

    Attributes
    ----------
    rows
        Its scores, as rows of tables.
    steps
        Steps of training, 0 where nothing was trained.
    loss
        The loss of every step.
    facts
        Other plain data worth keeping, such as a threshold that was chosen.
    figures
        Pictures by caption.
    """

    rows: Rows
    steps: int = 0
    loss: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)


class Diverged(RuntimeError):
    """A training ended in infinite or NaN numbers, or one did on which this one depends."""


@dataclass(frozen=True)
class Run:
    """One thing to do, with one seed.

    Attributes
    ----------
    name
        What its files are called.
    seed
        Draws weights and batches; None where nothing is drawn, so that once is enough.
    settings
        All that the result depends on besides the seed and the length: plain data. Under
        ``"training"`` are those of `tinyunet.runs.settings.Settings`.
    work
        Does it.
    group
        Runs of one group are trained for the same number of steps; "" where nothing is trained.
    usual_steps
        How many unless the options say so: a number, a function of the records so far, or None to
        go by the minutes.
    """

    name: str
    seed: int | None
    settings: dict[str, Any]
    work: Callable[[Job], Outcome]
    group: str = ""
    usual_steps: int | Callable[[list[Record]], int] | None = None

    @property
    def stem(self) -> str:
        """The name of its files."""
        return self.name if self.seed is None else f"{self.name}-{self.seed}"


@dataclass
class Job:
    """A run that is being done: how long to train, and where it may keep what is unfinished."""

    run: Run
    source: Source
    steps: int | None = None
    minutes: float | None = None
    scratch: Path | None = None

    @property
    def illustrated(self) -> bool:
        """Whether to draw pictures: those of one seed are enough."""
        return not self.run.seed


@dataclass(frozen=True)
class Column:
    """A column of a table: its key in the scores, its title, how numbers are written."""

    key: str
    title: str
    form: str = ".3f"


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes
    ----------
    rows
        Which rows of the runs' scores it shows, in this order.
    published
        Rows from the literature.
    note
        What a reader has to know to read it.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[str, ...]
    published: Rows = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Experiment:
    """A question, the runs that answer it, and how the answer is shown.

    Attributes
    ----------
    name
        On the command line.
    question
        What it is about, in a few sentences.
    data, stand_in
        The real data, and the synthetic data that can take its place.
    needs_real
        Whether only --quick may use the stand-in.
    make_runs
        ``make_runs(options, source)`` gives the runs.
    findings
        Say what the records show, in sentences.
    charts
        Draw figures of all records: (caption, figure) pairs.
    protocol
        How it was done, and how that differs from the paper.
    package
        A package that it needs, or "".
    """

    name: str
    title: str
    question: str
    data: str
    stand_in: str
    needs_real: bool
    make_runs: Callable[[Options, Source], list[Run]]
    tables: tuple[Table, ...]
    findings: Callable[[list[Record]], list[str]]
    charts: Callable[[list[Record]], list[tuple[str, Figure]]]
    protocol: tuple[str, ...]
    package: str = ""

    def source(self, options: Options) -> Source | None:
        """The data to work on, None where there is none."""
        if find(self.data, options.data_root) is not None:
            return Source(self.data, real=True, root=options.data_root)
        if options.quick or not self.needs_real:
            return Source(self.stand_in, real=False)
        return None


def training_settings(**chosen: Any) -> dict[str, Any]:
    """All settings of a training, as plain data for a record.

    Seed, length and place are not among them, nor how the finished network predicts, nor what masks
    of a user's folder mean.
    """
    settings = asdict(Settings(**chosen))
    for name in ("seed", "steps", "minutes", "device", "data_root", "masks", "average"):
        settings.pop(name)
    return settings


def spelled_out(training: dict[str, Any]) -> dict[str, Any]:
    """What the names among a training's settings stand for."""
    weights = WEIGHTS.get(training["weights"])
    return {
        "augmentation": asdict(AUGMENTS[training["augment"]]),
        "weight map": weights and {"class_weights": "balanced", **weights},
    }
