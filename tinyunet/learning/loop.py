"""What a loop over the steps of a training needs while it lasts: batches, a progress bar, a clock."""

from __future__ import annotations

import contextlib
import time

from tinyunet.data.batches import Batch, Batches, Prefetched
from tinyunet.engine.progress import Progress
from tinyunet.learning.history import History

RECENT = 20  # steps over which the loss that is shown is averaged


class Diverged(ArithmeticError):
    """Numbers became infinite or NaN: ends a loop from within."""


class Loop:
    """Batches made ahead, a progress bar, and a clock that adds to the history's `seconds`.

    Parameters
    ----------
    batches
        What to learn from.
    history
        What happened before; its `total_steps` are the whole.
    progress
        Whether to show the bar.
    started
        When the clock began, of `time.perf_counter`.
    held
        What is let go when the loop ends.

    Attributes
    ----------
    open
        False once the loop has ended, by itself or because another has taken its place.
    """

    def __init__(
        self,
        batches: Batches,
        history: History,
        progress: bool,
        started: float,
        held: contextlib.ExitStack,
    ) -> None:
        self.history, self.open, self._held = history, True, held
        total, done = history.total_steps, len(history.loss)
        self._shown = False
        self._ahead, self._last_tick = Prefetched(batches, total), started
        self._bar = Progress(
            total=total, initial=done, unit="step", disable=not progress, desc="training"
        )

    def batch(self, i: int) -> Batch:
        """Batch i, and note how long training waited for it."""
        asked = time.perf_counter()
        batch = self._ahead[i]
        self.history.waited += time.perf_counter() - asked
        return batch

    def tick(self) -> None:
        """Add the time since the last tick to the history."""
        now = time.perf_counter()
        self.history.seconds += now - self._last_tick
        self._last_tick = now

    def show(self) -> None:
        """Show one step more, with its loss and the last validation score."""
        recent = self.history.loss[-RECENT:]
        text = f"loss {sum(recent) / len(recent):.4f}"
        if self.history.validation:
            text += f", {self.history.score_name} {self.history.validation[-1][1]:.3f}"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()
        if not self._shown:  # that it has begun, however long a step takes
            self._bar.refresh()
            self._shown = True

    def close(self) -> None:
        """End it, and leave the bar as it is; a second time nothing happens."""
        self.open = False
        self._ahead.close()
        self._bar.close()
        self._held.close()

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
