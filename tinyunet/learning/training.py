"""Training: the loop in which a network learns, as a whole or step by step."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyunet.data.augment import Augmentation
from tinyunet.data.batches import Batch, Batches
from tinyunet.data.dataset import Dataset
from tinyunet.engine.arrays import Array
from tinyunet.engine.interrupts import uninterrupted
from tinyunet.engine.workers import ALONE, Workers, sharing
from tinyunet.layers.layer import Layer
from tinyunet.learning.arguments import checked_loss
from tinyunet.learning.calibration import calibrate
from tinyunet.learning.history import History
from tinyunet.learning.loop import Diverged, Loop
from tinyunet.learning.optim import Adam, Optimizer
from tinyunet.learning.preparation import (
    check_settings,
    loss_for,
    settings_kept,
    weight_maps,
    window_size,
)
from tinyunet.learning.run_files import RunFiles
from tinyunet.learning.schedule import is_time_to_validate, rate_factor
from tinyunet.learning.shares import begun, check_agreement, check_shares, end_together
from tinyunet.learning.step import Step, has_finite_parameters, training_step
from tinyunet.losses import Loss
from tinyunet.networks.plain import labelling
from tinyunet.segmentation.thresholds import validation_score


class Training:
    """A network that learns: all at once with `run`, or ``for step in training.steps(): ...``.

    Everything is checked here, once, and nothing is written before the first step. Parameters and
    errors are those of `fit`.

    Between steps the optimizer's `lr` is the one that `schedule` multiplies; it may be changed.

    Attributes
    ----------
    model, optimizer, history
        What learns, what changes its parameters, and what happened so far.
    input_size
        (height, width) in pixels of the windows that the network sees.
    done, total
        How many steps were taken, of how many. With `minutes`, the total is 0 until the first step.
    """

    def __init__(
        self,
        model: Layer,
        train: Dataset,
        validation: Dataset | None = None,
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        steps: int | None = None,
        minutes: float | None = None,
        patience: int | None = None,
        batch_size: int = 8,
        crop: int | tuple[int, int] | None = None,
        augment: bool | Augmentation | Callable = True,
        weights: str | list[np.ndarray] | None = "auto",
        schedule: str = "cosine",
        seed: int = 0,
        out: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
        callbacks: Sequence[Callable[[Training, Step], None]] = (),
        workers: Workers = ALONE,
    ) -> None:
        self.model = labelling(model)
        self.optimizer = Adam(self.model, lr=2e-3) if optimizer is None else optimizer
        learns, length = (self.model, self.optimizer), (steps, minutes, patience)
        check_settings(*learns, train, validation, *length, batch_size, schedule, seed, callbacks)
        self.validation, self.minutes, self.schedule = validation, minutes, schedule
        check_shares(int(batch_size), workers)
        self.patience, self.callbacks, self.workers = patience, tuple(callbacks), workers
        self.progress = progress and not workers.rank
        self.loss = checked_loss(loss_for(self.model, train, loss))
        self.input_size = window_size(self.model, train, crop)
        kept = batch_size, self.input_size, augment, weights, schedule, seed, workers.count
        self.settings = settings_kept(*kept)
        self.files, self._in_files = RunFiles(None if workers.rank else out), bool(out)
        run = begun(self.files, (*learns, self.settings, steps, resume), workers)
        self.history, self.best_parameters = run
        sizes = self.input_size, self.model.output_size(*self.input_size)
        maps = weight_maps(train, weights)
        self.batches = Batches(train, maps, int(batch_size), *sizes, augment, seed)
        self._loop: Loop | None = None
        self._last_parameters: dict[str, Array] | None = None  # where `finish` has put better ones

    @property
    def done(self) -> int:
        """How many steps were taken."""
        return len(self.history.loss)

    @property
    def total(self) -> int:
        """How many steps there are in all."""
        return self.history.total_steps

    @property
    def complete(self) -> bool:
        """Whether all steps were taken, or `patience` is at its end."""
        return self.done >= self.total > 0 or self.history.is_out_of_patience(self.patience)

    # ------------------------------------------------------------------ the loop

    def run(self) -> History:
        """Take all steps that are left, and return the history.

        Ctrl-C ends it early, after the step that it came in; ``history.stopped`` says so.
        """
        try:
            for _ in self.steps():
                pass
        except KeyboardInterrupt:
            if not self.total:  # no step was taken: the minutes were not yet turned into a number
                raise
            self.history.note_interruption()
            self.finish()
        return self.history

    def steps(self) -> Iterator[Step]:
        """Take the steps that are left, each when the next is asked for; in the end, `finish`.

        After ``break``, an error or Ctrl-C in the loop's body the model is as the last step left it,
        and another loop, or `run`, goes on from there. The files in `out` are those of the last
        validation, or of a minute ago, then, until `finish` is called.
        """
        with self._begin() as loop, end_together(self.workers) as look:
            with contextlib.suppress(Diverged):  # the history says it
                while loop.open and not self.complete:
                    batch = loop.batch(self.done)
                    with uninterrupted():
                        step = self._learn(batch)
                        validating = is_time_to_validate(self.done, self.total)
                        if validating and self.validation is not None:
                            step = self._validate(step)
                        self._show(step, loop)
                        if validating or self.files.is_due():
                            self._keep()
                    look()
                    yield step
            if loop.open:
                self.finish()

    def finish(self) -> None:
        """End the training: write the last files, and give the model its best parameters.

        Another loop, or `run`, goes on from where the last step left the model all the same.
        """
        with uninterrupted(), self.files.alone():
            self._leave_loop()
            if not self.complete:
                self.history.note_interruption()
            # The last update's work, which no loss and no validation shows. To ask a GPU makes it
            # wait: only where the model is written to a file anyway.
            unseen = self._in_files and self.best_parameters is None and not self.history.diverged
            if unseen and not has_finite_parameters(self.model):
                self._note_divergence("the network's parameters became NaN", self.done)
            self._keep()
            if self.best_parameters is not None:
                self._last_parameters = self.model.state_dict()
                self.model.load_state_dict(self.best_parameters)
            elif not self.history.diverged:
                self.files.keep_best(self.model)

    def _learn(self, batch: Batch) -> Step:
        """Take one step."""
        optimizer, chosen = self.optimizer, self.optimizer.lr
        optimizer.lr = rate = chosen * rate_factor(self.schedule, self.done, self.total)
        try:
            with sharing(self.workers):
                value = training_step(self.model, self.loss, optimizer, batch)
        finally:
            optimizer.lr = chosen
        if not math.isfinite(value):
            raise self._note_divergence(f"the loss became {value}", self.done + 1)
        self.history.loss.append(value)
        return Step(self.done, value, rate)

    def _validate(self, step: Step) -> Step:
        """Score the model on the validation images; if it was never better, keep its parameters."""
        history = self.history
        check_agreement(self.model, self.done, self.workers)
        with sharing(self.workers):
            history.score_name, score = validation_score(self.model, self.validation)
        if math.isnan(score):
            raise self._note_divergence("the network's predictions became NaN", self.done)
        if history.best_score is None or score >= history.best_score:  # of equals, the later
            history.best_step, self.best_parameters = self.done, self.model.state_dict()
            self.files.keep_best(self.model)
        history.validation.append((self.done, score))
        return replace(step, score=score)

    def _show(self, step: Step, loop: Loop) -> None:
        """Show the step that was taken, in the progress bar and to the callbacks."""
        loop.show()
        for callback in self.callbacks:
            callback(self, step)
        loop.tick()

    def _keep(self) -> None:
        """Write what is needed to go on."""
        run = self.model, self.optimizer, self.history, self.settings, self.best_parameters
        self.files.keep(*run)

    def _begin(self) -> Loop:
        """Start a loop where the last one ended."""
        if self.history.diverged:
            raise ValueError(f"this training cannot go on: {self.history.stopped}")
        started = time.perf_counter()
        self._leave_loop()
        if not self.total:
            run = self.model, self.loss, self.optimizer, self.batches, self.validation
            with sharing(self.workers):
                self.history.total_steps = calibrate(*run, self.minutes)
        with contextlib.ExitStack() as held:
            held.enter_context(self.files.alone())
            self.history.stopped = ""
            if not self.done:
                self._keep()  # something to go on from, whatever happens
            self._loop = Loop(self.batches, self.history, self.progress, started, held.pop_all())
        return self._loop

    def _leave_loop(self) -> None:
        """End a loop whose iterator is still held; put the model to where the last step left it."""
        if self._loop:
            self._loop.close()
        if self._last_parameters is not None:
            self.model.load_state_dict(self._last_parameters)
            self._last_parameters = None

    def _note_divergence(self, what: str, step: int) -> Diverged:
        self.history.note_divergence(what, step, self.optimizer.lr)
        return Diverged(self.history.stopped)
