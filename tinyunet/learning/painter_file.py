"""The file of two networks that learn to paint and to judge."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.learning import checkpoint
from tinyunet.learning.adversarial import PaintingStep
from tinyunet.learning.optim import Optimizer
from tinyunet.networks.network import Network

OFTEN = 60  # seconds between two writings of the file


class PainterFile:
    """Two networks that learn, and their file: the generator's checkpoint, which holds the other, too.

    One file, replaced as a whole, so that both are always of the same step.
    """

    def __init__(
        self,
        networks: list[Network],
        optimizers: list[Optimizer],
        settings: dict[str, Any],
        out: Path | None,
        more: dict[str, Any] | None,
    ) -> None:
        self.networks, self.optimizers, self.settings = networks, optimizers, settings
        self.more = more or {}
        self.out, self._kept, self._last = out, -1, time.monotonic()

    def started(self) -> list[PaintingStep]:
        """The history of a run that begins."""
        if self.out is not None:
            if self.out.exists():
                raise FileExistsError(
                    f"{self.out} exists: resume=True continues it, or choose another"
                )
            checkpoint.check_savable(self.networks[0])
        return []

    def resumed(self) -> list[PaintingStep]:
        """Put all as it was, and return the history."""
        if self.out is None:
            raise ValueError("resume=True needs the file of the run: out=...")
        saved = checkpoint.load(self.out, everything=True)
        state, kept = saved.state, saved.state.get("settings")
        if saved.optimizer is None or type(kept) is not dict:
            raise ValueError(f"{self.out} holds no run of fit_painter: it cannot be resumed")
        wrong = [
            f"{name}: {kept.get(name)} in the file, {self.settings.get(name)} asked for"
            for name in {**kept, **self.settings}
            if kept.get(name) != self.settings.get(name)
        ]
        if wrong:
            raise ValueError(f"{self.out} is from a different run:\n  " + "\n  ".join(wrong))
        first, *others = self.networks
        first.load_state_dict(saved.model.state_dict())
        for (_, ours), (_, theirs) in zip(
            first.named_generators(), saved.model.named_generators(), strict=True
        ):
            ours.bit_generator.state = theirs.bit_generator.state
        self.optimizers[0].load_state_dict(saved.optimizer.state, saved.optimizer.steps)
        for network in others:
            network.load_state_dict(state["discriminator"])
            for name, generator in network.named_generators():
                generator.bit_generator.state = state["generators"][name]
            self.optimizers[1].load_state_dict(state["other_optimizer"], state["other_steps"])
        columns = {name: values.tolist() for name, values in state["history"].items()}
        rows = zip(*columns.values(), strict=True)
        history = [PaintingStep(**dict(zip(columns, row, strict=True))) for row in rows]
        self._kept = len(history)
        return history

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """After an error in here nothing is written: one network may have learned, the other not."""
        out, self.out = self.out, None
        yield
        self.out = out

    def keep(self, history: list[PaintingStep], rates: list[float], now: bool = False) -> None:
        """Write the file if it is time, or `now`; the rates are those that a schedule multiplies."""
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            optimizer.lr = rate
        due = now or time.monotonic() - self._last > OFTEN
        if self.out is None or not due or len(history) == self._kept:
            return
        columns = ("l1", "discriminator", "adversarial")[: 1 if len(self.networks) == 1 else 3]
        losses = {name: np.array([getattr(step, name) for step in history]) for name in columns}
        state: dict[str, Any] = {**self.more, "settings": self.settings, "history": losses}
        for network, optimizer in zip(self.networks[1:], self.optimizers[1:], strict=True):
            state |= {
                "discriminator": network.state_dict(),
                "other_optimizer": optimizer.state_dict(),
                "other_steps": optimizer.steps,
                "generators": {n: g.bit_generator.state for n, g in network.named_generators()},
            }
        checkpoint.save(self.out, self.networks[0], self.optimizers[0], **state)
        self._kept, self._last = len(history), time.monotonic()
