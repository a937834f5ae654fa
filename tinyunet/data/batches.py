"""Batches to train on: random images, random windows, random symmetries."""

from collections.abc import Callable

import numpy as np

from tinyunet.data.augment import random_crop, random_gray, random_symmetry
from tinyunet.data.dataset import Dataset


class Batches:
    """Batch number i of an endless series, which depends on the seed and on i alone.

    So a training run that is resumed at step i sees what it would have seen without the stop.

    Parameters
    ----------
    dataset : Dataset
    weights : sequence of (H, W) float arrays, or None
        The weight map of each image.
    batch_size : int
    input_size, output_size : (height, width)
        What the network takes and gives; equal with "same" padding.
    augment : bool or callable
        True: one of the eight symmetries of the square, and a small change of gray values. False:
        neither. A callable ``augment(rng, image, labels, weights)`` returns the three changed;
        weights may be None.
    seed : int
    """

    def __init__(
        self,
        dataset: Dataset,
        weights: list[np.ndarray] | None,
        batch_size: int,
        input_size: tuple[int, int],
        output_size: tuple[int, int],
        augment: bool | Callable,
        seed: int,
    ):
        self.dataset, self.weights, self.batch_size = dataset, weights, batch_size
        self.input_size, self.output_size = input_size, output_size
        self.augment, self.seed = augment, seed

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Batch i: images (N, H, W, C), labels (N, h, w) and weights (N, h, w) or None."""
        rng = np.random.default_rng([self.seed, i])
        repeat = self.batch_size > len(self.dataset)
        chosen = rng.choice(len(self.dataset), self.batch_size, replace=repeat)
        images, labels, weights = zip(*(self._sample(rng, k) for k in chosen), strict=True)
        return (
            np.stack(images),
            np.stack(labels),
            None if self.weights is None else np.stack(weights),
        )

    def _sample(self, rng: np.random.Generator, k: int) -> tuple:
        image, labels = self.dataset.images[k], self.dataset.labels[k]
        targets = [labels] if self.weights is None else [labels, self.weights[k]]
        image, targets = random_crop(rng, image, targets, self.input_size, self.output_size)
        if callable(self.augment):
            return self.augment(rng, image, *targets, *[None] * (2 - len(targets)))
        if self.augment:
            if self.input_size[0] == self.input_size[1]:  # a quarter turn keeps the shape
                image, *targets = random_symmetry(rng, image, *targets)
            image = random_gray(rng, image)
        return image, targets[0], targets[1] if len(targets) > 1 else None
