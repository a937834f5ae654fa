"""Images and what a network should paint of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True)
class PicturePairs:
    """Inputs (H, W, C) and targets (H, W, K), float32, of any sizes: lists, and what they are called.

    `groups` say of each what it belongs to, such as the file of a stack, which stays in one part.
    `stretched`: inputs of 8 bits were scaled as those of more bits are, see `load_folder`; `notes` say
    what was passed over as they were read.
    """

    names: list[str]
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    groups: list[str]
    stretched: bool = False
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def subset(self, which: Iterable[int]) -> PicturePairs:
        """Those with these numbers, in that order."""
        which = list(which)
        names = ("names", "inputs", "targets", "groups")
        return replace(self, **{name: [getattr(self, name)[i] for i in which] for name in names})

    def windows(self, step: int, size: int, side: int, seed: int = 0) -> Pairs:
        """Batch number `step`: `size` random windows of random pictures, half of them mirrored.

        They depend on the seed and that number only. No picture may be smaller than `side` pixels.
        """
        rng = np.random.default_rng([seed, step])
        drawn = []
        for i in rng.choice(len(self), size, size > len(self)):
            height, width = self.inputs[i].shape[:2]
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            across = slice(None, None, -1 if rng.random() < 0.5 else 1)
            window = np.s_[top : top + side, left : left + side]
            drawn.append([images[i][window][:, across] for images in (self.inputs, self.targets)])
        return Pairs(*(np.stack(images) for images in zip(*drawn, strict=True)))
