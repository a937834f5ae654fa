"""The words that experiments are written in: options, runs, what a run gives, tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from tinyunet.data.catalogue import find
from tinyunet.data.weightmap import WEIGHTS
from tinyunet.reproduce.sources import Source
from tinyunet.runs.build import AUGMENTS
from tinyunet.runs.settings import Settings

MINUTES = 5.0  # of training, for each network, unless the user has other plans

Record = dict[str, Any]  # a finished run, as `records` reads and writes it
Rows = dict[str, dict[str, float]]  # scores: {row of a table: {column: value}}


@dataclass(frozen=True)
class Options:
    """What the command was asked for."""

    quick: bool = False  # everything small: a look at the report, not at the paper's claims
    seeds: int = 3  # how often each run is repeated, with the seeds 0, 1, ...
    minutes: float | None = None  # of training; None: `MINUTES`, with `quick` a few steps
    steps: dict[str, int] = field(default_factory=dict)  # how many instead, by group of runs
    data_root: str | None = None  # where real data is looked for first

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
    """What a run found out."""

    rows: Rows  # its scores, as rows of tables
    steps: int = 0  # of training, 0 where nothing was trained
    loss: list[float] = field(default_factory=list)  # of every step
    facts: dict[str, Any] = field(default_factory=dict)  # other plain data, such as a threshold
    figures: dict[str, Figure] = field(default_factory=dict)  # by caption


class Diverged(RuntimeError):
    """A training ended in infinite or NaN numbers, or one did on which this one depends."""


@dataclass(frozen=True)
class Run:
    """One thing to do, with one seed.

    `settings` are all that the result depends on besides the seed and the length, as plain data; under
    ``"training"`` those of `tinyunet.runs.settings.Settings`. Runs of one group are trained for the
    same number of steps. `usual_steps` is how many unless the options say so: a number, a function of
    the records so far, or None to go by the minutes.
    """

    name: str  # what its files are called
    seed: int | None  # draws weights and batches; None where nothing is drawn: once is enough
    settings: dict[str, Any]
    work: Callable[[Job], Outcome]
    group: str = ""  # "" where nothing is trained
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


class Column(NamedTuple):
    """A column of a table: its key in the scores, its title, how numbers are written."""

    key: str
    title: str
    form: str = ".3f"


@dataclass(frozen=True)
class Table:
    """A table of the report."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[str, ...]  # which rows of the runs' scores it shows, in this order
    published: Rows = field(default_factory=dict)  # rows from the literature
    # What the same reached in PyTorch, as words for cells of these rows and columns.
    beside: dict[str, dict[str, str]] = field(default_factory=dict)
    note: str = ""  # what a reader has to know to read it


@dataclass(frozen=True)
class Experiment:
    """A question, the runs that answer it, and how the answer is shown."""

    name: str  # on the command line
    title: str
    question: str  # what it is about, in a few sentences
    data: str  # the real data; "" where drawn data are what it is about
    stand_in: str  # the synthetic data that can take its place
    needs_real: bool  # whether only --quick may use the stand-in
    make_runs: Callable[[Options, Source], list[Run]]
    tables: tuple[Table, ...]
    findings: Callable[[list[Record]], list[str]]  # what the records show, in sentences
    charts: Callable[[list[Record]], list[tuple[str, Figure]]]  # of all records, with captions
    protocol: tuple[str, ...]  # how it was done, and how that differs from the paper
    package: str = ""  # that it needs

    def source(self, options: Options) -> Source | None:
        """The data to work on, None where there is none."""
        if not self.data:
            return Source(self.stand_in, real=False)
        if find(self.data, options.data_root) is not None:
            return Source(self.data, real=True, root=options.data_root)
        if options.quick or not self.needs_real:
            return Source(self.stand_in, real=False)
        return None


def training_settings(**chosen: Any) -> dict[str, Any]:
    """All settings of a training, as plain data for a record, and what the names among them stand for.

    Seed, length and place are not among them, nor how the finished network predicts, nor what masks
    of a user's folder mean, nor the network, which is a U-Net throughout.
    """
    training = asdict(Settings(**chosen))
    for name in ("seed", "steps", "minutes", "device", "data_root", "masks", "average", "network"):
        training.pop(name)
    weights = WEIGHTS.get(training["weights"])
    names = {
        "augmentation": asdict(AUGMENTS[training["augment"]]),
        "weight map": weights and {"class_weights": "balanced", **weights},
    }
    return {"training": training, "spelled out": names}
