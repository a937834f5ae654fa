"""The data that an experiment works on."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from tinyunet.data import Dataset, load


@dataclass(frozen=True)
class Source:
    """The data of an experiment: a name that `tinyunet.data.load` knows, and where real data is."""

    name: str
    real: bool
    root: str | None = None

    def load(self, n: int, size: int) -> Dataset:
        """Load it; `n` and `size` are for synthetic data."""
        return _load(self.name, self.root, n, size)


@functools.lru_cache(maxsize=4)
def _load(name: str, root: str | None, n: int, size: int) -> Dataset:
    return load(name, root, n=n, size=size)


def corner(data: Dataset, side: int | None) -> Dataset:
    """The upper left corner of every image, for what has to be quick; all of it for None."""
    if side is None:
        return data
    top = np.s_[:side, :side]
    instances = None if data.instances is None else [cells[top] for cells in data.instances]
    images, labels = [image[top] for image in data.images], [label[top] for label in data.labels]
    return Dataset(images, labels, instances, data.names)
