"""Means and standard deviations over seeds, and whether a difference is larger than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyunet.reproduce.plan import Record


@dataclass
class Row:
    """A row of a table: for each column its value with every seed."""

    seeded: bool
    values: dict[str, list[float]] = field(default_factory=dict)
    steps: int = 0

    def mean(self, column: str) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values[column]))

    def deviation(self, column: str) -> float | None:
        """The standard deviation over seeds (n - 1 in the denominator), None with a single one."""
        values = self.values[column]
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

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
            for column, value in scores.items():
                row.values.setdefault(column, []).append(value)
    return rows


def compare(
    rows: dict[str, Row], first: str, second: str, column: str, form: str = ".3f", what: str = ""
) -> str:
    """Say how two rows differ in a column, and whether seeds alone differ as much.

    The difference of two means is believed if it is above twice its standard error,
    sqrt(s1^2 / n1 + s2^2 / n2). With three seeds that is a rough rule, no proof. Empty where a row
    is missing.
    """
    if first not in rows or second not in rows:
        return ""
    pair = rows[first], rows[second]
    a, b = (row.mean(column) for row in pair)
    noise = [(row.deviation(column) or 0) ** 2 / row.count for row in pair]
    if any(row.seeded and row.count < 2 for row in pair):
        verdict = "; with one seed nobody can tell that from chance"
    else:
        limit = 2 * math.sqrt(sum(noise))
        verdict = ", more than" if abs(a - b) > limit else ", within"
        verdict += f" the ±{limit:{form}} that seeds alone make"
    return f"{what or column}: {first} {a:{form}}, {second} {b:{form}} ({a - b:+{form}}{verdict})."
