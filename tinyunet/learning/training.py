"""Training: the loop in which a network learns, as a whole or step by step."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tinyunet.data.augment import Augmentation
from tinyunet.data.batches import Batches, Prefetched
from tinyunet.data.dataset import Dataset
from tinyunet.engine.arrays import Array
from tinyunet.engine.interrupts import uninterrupted
from tinyunet.layers.layer import Layer
from tinyunet.learning.calibration import calibrate
from tinyunet.learning.history import History
from tinyunet.learning.optim import Adam, Optimizer
from tinyunet.learning.preparation import check_settings, settings_kept, weight_maps, window_size
from tinyunet.learning.progress import ProgressBar
from tinyunet.learning.run_files import RunFiles
from tinyunet.learning.schedule import rate_factor
from tinyunet.learning.step import Step, has_finite_parameters, training_step
from tinyunet.losses import Loss, SoftmaxCrossEntropy
from tinyunet.networks.network import as_network
from tinyunet.segmentation.thresholds import validation_score

VALIDATIONS = 12  # how often a run is validated


class Training:
    """A network that learns: all at once with `run`, or ``for step in training.steps(): ...``.

    Everything is checked here, once, and nothing is written before the first step. Parameters and
    errors are those of `fit`.

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
    ) -> None:
        self.model = as_network(model)
        check_settings(self.model, train, validation, steps, minutes, batch_size, schedule)
        self.validation, self.minutes, self.schedule = validation, minutes, schedule
        self.progress, self.callbacks = progress, tuple(callbacks)
        self.loss = SoftmaxCrossEntropy() if loss is None else loss
        self.optimizer = Adam(self.model, lr=2e-3) if optimizer is None else optimizer
        self.base_lr = self.optimizer.lr
        self.input_size = window_size(self.model, train, crop)
        self.settings = settings_kept(batch_size, self.input_size, augment, weights, schedule, seed)
        self.files = RunFiles(out)
        self.files.check_savable(self.model)
        self.history = History(total_steps=steps or 0)
        self.best_parameters: dict[str, Array] | None = None
        self._after_last_step: dict[str, Array] | None = None  # where `finish` has put better ones
        if resume:
            found = self.files.restore(self.model, self.optimizer, self.settings, steps)
            self.history, self.best_parameters = found
            self.history.resumed_at = self.done
        else:
            self.files.refuse_to_overwrite()
        self.batches = Batches(
            train, weight_maps(train, weights), batch_size,
            self.input_size, self.model.output_size(*self.input_size), augment, seed,
        )  # fmt: skip

    @property
    def done(self) -> int:
        """How many steps were taken."""
        return len(self.history.loss)

    @property
    def total(self) -> int:
        """How many steps there are in all."""
        return self.history.total_steps

    # ------------------------------------------------------------------ the loop

    def run(self) -> History:
        """Take all steps that are left, and return the history.

        Ctrl-C ends it early, after the step that it came in; ``history.stopped`` says so.
        """
        try:
            for _ in self.steps():
                pass
        except KeyboardInterrupt:
            if not self.history.stopped:  # else Ctrl-C came in the step that diverged
                self.history.stopped = f"interrupted after step {self.done} of {self.total}"
            self.finish()
        return self.history

    def steps(self) -> Iterator[Step]:
        """Take the steps that are left, each when the next is asked for.

        After the last, `finish` is called. Who breaks out of the loop before has the model as it is at
        that moment, and the files in `out` go as far; another loop goes on from there.
        """
        with self._under_way():
            while self.done < self.total and not self.history.stopped:
                with uninterrupted():
                    self._learn()
                    validated = self._is_time_to_validate()
                    if validated:
                        self._validate()
                    step = self._show()
                    if validated:
                        self._keep()
                if step:
                    yield step
        self.finish()

    def finish(self) -> None:
        """End the training: write the last files, and give the model its best parameters."""
        # The last update's work, which no loss and no validation shows. To ask a GPU makes it wait:
        # only where the model is written to a file anyway.
        unseen = self.files.out and self.validation is None and not self.history.stopped
        if unseen and not has_finite_parameters(self.model):
            self._diverged("the network's parameters became NaN", self.done)
        self._keep()
        if self.best_parameters is not None:
            self._after_last_step = self.model.state_dict() if self.done < self.total else None
            self.model.load_state_dict(self.best_parameters)
        elif not self.history.diverged:
            self.files.keep_best(self.model)

    def _learn(self) -> None:
        """Take one step."""
        self.optimizer.lr = self.base_lr * rate_factor(self.schedule, self.done, self.total)
        asked = time.perf_counter()
        batch = self._ahead[self.done]
        self.history.waited += time.perf_counter() - asked
        value = training_step(self.model, self.loss, self.optimizer, batch)
        if math.isfinite(value):
            self.history.loss.append(value)
        else:
            self._diverged(f"the loss became {value}", self.done + 1)

    def _is_time_to_validate(self) -> bool:
        every = max(1, math.ceil(self.total / VALIDATIONS))
        return not self.history.stopped and (self.done % every == 0 or self.done == self.total)

    def _validate(self) -> None:
        """Score the model on the validation images; if none was better, keep its parameters."""
        if self.validation is None:
            return
        history = self.history
        history.score_name, score = validation_score(self.model, self.validation)
        if math.isnan(score):
            self._diverged("the network's predictions became NaN", self.done)
            return
        if history.best_score is None or score >= history.best_score:  # of equals, the later
            history.best_step, self.best_parameters = self.done, self.model.state_dict()
            self.files.keep_best(self.model)
        history.validation.append((self.done, score))

    def _keep(self) -> None:
        """Write what is needed to go on."""
        lr, self.optimizer.lr = self.optimizer.lr, self.base_lr
        self._look_at_the_clock()
        self.files.keep(
            self.model, self.optimizer, self.history, self.settings, self.best_parameters
        )
        self.optimizer.lr = lr

    def _show(self) -> Step | None:
        """Show the step that was taken, in the progress bar and to the callbacks."""
        history = self.history
        if history.diverged:
            return None
        at, score = history.validation[-1] if history.validation else (0, None)
        step = Step(
            self.done, history.loss[-1], self.optimizer.lr, score if at == self.done else None
        )
        self._bar.update(history)
        for callback in self.callbacks:
            callback(self, step)
        return step

    # ------------------------------------------------------------------ around it

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        """Let the clock run and batches be made ahead while the context lasts."""
        if self.history.diverged:
            raise ValueError(f"this training cannot go on: {self.history.stopped}")
        self.history.stopped = ""
        if self._after_last_step is not None:  # `finish` came in between
            self.model.load_state_dict(self._after_last_step)
            self._after_last_step = None
        self._started = time.perf_counter() - self.history.seconds
        if not self.total:
            self.history.total_steps = calibrate(
                self.model, self.loss, self.optimizer, self.batches, self.validation, VALIDATIONS,
                self.minutes,
            )  # fmt: skip
        self._ahead = Prefetched(self.batches, self.total)
        self._bar = ProgressBar(self.history, self.progress)
        try:
            yield
        except GeneratorExit:  # somebody broke out of the loop
            self._keep()
            raise
        finally:
            self.optimizer.lr = self.base_lr
            self._look_at_the_clock()
            self._started = None
            self._ahead.close()
            self._bar.close()

    def _look_at_the_clock(self) -> None:
        if self._started is not None:
            self.history.seconds = time.perf_counter() - self._started

    def _diverged(self, what: str, step: int) -> None:
        self.history.stopped = (
            f"{what} at step {step}: try a lower learning rate (it was {self.base_lr:g})"
        )
