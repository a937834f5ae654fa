"""Means and standard deviations over seeds, and whether a difference is larger than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from tinyunet.reproduce.words import Record


@dataclass
class Row:
    """A row of a table: for each column its value with every seed, in the order of `seeds`."""

    seeded: bool
    seeds: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0

    def mean(self, column: str) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values[column]))

    def deviation(self, column: str) -> float | None:
        """The standard deviation over seeds (n - 1 in the denominator), None with a single one."""
        values = self.values[column]
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def at(self, seeds: Sequence[int], column: str) -> list[float]:
        """The values with these seeds; without seeds of its own, its one value for each."""
        if not self.seeded:
            return self.values[column] * len(seeds)
        by_seed = dict(zip(self.seeds, self.values[column], strict=True))
        return [by_seed[seed] for seed in seeds]

    @property
    def count(self) -> int:
        """How many seeds."""
        return len(next(iter(self.values.values())))


def collect(records: Sequence[Record]) -> dict[str, Row]:
    """Gather the rows of all records by name, the seeds in order."""
    rows: dict[str, Row] = {}
    for record in sorted(records, key=lambda record: record["seed"] or 0):
        for name, scores in record["rows"].items():
            row = rows.setdefault(name, Row(record["seed"] is not None))
            row.steps = record["steps"]
            row.seeds.append(record["seed"] or 0)
            for column, value in scores.items():
                row.values.setdefault(column, []).append(value)
    return rows


def compare(
    rows: dict[str, Row], first: str, second: str, column: str, form: str = ".3f", what: str = ""
) -> str:
    """Say how two rows differ in a column, and whether that is more than chance.

    The differences d are taken seed by seed, for a seed chooses images and draws first weights for
    both rows. Their mean is believed if it is further from 0 than t * s(d) / sqrt(n), half a
    confidence interval of 95 %, with Student's t for n - 1 degrees of freedom: 4.3 with three seeds.
    A row without seeds has the same value for all. Empty where a row is missing, or no seed has both.
    """
    if first not in rows or second not in rows:
        return ""
    pair = rows[first], rows[second]
    seeded = [row for row in pair if row.seeded]
    seeds = sorted(set.intersection(*(set(row.seeds) for row in seeded))) if seeded else [0]
    if not seeds:
        return ""
    values = np.array([row.at(seeds, column) for row in pair])
    (a, b), n = values.mean(axis=1), len(seeds)
    verdict = ""
    if seeded and n < 2:
        verdict = "; with one seed nobody can tell that from chance"
    elif seeded:
        limit = stats.t.ppf(0.975, n - 1) * np.std(values[0] - values[1], ddof=1) / math.sqrt(n)
        verdict = ", more than" if abs(a - b) > limit else ", within"
        verdict += f" the ±{limit:{form}} that {n} seeds alone make"
    return f"{what or column}: {first} {a:{form}}, {second} {b:{form}} ({a - b:+{form}}{verdict})."
