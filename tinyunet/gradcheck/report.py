"""The gradient checker's report: one row for each tensor, readable in a terminal and a notebook."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field

COLUMNS = ("tensor", "shape", "checked", "flips", "worst error", "at", "verdict")


@dataclass
class Row:
    """What was found out about one tensor.

    Attributes
    ----------
    name, shape
        The tensor.
    checked
        How many of its coordinates were compared.
    flips
        How many of these would have flipped a decision (a ReLU's mask, a pooling's winner) if the
        decisions had not been held; where nothing is known of decisions, how many coordinates sit on
        such a kink and were left out.
    left_out
        How many coordinates were found to sit on a kink and were left out.
    error
        The worst relative error.
    where
        The index of the worst coordinate.
    verdict
        ``"ok"``; ``"FAILED"``; ``"untested"`` where both gradients are zero everywhere, or too small
        for finite differences to see; ``"not measurable"`` where no step gave a slope that can be
        trusted, for the reason in the hint.
    hint
        What a failure looks like, where the evidence says something.
    """

    name: str
    shape: tuple[int, ...]
    checked: int = 0
    flips: int = 0
    left_out: int = 0
    error: float = 0.0
    where: tuple[int, ...] = ()
    verdict: str = "ok"
    hint: str = ""

    @property
    def size(self) -> int:
        """How many numbers the tensor has."""
        return math.prod(self.shape)

    def cells(self) -> tuple[str, ...]:
        """The row's entries as text."""
        compared = self.checked and self.verdict != "untested"
        error = f"{self.error:.1e}" if compared else "-"
        where = str(self.where) if self.where and compared else "-"
        shape = " x ".join(map(str, self.shape))
        checked, flips = str(self.checked), str(self.flips)
        return self.name, shape, checked, flips, error, where, self.verdict


@dataclass
class GradientReport:
    """The result of a gradient check; print it, or let a notebook show it.

    A report is true if it passed, so ``assert tu.check_gradients(layer, x)`` is a test. Where it should
    show the whole table when it fails, write ``tu.check_gradients(layer, x).assert_passed()``.

    Attributes
    ----------
    title
        What was checked.
    tolerance
        The relative error up to which a tensor is ok.
    rows
        One `Row` for each tensor.
    notes
        What concerns the whole and no single tensor.
    """

    title: str
    tolerance: float
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every tensor was tested and is right."""
        return bool(self.rows) and all(row.verdict == "ok" for row in self.rows)

    @property
    def failed(self) -> bool:
        """Whether any tensor is wrong."""
        return any(row.verdict == "FAILED" for row in self.rows)

    def __bool__(self) -> bool:
        return self.passed

    def assert_passed(self) -> None:
        """Raise an AssertionError that shows the table, unless every tensor was tested and is right."""
        __tracebackhide__ = True  # pytest then points at the test's own line
        if not self.passed:
            raise AssertionError(str(self))

    @property
    def worst(self) -> float:
        """The worst relative error of all tensors that were tested."""
        return max((row.error for row in self.rows if row.verdict in ("ok", "FAILED")), default=0.0)

    @property
    def summary(self) -> str:
        """One line: the verdict, the worst error, how much was checked."""
        checked = sum(row.checked for row in self.rows)
        return (
            f"{self._verdict()}: worst relative error {self.worst:.1e} (tolerance "
            f"{self.tolerance:.0e}), {checked} coordinates of {len(self.rows)} tensors"
        )

    def _verdict(self) -> str:
        """The verdict, with the names of the tensors that it is about."""
        names: dict[str, list[str]] = {}
        for row in self.rows:
            names.setdefault(row.verdict, []).append(row.name)
        if "FAILED" in names:
            return f"FAILED in {', '.join(names['FAILED'])}"
        unproven = [
            f"{what} in {', '.join(names[verdict])}"
            for verdict, what in (
                ("untested", "gradients zero, or too small to measure,"),
                ("not measurable", "not measurable here"),
            )
            if verdict in names
        ]
        if unproven or not self.rows:
            return f"NOT PROVEN: {'; '.join(unproven) or 'there was nothing to check'}"
        return "passed"

    @property
    def remarks(self) -> list[str]:
        """The hints of all rows, and the notes."""
        return [f"{row.name}: {row.hint}" for row in self.rows if row.hint] + self.notes

    def __str__(self) -> str:
        table = [COLUMNS] + [row.cells() for row in self.rows]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(COLUMNS))]
        lines = [self.title]
        for cells in table:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
        lines.append(self.summary)
        lines += [f"  ! {remark}" for remark in self.remarks]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        colours = {"ok": "#2a7d2a", "FAILED": "#c62828"}
        head = "".join(f"<th style='text-align:left'>{c}</th>" for c in COLUMNS)
        body = ""
        for row in self.rows:
            *cells, verdict = (html.escape(cell) for cell in row.cells())
            body += "<tr>" + "".join(f"<td style='text-align:left'>{c}</td>" for c in cells)
            colour = colours.get(row.verdict, "#a06a00")
            body += f"<td style='text-align:left;color:{colour}'>{verdict}</td></tr>"
        remarks = "".join(f"<li>{html.escape(remark)}</li>" for remark in self.remarks)
        return (
            f"<b>{html.escape(self.title)}</b><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><p>{html.escape(self.summary)}</p><ul>{remarks}</ul>"
        )

    def to_dict(self) -> dict:
        """The report as plain data, for JSON."""
        rows = [
            {**vars(row), "shape": list(row.shape), "where": [int(i) for i in row.where]}
            for row in self.rows
        ]
        return {
            "title": self.title,
            "passed": self.passed,
            "failed": self.failed,
            "worst": self.worst,
            "tolerance": self.tolerance,
            "rows": rows,
            "notes": self.notes,
        }
