"""Check a pair of functions that you wrote yourself: no class, no contract, no decisions to hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyunet.arrays import Array, device_name, to_cpu, to_device
from tinyunet.gradcheck.arguments import Given, arrays, double, match_inputs, variables
from tinyunet.gradcheck.probe import (
    FIVE_POINTS,
    Probe,
    coordinates,
    explain_failures,
    judge,
    problem,
)
from tinyunet.gradcheck.report import GradientReport, Row

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
LEFT = ((0, 3 / 2), (-1, -2), (-2, 1 / 2))  # slopes from one side, error eps^2
RIGHT = ((0, -3 / 2), (1, 2), (2, -1 / 2))


def check_function(
    forward: Callable,
    backward: Callable,
    *inputs: Array,
    samples: int = 50,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Compare ``backward`` with finite differences of ``forward``.

    The functions may have kinks, of which nothing is known here. So each coordinate is measured at
    eps = 1e-3, 1e-4, ...: as soon as two steps in a row agree, the function is smooth there and the
    measurement holds. A coordinate where no two agree sits on a kink; it is left out, and counted in
    the column "flips".

    Parameters
    ----------
    forward
        ``forward(*inputs)`` returns an array y, or a number.
    backward
        ``backward(dy, *inputs)`` returns dL/d(input) for each float input: an array, or a tuple of
        arrays in the order of the inputs.
    *inputs
        Arrays; those of integers are not differentiated. Floats are copied to float64.
    samples
        How many coordinates of each input are checked.
    rng
        Draws the upstream gradient and the coordinates; by default a generator seeded with 0.
    tolerance
        The largest relative error that passes.

    Returns
    -------
    GradientReport
        As `check_gradients` returns it.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.ones((4, 3)), np.ones((3, 2))
    >>> report = check_function(
    ...     lambda x, w: x @ w, lambda dy, x, w: (dy @ w.T, x.T @ dy), x, w
    ... )
    >>> report.passed
    True
    """
    rng = np.random.default_rng(0) if rng is None else rng
    inputs = [double(value) for value in inputs]
    report = GradientReport(f"Gradients of {_name(forward)} by {_name(backward)}", tolerance)
    given = Given(arrays(inputs))
    y = forward(*inputs)
    if np.ndim(y) == 0:
        dy = np.float64(rng.standard_normal())
    else:
        dy = to_device(rng.standard_normal(y.shape), device_name(y))
        given.add("the upstream gradient", dy)
    tensors = variables(inputs)
    gradients = match_inputs(list(tensors), backward(dy, *inputs), report)
    report.rows += given.restore()  # probe where the gradients were asked for
    # A copy, since a student's forward may return an array that it writes into again.
    probe = Probe(lambda: forward(*inputs) * 1.0, dy, STEPS[0], FIVE_POINTS, inputs=tuple(tensors))
    for name, array in tensors.items():
        report.rows.append(_check_input(name, array, gradients, probe, samples, rng, report))
    explain_failures(report.rows, tensors, gradients, probe)
    return report


def _check_input(name, array, gradients, probe, samples, rng, report) -> Row:
    row = Row(name, tuple(array.shape))
    row.hint = problem(array, gradients.get(name))
    if row.hint:
        row.verdict = "FAILED"
        return row
    analytic = to_cpu(gradients[name])
    largest = float(np.abs(analytic).max())
    measured = []
    for index in coordinates(analytic, samples, rng):
        slope = _smooth_slope(array, index, probe, report.tolerance, largest)
        if slope is None:
            row.flips += 1
        else:
            measured.append((index, float(analytic[index]), slope))
    judge(row, measured, largest, probe.noise(), report.tolerance)
    if row.flips:
        report.notes.append(f"{name}: {row.flips} coordinates on a kink were left out")
    return row


def _smooth_slope(
    array: Array, index: tuple, probe: Probe, tolerance: float, largest: float
) -> float | None:
    """Step eps down until two slopes in a row agree, and left with right; None where they never do."""
    previous = None
    for eps in STEPS:
        step = Probe(probe.run, probe.dy, eps, probe.stencil)
        slope, left, right = (
            Probe(probe.run, probe.dy, eps, stencil).coordinate(array, index)
            for stencil in (FIVE_POINTS, LEFT, RIGHT)
        )
        size = max(abs(slope), 1e-3 * largest)
        # On a kink the slopes from both sides differ, even where steps of any size agree.
        smooth = abs(left - right) <= 1e-2 * size + step.noise()
        agree = (
            previous is not None and abs(slope - previous) <= 0.1 * tolerance * size + step.noise()
        )
        if smooth and agree:
            return previous  # the larger step's: less rounding
        previous = slope
    return None


def _name(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)
