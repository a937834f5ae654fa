"""History: what happened in a training run, as ``history.json`` keeps it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _are(test: Any, values: Any) -> bool:
    return type(values) is list and all(map(test, values))


def _is_validation(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and _is_count(value[0]) and _is_number(value[1])


# What each part must be in a file.
PARTS = {
    "loss": lambda value: _are(_is_number, value),
    "validation": lambda value: _are(_is_validation, value),
    "score_name": lambda value: type(value) is str,
    "total_steps": _is_count,
    "best_step": lambda value: value is None or _is_count(value),
    "seconds": lambda value: _is_number(value) and value >= 0,
    "waited": lambda value: _is_number(value) and value >= 0,
    "stopped": lambda value: type(value) is str,
    "resumed_at": _is_count,
}


@dataclass
class History:
    """What happened in a training run.

    Attributes
    ----------
    loss
        The loss of every step.
    validation
        (step, score) at every validation; higher is better.
    score_name
        What the score is: ``"SEG"`` for instances, else ``"IoU"``.
    total_steps
        How many steps the run was given, or the minutes were worth.
    best_step
        The validated step whose model was kept, or None.
    seconds
        How long it took, in all its parts.
    waited
        How many of these seconds training waited for its batches.
    stopped
        Why the run ended early, or "".
    resumed_at
        The step at which the run was last resumed, or 0.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    score_name: str = ""
    total_steps: int = 0
    best_step: int | None = None
    seconds: float = 0.0
    waited: float = 0.0
    stopped: str = ""
    resumed_at: int = 0

    @classmethod
    def restored(cls, values: Any) -> History:
        """Make a history of what a file holds; older ones had fewer parts.

        Raises
        ------
        ValueError
            If it is not what a history is.
        """
        if type(values) is not dict or not values.keys() <= PARTS.keys():
            raise ValueError("its history is none")
        wrong = [name for name, value in values.items() if not PARTS[name](value)]
        if wrong:
            raise ValueError(f"its history's {wrong[0]} cannot be right")
        history = cls(**values)
        history.validation = [tuple(pair) for pair in history.validation]
        if len(history.loss) > history.total_steps:
            raise ValueError(f"its history has {len(history.loss)} of {history.total_steps} steps")
        return history

    @property
    def best_score(self) -> float | None:
        """The best validation score, or None."""
        return max((score for _, score in self.validation), default=None)

    @property
    def first_best_step(self) -> int | None:
        """The step whose validation score none has surpassed; of equals the first."""
        return max(self.validation, key=lambda pair: (pair[1], -pair[0]), default=(None,))[0]

    def is_out_of_patience(self, patience: int | None) -> bool:
        """Whether the last `patience` validations brought nothing better than those before them."""
        if patience is None or not self.validation:
            return False
        later = [step for step, _ in self.validation if step > self.first_best_step]
        return len(later) >= patience

    def note_divergence(self, what: str, step: int, lr: float) -> None:
        """Say what became infinite or NaN, at which step, and what to do."""
        self.stopped = f"{what} at step {step}: try a lower learning rate (it was {lr:g})"

    def note_interruption(self) -> None:
        """Say after which step the run was interrupted, unless it has diverged in that very step."""
        if not self.stopped:
            self.stopped = f"interrupted after step {len(self.loss)} of {self.total_steps}"

    @property
    def diverged(self) -> bool:
        """Whether the run ended early because numbers became infinite or NaN."""
        return bool(self.stopped) and not self.stopped.startswith("interrupted")
