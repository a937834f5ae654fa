"""Compare all gradients of one subject with finite differences, and fill in a report."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from tinyunet.gradcheck.coordinates import check_tensor, count_kinks, look_again
from tinyunet.gradcheck.directions import check_alone, check_direction, unseen
from tinyunet.gradcheck.experiment import Experiment
from tinyunet.gradcheck.explain import explain_failures
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.subject import Subject, problem

DIRECTIONS = 3
ACCUMULATED = "a second pass gave another gradient: is it accumulated instead of set?"


def examine(
    subject: Subject,
    report: GradientReport,
    samples: int,
    rng: np.random.Generator,
    first: float | None = None,
    progress: bool = False,
) -> None:
    """Examine a subject.

    Parameters
    ----------
    subject, report
        What is examined, and where it is written down.
    samples
        How many coordinates of each tensor are checked. 0: none, but all tensors together along
        `DIRECTIONS` random directions, where a single forward pass takes seconds.
    rng
        Draws the upstream gradient and the places.
    first
        The first step, where the user chose it.
    progress
        Show a progress bar.
    """
    experiment = Experiment(subject, rng, samples, report.tolerance, first)
    with subject.held() as experiment.flips:
        experiment.gradients = subject.gradients(experiment.dy, report)
        report.rows += subject.snapshot.restore(
            subject.who
        )  # measure where gradients were asked for
        hint = experiment.unusable()
        if hint:
            _refuse(experiment, hint, report)
            return
        experiment.measure_noise()
        report.notes += [experiment.coarse] if experiment.coarse else []
        bar = tqdm(subject.tensors, desc="gradient check", disable=not progress, leave=False)
        tensors = [check_tensor(experiment, name) for name in bar] if samples else []
        if any(checked.row.verdict == "FAILED" for checked in tensors):
            look_again(experiment, tensors)
        for checked in tensors:
            report.rows.append(checked.row)
            count_kinks(experiment, checked.row, report)
        explain_failures(experiment, tensors)
        rows = {checked.row.name: checked.row for checked in tensors}
        for members in subject.groups.values():
            if samples and not report.failed:
                for name in unseen(experiment, members):
                    check_alone(experiment, rows[name])
        for name, members in subject.groups.items():
            for _ in range(1 if samples else DIRECTIONS):
                if members and not report.failed:
                    report.rows.append(check_direction(experiment, name, members))
        if not report.failed:
            report.rows += _repeat(experiment)


def _refuse(experiment: Experiment, hint: str, report: GradientReport) -> None:
    """Write down that nothing can be measured."""
    report.notes.append(hint)
    for name, array in experiment.subject.tensors.items():
        row = Row(name, tuple(array.shape), verdict="not measurable")
        wrong = problem(array, experiment.gradients.get(name), experiment.subject.contract)
        if wrong and "not finite" not in wrong:
            row.verdict, row.hint = "FAILED", wrong
        report.rows.append(row)


def _repeat(experiment: Experiment) -> list[Row]:
    """A failed row for each gradient that a second, equal pass makes different."""
    first = experiment.gradients
    experiment.output()
    experiment.backward()
    rows = []
    for name, gradient in first.items():
        other = experiment.gradients.get(name)
        same = other is not None and other.shape == gradient.shape
        if not (same and bool(abs(gradient - other).max() <= 1e-9 * abs(gradient).max())):
            shape = tuple(gradient.shape)
            rows.append(Row(f"{name}, again", shape, verdict="FAILED", hint=ACCUMULATED))
    return rows
