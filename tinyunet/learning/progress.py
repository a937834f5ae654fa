"""The progress bar of a training."""

from __future__ import annotations

from tqdm import tqdm

from tinyunet.learning.history import History

RECENT = 20  # steps over which the loss that is shown is averaged


class ProgressBar:
    """How far a training is, with its loss and its last validation score.

    Parameters
    ----------
    history
        What happened before; its `total_steps` are the whole.
    shown
        Whether to show it.
    """

    def __init__(self, history: History, shown: bool) -> None:
        total, done = history.total_steps, len(history.loss)
        self._bar = tqdm(total=total, initial=done, unit="step", disable=not shown, desc="training")

    def update(self, history: History) -> None:
        """Show one step more."""
        recent = history.loss[-RECENT:]
        text = f"loss {sum(recent) / len(recent):.4f}"
        if history.validation:
            text += f", {history.score_name} {history.validation[-1][1]:.3f}"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave it as it is."""
        self._bar.close()
