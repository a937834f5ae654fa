"""The files of a run: what is kept of it while it trains, and how it goes on from them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.engine.arrays import Array
from tinyunet.engine.locks import FolderLock
from tinyunet.engine.whole_files import write_text
from tinyunet.learning import checkpoint
from tinyunet.learning.checkpoint_header import OPTIMIZERS
from tinyunet.learning.history import History
from tinyunet.learning.optim import Optimizer
from tinyunet.learning.run_folder import has_steps, refuse_file, say_if_shared_otherwise, stamp
from tinyunet.networks.network import Network

# Between validations files are written after so many seconds, if that takes a share of them at most.
OFTEN, SHARE = 60, 0.02


class RunFiles:
    """``last.npz`` to resume from, ``best.npz`` and ``history.json`` in a folder; or nothing.

    Parameters
    ----------
    out
        The folder. Without one nothing is kept.

    Raises
    ------
    FileExistsError
        If it is a file, or in one.
    """

    def __init__(self, out: str | Path | None) -> None:
        self.out = Path(out) if out else None
        self._kept: tuple[int, str] | None = None
        self._seen: tuple[int, ...] | None = None  # last.npz as this run knows it
        self._due = 0.0
        if self.out:
            refuse_file(self.out)
            self._lock = FolderLock(self.out)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder, and keep all other trainings out of it while this lasts.

        Raises
        ------
        BlockingIOError
            If another training writes there.
        FileExistsError
            If another one has written there since this one last did, or looked.
        """
        if self.out is None:
            yield
            return
        self.out.mkdir(parents=True, exist_ok=True)
        with self._lock.held() as fresh:
            if fresh:
                self._refuse_others()
            yield

    def begin(
        self,
        model: Network,
        optimizer: Optimizer,
        settings: dict[str, Any],
        steps: int | None,
        resume: bool,
    ) -> tuple[History, dict[str, np.ndarray] | None]:
        """Return a new run's history, or what `restore` returns; parameters and errors as there."""
        self.check_savable(model, optimizer)
        if resume:
            return self.restore(model, optimizer, settings, steps)
        self.refuse_to_overwrite()
        return History(total_steps=int(steps or 0)), None

    def refuse_to_overwrite(self) -> None:
        """Raise FileExistsError if the folder holds a run that has taken a step, or its model."""
        if self.out is None:
            return
        if (self.out / "last.npz").exists():
            if has_steps(self.out):
                raise FileExistsError(
                    f"{self.out} already holds a run: resume=True (--resume) continues it, or choose "
                    "another folder"
                )
        elif (self.out / "best.npz").exists():  # all that somebody kept of a run
            raise FileExistsError(
                f"{self.out} already holds a model, best.npz: move it, or choose another folder"
            )

    def _refuse_others(self) -> None:
        if self._seen is None:
            self.refuse_to_overwrite()
        elif stamp(self.out / "last.npz") != self._seen:
            raise FileExistsError(
                f"another training has gone on in {self.out} meanwhile: resume=True (--resume) "
                "continues it, or choose another folder"
            )

    def is_due(self) -> bool:
        """Whether it is time to `keep` what was learned, though nothing was validated."""
        return self.out is not None and time.monotonic() >= self._due

    def check_savable(self, model: Network, optimizer: Optimizer) -> None:
        """Raise what the first `keep` would raise, before anything is learned that gets lost."""
        if not self.out:
            return
        checkpoint.check_savable(model)
        if type(optimizer) not in OPTIMIZERS.values():
            raise TypeError(
                f"a run's files hold {' or '.join(OPTIMIZERS)}, got {type(optimizer).__name__}: train "
                "with one of them, or without out"
            )
        names = [
            [name for name, _ in layer.named_parameters()] for layer in (model, optimizer.model)
        ]
        if names[0] != names[1]:
            raise ValueError(
                "a run's files hold an optimizer of the whole network, not of a part: train without out"
            )

    def keep_best(self, model: Network) -> None:
        """Write the model, the best so far."""
        if self.out:
            with self.alone():
                checkpoint.save(self.out / "best.npz", model)

    def keep(
        self,
        model: Network,
        optimizer: Optimizer,
        history: History,
        settings: dict[str, Any],
        best: dict[str, Array] | None,
    ) -> None:
        """Write all that is needed to go on, and the history for others to read.

        Nothing is written where the files are as far already.
        """
        now = len(history.loss), history.stopped
        if self.out is None or now == self._kept:
            return
        state = {"history": asdict(history), "settings": settings}
        kept = {} if best is None else {"best": best}
        started, last = time.monotonic(), self.out / "last.npz"
        with self.alone():
            # First what says that there are steps: last.npz is never overwritten as if it had none.
            write_text(self.out / "history.json", json.dumps(asdict(history), indent=1))
            checkpoint.save(last, model, optimizer, **state, **kept)
            self._kept, self._seen = now, stamp(last)
        ended = time.monotonic()
        self._due = ended + max(OFTEN, (ended - started) / SHARE)

    def restore(
        self, model: Network, optimizer: Optimizer, settings: dict[str, Any], steps: int | None
    ) -> tuple[History, dict[str, np.ndarray] | None]:
        """Put a run's model, optimizer and generators back as they were.

        Parameters
        ----------
        model, optimizer
            As they were made for the run; both are changed in place.
        settings, steps
            What the run is now asked to be, which must be what it was.

        Returns
        -------
        history, best
            What happened so far, and the best parameters by name, or None.

        Raises
        ------
        FileNotFoundError
            If there is no run in the folder.
        ValueError
            If it is another run, or one that has diverged.
        """
        if self.out is None:
            raise ValueError("resume=True needs the folder of the run: out=FOLDER")
        last = self.out / "last.npz"
        self._seen = stamp(last)
        saved = checkpoint.load(last, everything=True)
        try:
            history, kept, best = _state_of_run(saved)
        except ValueError as error:
            raise ValueError(f"{last} holds no run that could go on: {error}") from error
        problems = _differences(model, optimizer, settings, saved, kept)
        if steps is not None and steps != history.total_steps:
            problems.append(f"steps: {history.total_steps} in the file, {steps} asked for")
        if problems:
            raise ValueError(f"{last} is from a different run:\n  " + "\n  ".join(problems))
        if history.diverged:  # what is NaN stays NaN
            where = "" if best is None else f"; {self.out / 'best.npz'} has its best model"
            raise ValueError(f"the run in {self.out} cannot go on: {history.stopped}{where}")
        model.load_state_dict(saved.model.state_dict())
        generators = dict(saved.model.named_generators())
        for name, generator in model.named_generators():
            generator.bit_generator.state = generators[name].bit_generator.state
        optimizer.load_state_dict(saved.optimizer.state, saved.optimizer.steps)
        history.resumed_at = len(history.loss)
        say_if_shared_otherwise(kept.get("workers", 1), settings["workers"])
        return history, best


