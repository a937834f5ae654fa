"""Batches to train on: random images, random windows, augmented; made while the last one trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np

from tinyunet.data.augment import Augmentation
from tinyunet.data.crop import random_crop
from tinyunet.data.dataset import Dataset

Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]


class Batches:
    """Batch number i of an endless series, which depends on the seed and on i alone.

    So a training run that is resumed at step i sees what it would have seen without the stop.

    Parameters
    ----------
    dataset
        The images and their labels.
    weights
        Sequence of (H, W) float arrays, or None. The weight map of each image.
    batch_size
        Windows in a batch.
    input_size, output_size
        (height, width) that the network takes and gives; equal with "same" padding.
    augment
        True: `Augmentation.rigid()`. False: `Augmentation.none()`. A callable
        ``augment(rng, image, labels, weights)`` gets windows as they are and returns the three
        changed; weights may be None.
    seed
        Draws images, windows and their changes.
    """

    def __init__(
        self,
        dataset: Dataset,
        weights: list[np.ndarray] | None,
        batch_size: int,
        input_size: tuple[int, int],
        output_size: tuple[int, int],
        augment: bool | Augmentation | Callable,
        seed: int,
    ):
        if isinstance(augment, bool | np.bool):
            augment = Augmentation.rigid() if augment else Augmentation.none()
        elif not isinstance(augment, Augmentation) and not callable(augment):
            raise TypeError(
                "augment must be True, False, a tinyunet.data.Augmentation or a callable, "
                f"got {augment!r}"
            )
        self.dataset, self.weights, self.batch_size = dataset, weights, batch_size
        self.input_size, self.output_size = input_size, output_size
        self.augment, self.seed = augment, seed

    def __getitem__(self, i: int) -> Batch:
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
        own = isinstance(self.augment, Augmentation)
        cut = self.augment.window if own else random_crop
        image, targets = cut(rng, image, targets, self.input_size, self.output_size)
        labels, weights = targets if len(targets) == 2 else (targets[0], None)
        return (image, labels, weights) if own else self.augment(rng, image, labels, weights)


class Prefetched:
    """Make batches one ahead: while batch i is in use, a thread in the background makes i + 1.

    ``prefetched[i]`` is ``batches[i]`` for every i in any order; going up one by one is fast. SciPy and
    NumPy release Python's lock while they work on pixels, so the thread really runs beside training.

    What a user's own callable does may not be safe on another thread, and it may count its calls: with
    one, every batch is made when it is asked for. So it is where threads cannot start (in a browser).

    Parameters
    ----------
    batches
        What to take them from.
    stop
        The first batch that nobody will ask for.

    Notes
    -----
    Deformations are made by SciPy on the host, also for a GPU, which then has its hands free. Eight
    windows of 128 x 128 with everything take about 15 ms of one core. Made when asked for, that is 9 %
    of a step of the default run on two cores; made ahead, training waits for 0.4 % of it.

    An error in the thread is raised, with its traceback, when its batch is asked for. A thread lives
    from the first batch to the end of the ``with`` block, or to `close`.
    """

    def __init__(self, batches: Batches, stop: int | None = None):
        self.batches = batches
        self.stop = math.inf if stop is None else stop
        self._executor: ThreadPoolExecutor | None = None
        self._ahead: dict[int, Future] = {}
        if isinstance(batches.augment, Augmentation):
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="tinyunet-batches")

    def __getitem__(self, i: int) -> Batch:
        """Batch i, as `Batches` gives it."""
        future = self._ahead.pop(i, None)
        self._forget()  # what somebody who jumps about did not ask for
        batch = self.batches[i] if future is None else future.result()
        if self._executor is not None and i + 1 < self.stop:
            try:
                self._ahead[i + 1] = self._executor.submit(self.batches.__getitem__, i + 1)
            except RuntimeError:  # "can't start new thread"
                self._executor = None
        return batch

    def _forget(self) -> None:
        for future in self._ahead.values():
            future.cancel()
        self._ahead.clear()

    def close(self) -> None:
        """End the thread, after the batch that it is making; later batches are made when asked for."""
        self._forget()
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None

    def __enter__(self) -> Prefetched:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
