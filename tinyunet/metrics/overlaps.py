"""Which predicted and true cells share pixels, and how many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyunet.metrics.checks import check_pair


class Overlaps(NamedTuple):
    """The pairs of a predicted and a true cell that share pixels; arrays have an entry a pair."""

    predicted: np.ndarray  # which predicted cell
    common: np.ndarray  # pixels shared
    predicted_size: np.ndarray  # pixels of the predicted cell
    true_size: np.ndarray  # pixels of the true cell
    predicted_cells: int  # in the image, with and without a partner
    true_cells: int

    @property
    def jaccard(self) -> np.ndarray:
        """Intersection over union of the two cells."""
        return self.common / (self.predicted_size + self.true_size - self.common)

    @property
    def covered(self) -> np.ndarray:
        """Whether the predicted cell covers more than half of the true one."""
        return 2 * self.common > self.true_size


def overlaps(predicted_instances: np.ndarray, true_instances: np.ndarray) -> Overlaps:
    """Count the pixels of every pair of cells, in one sort of the pixels.

    A full table, predicted by true cells, would be mostly zeros, and large for noisy predictions.
    """
    check_pair(predicted_instances, true_instances, kinds="iu")
    predicted_numbers, predicted, predicted_sizes = count(predicted_instances)
    true_numbers, true, true_sizes = count(true_instances)
    pairs, common = np.unique(true * predicted_numbers.size + predicted, return_counts=True)
    j, i = np.divmod(pairs, predicted_numbers.size)
    cells = (predicted_numbers[i] > 0) & (true_numbers[j] > 0)
    i, j = i[cells], j[cells]
    return Overlaps(
        predicted=i,
        common=common[cells],
        predicted_size=predicted_sizes[i],
        true_size=true_sizes[j],
        predicted_cells=np.count_nonzero(predicted_numbers),
        true_cells=np.count_nonzero(true_numbers),
    )


def count(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the numbers in use, for every pixel the place of its number among them, and sizes."""
    numbers, places, sizes = np.unique(instances, return_inverse=True, return_counts=True)
    if numbers[0] < 0:
        raise ValueError(f"cells are numbered from 1, with 0 for background, got {numbers[0]}")
    return numbers, places.ravel(), sizes
