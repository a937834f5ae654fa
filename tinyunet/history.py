"""History: what happened in a training run, as ``history.json`` keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field


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

    @property
    def best_score(self) -> float | None:
        """The best validation score, or None."""
        return max((score for _, score in self.validation), default=None)

    @property
    def diverged(self) -> bool:
        """Whether the run ended early because numbers became infinite or NaN."""
        return bool(self.stopped) and not self.stopped.startswith("interrupted")
