"""Say what a failure looks like: measure a failing tensor whole, and try the usual mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinyunet.engine.arrays import to_cpu
from tinyunet.gradcheck.coordinates import findings_of
from tinyunet.gradcheck.diagnosis import diagnose
from tinyunet.gradcheck.line import FIRST
from tinyunet.gradcheck.places import scale_of
from tinyunet.gradcheck.probe import Probe
from tinyunet.gradcheck.report import GradientReport

if TYPE_CHECKING:
    from tinyunet.gradcheck.coordinates import Checked
    from tinyunet.gradcheck.experiment import Experiment

EXPLAINED = 3  # failing tensors at most, since that takes many forward passes
DIAGNOSED = 600  # a failing tensor of up to so many numbers is measured whole, to explain it


def explain_failures(experiment: Experiment, tensors: list[Checked]) -> None:
    """Add hints to the failures nearest the output, where backward goes wrong first."""
    failed = [t for t in tensors if t.row.verdict == "FAILED" and not t.row.hint]
    if not failed:
        return
    unused, shared = _without_dy(experiment), getattr(experiment.subject, "shared", {})
    for checked in failed[-EXPLAINED:]:
        row = checked.row
        row.hint = unused.get(row.name) or _looks_like(experiment, row.name, checked.step)
        if row.name in shared:
            row.hint += f"; it shares its memory with the gradient of {shared[row.name]}"


def _looks_like(experiment: Experiment, name: str, step: float | None) -> str:
    """Measure a failing tensor whole, if it is small enough, and ask which mistake it looks like."""
    subject = experiment.subject
    array, claims = subject.tensors[name], to_cpu(experiment.gradients[name])
    if array.size > DIAGNOSED:
        return "" if claims.any() else "it is zero everywhere: backward never computes it"
    numeric = _measured(experiment, name)
    known = np.isfinite(numeric)
    if not known.all():  # kinks and the like: count only
        near = experiment.tolerance
        wrong = known & ~np.isclose(claims, numeric, rtol=near, atol=near)
        return f"{wrong.sum()} of the {known.sum()} entries that can be measured are wrong"
    probe = Probe(subject.value, experiment.dy, step or FIRST * scale_of(array))
    dy, per_image = None, None
    if np.ndim(experiment.dy) > 0:
        dy = to_cpu(experiment.dy)
        if subject.sums_over_the_batch(name):
            per_image = [probe.whole(array, one) for one in subject.batch_alone(experiment.dy)]
    others = {
        other: _measured(experiment, other)
        for other, values in subject.tensors.items()
        if other != name and values.shape == array.shape and values.size <= DIAGNOSED
    }
    return diagnose(subject.axes(name), claims, numeric, per_image, others, dy)


def _measured(experiment: Experiment, name: str) -> np.ndarray:
    """The whole gradient of a tensor as measured; NaN where it cannot be."""
    shape = experiment.subject.tensors[name].shape
    numeric = np.full(shape, np.nan)
    for index, finding in findings_of(experiment, name, np.ndindex(shape)):
        if finding.verdict in ("ok", "wrong", "zero"):
            numeric[index] = finding.slope
    return numeric


def _without_dy(experiment: Experiment) -> dict[str, str]:
    """A hint for each gradient that stays the same when the upstream gradient is another."""
    subject, dy = experiment.subject, experiment.dy
    other = subject.upstream(experiment.y, experiment.rng)
    if bool((abs(other - dy) == 0).all()):
        return {}  # a loss, for which it is always 1
    subject.value()
    again = subject.gradients(other, GradientReport("", 0.0))
    hints = {}
    for name, gradient in experiment.gradients.items():
        second = again.get(name)
        if gradient is None or second is None or gradient.shape != second.shape:
            continue
        if bool((gradient == second).all()) and bool(gradient.any()):
            hints[name] = (
                "it does not depend on the upstream gradient dy: backward should multiply with dy "
                "(for a loss that ends a network dy is 1; a backward without dy among its arguments is "
                "checked so)"
            )
    return hints
