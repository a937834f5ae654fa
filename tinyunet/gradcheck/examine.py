"""Compare all gradients of one subject with finite differences, and fill in a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from tinyunet.arrays import Array, device_name, to_cpu, to_device
from tinyunet.gradcheck.explain import explain_failures
from tinyunet.gradcheck.measure import (
    FIRST,
    ROUNDING,
    Finding,
    Line,
    adds_up,
    bends,
    compare,
    noise_along,
)
from tinyunet.gradcheck.places import coordinates, direction, scale_of
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.subject import Subject, problem

ATTEMPTS = 3  # at a direction: the first at the given point, the others a hair beside it
HAIR = 2.0**-10  # of a tensor's scale
ACCUMULATED = "a second pass gave another gradient: is it accumulated instead of set?"
RANDOM = (
    "forward gives another output for the same input when it is called twice: it is random, or it "
    "keeps something from call to call, so no slope can be measured. Make it draw the same numbers "
    "each time: a mask drawn beforehand, a generator seeded anew in forward, or for NumPy's global one "
    "lambda x: (np.random.seed(0), forward(x))[1]"
)


@dataclass
class Examination:
    """One subject under examination.

    Attributes
    ----------
    subject, report
        What is examined, and where it is written down.
    samples
        How many coordinates of each tensor are checked.
    rng
        Draws dy and the places.
    first
        The first step, where the user chose it.
    """

    subject: Subject
    report: GradientReport
    samples: int
    rng: np.random.Generator
    first: float | None = None
    y: Array = field(default=0.0, init=False)
    dy: Array = field(default=0.0, init=False)
    noise: float = field(default=0.0, init=False)
    coarse: bool = field(default=False, init=False)  # forward has few digits
    gradients: dict[str, Array | None] = field(default_factory=dict, init=False)
    flips: Callable[[], int] = field(default=lambda: 0, init=False)
    steps: dict[str, float] = field(default_factory=dict, init=False)
    findings: dict[str, dict[tuple, Finding]] = field(default_factory=dict, init=False)

    def run(self, progress: bool = False) -> GradientReport:
        """Do it."""
        subject, report = self.subject, self.report
        y = (
            subject.value() * 1.0
        )  # a copy: forward may give back an array that it writes into again
        self.dy = subject.upstream(y, self.rng)
        if np.ndim(self.dy) > 0:
            subject.given.add("the upstream gradient", self.dy)
        with subject.held() as self.flips:
            self.gradients = subject.gradients(self.dy, report)
            report.rows += subject.given.restore(
                subject.who
            )  # measure where the gradients were asked for
            self.y = subject.value() * 1.0
            hint = self._unusable(y)
            if hint:
                self._refuse(hint)
                return report
            self.noise = self._noise()
            for name in tqdm(
                subject.tensors, desc="gradient check", disable=not progress, leave=False
            ):
                report.rows.append(self._tensor(name))
            if report.failed:
                self._second_look()
            for row in report.rows:
                self._remark(row)
            explain_failures(self)
            for name, members in subject.groups.items():
                if members and not report.failed:
                    report.rows.append(self._direction(name, members))
            if not report.failed:
                self._repeat()
        return report

    # ------------------------------------------------------------------ can it be measured at all

    def _unusable(self, first: Array) -> str:
        """Say why nothing can be measured, or return ""."""
        size = int(np.size(self.y))
        if not size:
            return f"forward gives an empty output: shape {self.y.shape}"
        finite = int((abs(self.y) < np.inf).sum())
        if finite < size:
            return f"forward gives NaN or infinity in {size - finite} of {size} outputs"
        if first.shape != self.y.shape or float(abs(first - self.y).max()) > 1e-9 * float(
            abs(self.y).max()
        ):
            return RANDOM
        return ""

    def _refuse(self, hint: str) -> None:
        """Write down that nothing can be measured."""
        self.report.notes.append(hint)
        for name, array in self.subject.tensors.items():
            row = Row(name, tuple(array.shape), verdict="not measurable")
            wrong = problem(array, self.gradients.get(name), self.subject.contract)
            if wrong and "not finite" not in wrong:
                row.verdict, row.hint = "FAILED", wrong
            self.report.rows.append(row)

    def _noise(self) -> float:
        """What rounding does to s: from the output's size, and measured."""
        size = float(((self.y * self.dy) ** 2).sum()) ** 0.5
        noise, measured = ROUNDING * size, []
        for _ in range(2):  # a kink may be next to one of the two directions
            move, _ = self._random_direction(list(self.subject.tensors), narrow=True)
            found = noise_along(self._line(move))
            measured += [found] if np.isfinite(found) else []
            if found <= noise / 3:
                break
        digits = single_precision(self.y)
        noise = max(noise, 3 * min(measured, default=0.0))
        if digits:
            dtype = self.y.dtype if self.y.dtype.itemsize < 8 else np.float32
            noise = max(noise, float(np.finfo(dtype).eps) * size)
        self.coarse = bool(digits) or noise > 1e-10 * size
        if digits or 1e-10 * size < noise < 1e-4 * size:
            self.report.notes.append(
                digits
                or f"forward is exact to about {noise / size:.0e} only: is something inside computed "
                "in float32, or do large numbers cancel?"
            )
        return noise

    # ------------------------------------------------------------------ one tensor

    def _line(self, move: Callable[[float], None], **options: float) -> Line:
        return Line(self.subject.value, self.dy, self.y, move, self.noise, **options)

    def _tensor(self, name: str) -> Row:
        """Compare sampled coordinates of one tensor."""
        array, gradient = self.subject.tensors[name], self.gradients.get(name)
        row = Row(name, tuple(array.shape))
        row.hint = problem(array, gradient, self.subject.contract)
        if row.hint:
            row.verdict = "FAILED"
            return row
        self.findings[name] = findings = {}
        self.flips()
        for index in coordinates(to_cpu(gradient), self.samples, self.rng):
            findings[index] = self._coordinate(name, index)
            row.flips += self.flips() > 0
        self._write(row, findings)
        return row

    def _coordinate(self, name: str, index: tuple) -> Finding:
        """Compare one number of a gradient."""
        array, claims = self.subject.tensors[name], to_cpu(self.gradients[name])
        line = self._line(
            mover(array, index),
            scale=scale_of(array),
            largest_value=abs(float(array[index])),
            own=abs(float(array[index])),
        )
        largest = float(np.abs(claims).max())
        return compare(line, float(claims[index]), largest, self.report.tolerance, self.first)

    def _write(self, row: Row, findings: dict[tuple, Finding]) -> None:
        """Sum up what became of a tensor's coordinates."""
        verdicts = [finding.verdict for finding in findings.values()]
        measured = {i: f for i, f in findings.items() if f.verdict in ("ok", "wrong", "zero")}
        row.checked, row.left_out = len(measured), verdicts.count("kink")
        row.error, row.where, row.hint, row.verdict = 0.0, (), "", "ok"
        for index, finding in measured.items():
            if finding.error >= row.error:
                row.error, row.where = finding.error, tuple(int(i) for i in index)
                self.steps[row.name] = finding.step
        unresolved = [f.reason for f in findings.values() if f.verdict == "unresolved"]
        if "wrong" in verdicts:
            row.verdict = "FAILED"
        elif unresolved:
            row.verdict = "not measurable"
            row.hint = f"{unresolved[0]} ({len(unresolved)} of {len(verdicts)} coordinates)"
        elif not measured:
            row.verdict = "not measurable"
            row.hint = f"all {row.left_out} coordinates that were tried are on a kink"
        elif "ok" not in verdicts:
            row.verdict = "not measurable" if self.coarse else "untested"

    def _remark(self, row: Row) -> None:
        """Say how many coordinates were left out."""
        if not self.subject.contract:
            row.flips = row.left_out
        if row.left_out:
            self.report.notes.append(
                f"{row.name}: {row.left_out} coordinates on a kink were left out"
            )

    def _second_look(self) -> None:
        """Look at wrong coordinates again a hair beside, if the given point is on a kink.

        The median of three equal values has every partial derivative, and they are 0; but it has no
        gradient, and a right backward pass gives dy to one of the three.
        """
        if self._is_smooth_here():
            return
        tensors = list(self.subject.tensors.values())
        starts, here = [array.copy() for array in tensors], (self.gradients, self.y)
        self._step_aside(tensors, starts)
        for row in self.report.rows:
            findings = self.findings.get(row.name, {})
            wrong = [index for index, found in findings.items() if found.verdict == "wrong"]
            if wrong and all(
                self._coordinate(row.name, index).verdict in ("ok", "zero") for index in wrong
            ):
                findings.update({index: Finding("kink") for index in wrong})
                self._write(row, findings)
        for array, start in zip(tensors, starts, strict=True):
            array[...] = start
        self.gradients, self.y = here

    def _is_smooth_here(self) -> bool:
        """Whether slopes along two random directions do not jump, and add up."""
        moves = [self._random_direction(list(self.subject.tensors))[0] for _ in range(2)]
        tensors = list(self.subject.tensors.values())
        starts = [array.copy() for array in tensors]

        def both(t: float) -> None:
            moves[0](t)
            halves = [array.copy() for array in tensors]
            moves[1](t)
            for array, half, start in zip(tensors, halves, starts, strict=True):
                array[...] = start if t == 0 else array + (half - start)

        lines = [self._line(move, scale=FIRST * 16) for move in (*moves, both)]
        return not bends(lines[0]) and adds_up(*lines)

    # ------------------------------------------------------------------ everything at once

    def _random_direction(
        self, members: list[str], narrow: bool = False
    ) -> tuple[Callable, dict[str, Array]]:
        """A random direction through several tensors: what moves along it, and its numbers."""
        tensors = {name: self.subject.tensors[name] for name in members}
        starts = {name: array.copy() for name, array in tensors.items()}
        numbers = {name: direction(array, self.rng, narrow) for name, array in tensors.items()}

        def move(t: float) -> None:
            for name, array in tensors.items():
                array[...] = starts[name] + t * numbers[name] if t else starts[name]

        return move, numbers

    def _direction(self, name: str, members: list[str]) -> Row:
        """Move several tensors at once along a random direction: no coordinate is left out.

        Where that point is on a kink, a point a hair beside it is taken.
        """
        tensors = [self.subject.tensors[member] for member in members]
        row = Row(name, (sum(int(array.size) for array in tensors),))
        starts, here = [array.copy() for array in tensors], (self.gradients, self.y)
        for attempt in range(ATTEMPTS):
            if attempt:
                self._step_aside(tensors, starts)
            finding = self._along(members)
            row.flips = max(row.flips, int(self.flips() > 0)) if self.subject.contract else 0
            if finding.verdict in ("ok", "wrong", "zero"):
                break
        for array, start in zip(tensors, starts, strict=True):
            array[...] = start
        self.gradients, self.y = here
        row.checked = int(finding.verdict in ("ok", "wrong"))
        row.error = finding.error if row.checked else 0.0
        row.verdict = {"ok": "ok", "wrong": "FAILED", "zero": "untested"}.get(
            finding.verdict, "not measurable"
        )
        if row.verdict == "FAILED":
            row.hint = (
                "some entries are wrong, though none of those checked one by one: try more samples"
            )
        elif row.verdict == "not measurable":
            row.hint = finding.reason or "the random directions that were tried all cross a kink"
        return row

    def _along(self, members: list[str]) -> Finding:
        """Compare along one random direction."""
        move, numbers = self._random_direction(members)
        products = [self.gradients[member] * numbers[member] for member in members]
        claim = sum(float(product.sum()) for product in products)
        spread = sum(float((product * product).sum()) for product in products) ** 0.5
        self.flips()
        reach = [
            float(abs(self.subject.tensors[m]).max()) / scale_of(self.subject.tensors[m])
            for m in members
        ]
        line = self._line(move, scale=FIRST * 16, largest_value=max(reach))
        return compare(line, claim, spread, self.report.tolerance)

    def _step_aside(self, tensors: list[Array], starts: list[Array]) -> None:
        """Move all tensors a hair, and take the gradients there."""
        for array, start in zip(tensors, starts, strict=True):
            hair = to_device(self.rng.uniform(-1, 1, start.shape), device_name(array))
            array[...] = start + HAIR * scale_of(start) * hair
        self.y = self.subject.value() * 1.0
        self.gradients = self.subject.gradients(self.dy, GradientReport("", 0.0))

    # ------------------------------------------------------------------ twice the same

    def _repeat(self) -> None:
        """Add a failed row for each gradient that a second, equal pass made different."""
        self.subject.value()
        second = self.subject.gradients(self.dy, GradientReport("", 0.0))
        for name, gradient in self.gradients.items():
            other = second.get(name)
            same = other is not None and other.shape == gradient.shape
            if not (same and bool(abs(gradient - other).max() <= 1e-9 * abs(gradient).max())):
                row = Row(name, tuple(gradient.shape), verdict="FAILED", hint=ACCUMULATED)
                self.report.rows.append(row)


def mover(array: Array, index: tuple) -> Callable[[float], None]:
    """Move one number of an array."""
    start = float(array[index])

    def move(t: float) -> None:
        array[index] = start + t

    return move


def single_precision(y: Array) -> str:
    """Say so if an output has float32's digits only, in its dtype or in its numbers."""
    if y.dtype.name in ("float32", "float16"):
        return f"forward computes in {y.dtype}: slopes cannot be measured to more digits than that"
    values = to_cpu(y) if np.ndim(y) else np.asarray(y)
    with np.errstate(over="ignore"):
        single, half = values.astype(np.float32), values.astype(np.float16)
    if (single == values).all() and (half != values).any():
        return (
            "forward's output has the digits of float32 only: something inside computes in float32"
        )
    return ""
