"""Images and what a network should paint of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """Inputs (N, H, W, C) and targets (N, H, W, K), both float32.

    Raises
    ------
    ValueError
        If they are not as many, or not of one size.
    """

    inputs: np.ndarray
    targets: np.ndarray

    def __post_init__(self) -> None:
        shapes = self.inputs.shape, self.targets.shape
        if len(shapes[0]) != 4 or len(shapes[1]) != 4 or shapes[0][:3] != shapes[1][:3]:
            raise ValueError(
                "inputs (N, H, W, C) and targets (N, H, W, K) must be as many and of one size, got "
                f"{shapes[0]} and {shapes[1]}"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, which: slice | np.ndarray) -> Pairs:
        """Some of the pairs, by a slice or by their numbers."""
        return Pairs(self.inputs[which], self.targets[which])

    def batch(self, step: int, size: int, seed: int = 0) -> Pairs:
        """Batch number `step`: `size` pairs, which depend on the seed and that number only."""
        drawn = np.random.default_rng([seed, step]).choice(len(self), size, size > len(self))
        return self[drawn]
