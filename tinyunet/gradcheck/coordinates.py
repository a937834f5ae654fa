"""The rows of a report that are about one tensor: its sampled coordinates, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tinyunet.engine.arrays import Array, to_cpu
from tinyunet.gradcheck.experiment import Experiment
from tinyunet.gradcheck.measure import STAIRCASE, Claim, Finding, compare, confirms
from tinyunet.gradcheck.places import coordinates, scale_of
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.smoothness import is_smooth_here
from tinyunet.gradcheck.subject import problem

COARSE = "forward has too few digits for this"  # a note says which


@dataclass
class Checked:
    """A tensor's row, and the findings that it sums up, by coordinate."""

    row: Row
    findings: dict[tuple, Finding] = field(default_factory=dict)

    @property
    def step(self) -> float | None:
        """The step that showed the worst coordinate."""
        found = self.findings.get(self.row.where)
        return None if found is None or np.isnan(found.step) else found.step

    def sum_up(self, coarse: str, zero: bool = False) -> None:
        """Fill in the row. `zero` is whether the whole gradient is 0; `coarse`, see `Experiment`."""
        row, verdicts = self.row, [finding.verdict for finding in self.findings.values()]
        measured = {i: f for i, f in self.findings.items() if f.verdict in ("ok", "wrong", "zero")}
        row.checked, row.left_out = len(measured), verdicts.count("kink")
        row.error, row.where, row.hint, row.verdict = 0.0, (), "", "ok"
        for index, finding in measured.items():
            if finding.error >= row.error:
                row.error, row.where = finding.error, index
        unresolved = [f.reason for f in self.findings.values() if f.verdict == "unresolved"]
        if "wrong" in verdicts:
            row.verdict = "FAILED"
        elif zero:
            row.verdict = "untested"
        elif unresolved:
            row.verdict = "not measurable"
            reason = COARSE if coarse else unresolved[0]
            row.hint = f"{reason} ({len(unresolved)} of {len(verdicts)} coordinates)"
        elif not measured:
            row.verdict = "not measurable"
            row.hint = f"all {row.left_out} coordinates that were tried are on a kink"
        elif "ok" not in verdicts:
            row.verdict, row.hint = ("not measurable", COARSE) if coarse else ("untested", "")


def check_tensor(experiment: Experiment, name: str) -> Checked:
    """Compare sampled coordinates of one tensor."""
    array, gradient = experiment.subject.tensors[name], experiment.gradients.get(name)
    checked = Checked(Row(name, tuple(array.shape)))
    row = checked.row
    row.hint = problem(array, gradient, experiment.subject.contract)
    if row.hint and gradient is not None and gradient.shape != array.shape:
        tensors = experiment.subject.tensors.items()
        alike = [other for other, values in tensors if values.shape == gradient.shape]
        if alike:
            row.hint += f" {alike[0]} has this shape: are the gradients in another order?"
    if row.hint or gradient is None:
        row.verdict = "FAILED"
        return checked
    places = list(coordinates(to_cpu(gradient), experiment.samples, experiment.rng))
    experiment.flips()
    for index, finding in findings_of(experiment, name, places, experiment.first):
        checked.findings[index] = finding
        row.flips += experiment.flips() > 0
    _look_closer(experiment, checked)
    checked.sum_up(experiment.coarse, zero=not bool(gradient.any()))
    if row.verdict == "untested" and name in experiment.subject.idle:
        row.verdict = "ok"  # the claim is 0, and so is the slope
    return checked


def _look_closer(experiment: Experiment, checked: Checked) -> None:
    """See whether small steps bear out the largest gradient that a large step agreed with.

    Where forward rounds, large steps may show the slope 1 exactly, and small ones always 0.
    """
    right = {i: f for i, f in checked.findings.items() if f.verdict == "ok" and f.slope}
    if not right or experiment.y.dtype.itemsize < 8:
        return
    index = max(right, key=lambda i: abs(right[i].slope))
    array, found = experiment.subject.tensors[checked.row.name], right[index]
    line = experiment.line(_mover(array, index), scale=scale_of(array))
    line.noise = experiment.rounding
    if not confirms(line, found, abs(float(array[index]))):
        reason = STAIRCASE
        checked.findings[index] = Finding("unresolved", found.slope, step=found.step, reason=reason)


def findings_of(
    experiment: Experiment,
    name: str,
    places: Iterable[tuple],
    first: float | None = None,
) -> Iterator[tuple[tuple, Finding]]:
    """Yield what becomes of each of some coordinates of a tensor."""
    array, claims = experiment.subject.tensors[name], to_cpu(experiment.gradients[name])
    scale, largest = scale_of(array), float(np.abs(claims).max())
    for place in places:
        index = tuple(int(i) for i in place)
        own = abs(float(array[index]))
        line = experiment.line(_mover(array, index), scale=scale, largest_value=own, own=own)
        claim = Claim(float(claims[index]), largest, experiment.tolerance)
        yield index, compare(line, claim, first)


def _mover(array: Array, index: tuple) -> Callable[[float], None]:
    """Move one number of an array."""
    start = float(array[index])

    def move(t: float) -> None:
        array[index] = start + t

    return move


def look_again(experiment: Experiment, tensors: list[Checked]) -> None:
    """Compare wrong coordinates once more, all others a little beside, if there is no gradient here.

    The median of three equal values has every partial derivative, and they are 0; but it has no
    gradient, and a right backward pass gives dy to one of the three. Such places are left out.
    """
    if is_smooth_here(experiment):
        return
    for checked in tensors:
        wrong = [i for i, found in checked.findings.items() if found.verdict == "wrong"]
        if wrong and all(_right_alone(experiment, checked.row.name, i) for i in wrong):
            checked.findings.update({index: Finding("kink") for index in wrong})
            checked.sum_up(experiment.coarse)


def _right_alone(experiment: Experiment, name: str, index: tuple) -> bool:
    """Whether a coordinate is right where all others have moved."""
    try:
        with experiment.displaced(list(experiment.subject.tensors), but=(name, index)):
            ((_, finding),) = findings_of(experiment, name, [index])
    except Exception:  # outside of its domain there
        return False
    return finding.verdict in ("ok", "zero", "kink")


def count_kinks(experiment: Experiment, row: Row, report: GradientReport) -> None:
    """Say how many coordinates were left out."""
    if not experiment.subject.contract:
        row.flips = row.left_out
    if row.left_out:
        report.notes.append(f"{row.name}: {row.left_out} coordinates on a kink were left out")