def _differences(
    model: Network,
    optimizer: Optimizer,
    settings: dict[str, Any],
    saved: checkpoint.Checkpoint,
    kept: dict[str, Any],
) -> list[str]:
    """What is asked for otherwise than a file has it, as text."""
    problems = checkpoint.differences(model, saved.model)
    problems += [
        f"{name}: {kept[name]!r} in the file, {value!r} asked for"
        for name, value in settings.items()
        if kept.get(name, value) != value and name != "workers"
    ]
    was, asked = (checkpoint.describe_optimizer(o) for o in (saved.optimizer, optimizer))
    return problems + ([f"optimizer: {was} in the file, {asked} asked for"] if was != asked else [])


def _state_of_run(
    saved: checkpoint.Checkpoint,
) -> tuple[History, dict[str, Any], dict[str, np.ndarray] | None]:
    """The history, the settings, and the best parameters of a run; ValueError if it cannot be one."""
    history = History.restored(saved.state.get("history"))
    settings, best = saved.state.get("settings"), saved.state.get("best")
    if type(settings) is not dict:
        raise ValueError("it has no settings")
    if saved.optimizer is None:
        raise ValueError("it has no optimizer")
    if best is not None:
        if type(best) is not dict or not all(isinstance(a, np.ndarray) for a in best.values()):
            raise ValueError("its best parameters are no arrays")
        shapes = {name: array.shape for name, array in saved.model.state_dict().items()}
        if {name: array.shape for name, array in best.items()} != shapes:
            raise ValueError("its best parameters are another network's")
    return history, settings, best
