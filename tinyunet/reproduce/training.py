"""Train a network as a run's settings say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyunet.data import Dataset
from tinyunet.learning.fit import fit
from tinyunet.learning.history import History
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.step import Step
from tinyunet.learning.training import Training
from tinyunet.losses import Loss, SoftmaxCrossEntropy
from tinyunet.networks.network import Network
from tinyunet.reproduce.words import Diverged, Job
from tinyunet.runs.build import build, fit_options
from tinyunet.runs.settings import Settings


@dataclass
class Prepared:
    """A network before its first step, and what `fit` will be told."""

    model: Network
    optimizer: Optimizer
    options: dict[str, Any]


def prepare(job: Job, parts: tuple[Dataset, ...]) -> Prepared:
    """Make the network, for images like these; the first part is for training."""
    settings = Settings(
        **job.run.settings["training"], seed=job.run.seed, steps=job.steps, minutes=job.minutes
    )
    model, optimizer = build(settings, parts)
    return Prepared(model, optimizer, fit_options(settings, model, parts[0]))


def learn(
    job: Job,
    ready: Prepared,
    train: Dataset,
    validation: Dataset | None,
    loss: Loss | None = None,
    *,
    may_diverge: bool = False,
    callbacks: Sequence[Callable[[Training, Step], None]] = (),
) -> History:
    """Train; an interruption leaves what is needed to go on in the job's scratch folder.

    The callbacks are called after every step; see `fit`.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupted it.
    Diverged
        If `History.diverged`; with `may_diverge` the history is returned all the same.
    """
    if _diverged(job.scratch):  # and was killed before its record was written: it will again
        forget(job.scratch)
    history = fit(
        ready.model, train, validation, loss=loss, optimizer=ready.optimizer, **ready.options,
        out=job.scratch, resume=job.scratch is not None and (job.scratch / "last.npz").exists(),
        callbacks=callbacks,
    )  # fmt: skip
    if history.diverged and not may_diverge:
        raise Diverged(history.stopped)
    if history.stopped and not history.diverged:
        raise KeyboardInterrupt
    return history


def forget(scratch: Path) -> None:
    """Let a run begin anew: what it would go on from, and its best model, go."""
    for name in ("last.npz", "best.npz"):
        (scratch / name).unlink(missing_ok=True)


def _diverged(scratch: Path | None) -> bool:
    path = scratch and scratch / "history.json"
    return bool(path and path.exists() and History(**json.loads(path.read_text())).diverged)


class Stopwatch(SoftmaxCrossEntropy):
    """The loss, which also notes when each step called it."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def forward(self, *arguments: Any) -> float:
        """Return the loss, as ever."""
        self.times.append(time.perf_counter())
        return super().forward(*arguments)


def seconds_of(times: list[float], steps: int) -> float:
    """How long so many steps took, the last ones of these times.

    From the first to the last one there is a step less. Warming up, before the first one, is left out.
    """
    last = times[-steps:]
    return (last[-1] - last[0]) * steps / max(steps - 1, 1)
