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


def compare(rows: dict[str, Row], first: str, second: str, column: str, form: str = ".3f") -> str:
    """Say how two rows differ in a column, and whether seeds alone differ as much.

    The difference of two means is believed if it is above twice its standard error,
    sqrt(s1^2 / n1 + s2^2 / n2). With three seeds that is a rough rule, no proof. Empty where a row
    is missing.
    """
    if first not in rows or second not in rows:
        return ""
    a, b = rows[first], rows[second]
    difference = a.mean(column) - b.mean(column)
    text = (
        f"{column}: {a.mean(column):{form}} ({first}) against {b.mean(column):{form}} ({second}), "
        f"a difference of {difference:+{form}}"
    )
    noise = [(row.deviation(column) or 0) ** 2 / row.count if row.seeded else 0.0 for row in (a, b)]
    if any(row.seeded and row.count < 2 for row in (a, b)):
        return f"{text}. With one seed nobody can tell whether that is chance."
    limit = 2 * math.sqrt(sum(noise))
    verdict = "more than" if abs(difference) > limit else "within"
    return f"{text}: {verdict} what seeds alone make (twice the standard error, {limit:{form}})."
