"""Which predicted and true cells share pixels, and how many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyunet.metrics.checks import check_cell_pair


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
    """Count the pixels of every pair of cells, by sorting the pixels that lie in a cell.

    A full table, predicted by true cells, would be mostly zeros, and large for noisy predictions.
    """
    check_cell_pair(predicted_instances, true_instances)
    predicted_numbers, predicted_sizes = _count(predicted_instances)
    true_numbers, true_sizes = _count(true_instances)
    both = (predicted_instances != 0) & (true_instances != 0)
    i = np.searchsorted(predicted_numbers, predicted_instances[both])
    j = np.searchsorted(true_numbers, true_instances[both])
    pairs, common = np.unique(j * predicted_numbers.size + i, return_counts=True)
    j, i = np.divmod(pairs, max(predicted_numbers.size, 1))
    return Overlaps(
        predicted=i,
        common=common,
        predicted_size=predicted_sizes[i],
        true_size=true_sizes[j],
        predicted_cells=predicted_numbers.size,
        true_cells=true_numbers.size,
    )


def _count(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the numbers of the cells, in order, and how many pixels each has."""
    return np.unique(instances[instances != 0], return_counts=True)
