"""Check backward passes against finite differences.

For a layer y = f(x) and a random upstream gradient dy, the number s = sum(dy * y) has the gradient
that backward computes. Moving one coordinate of x by +eps and -eps measures it instead:

    ds/dx[i]  ~  (s(x[i] + eps) - s(x[i] - eps)) / (2 eps)

A ReLU or a max-pooling has kinks, where that does not converge, so the decisions of the unperturbed
forward are held (`held_decisions`). Then s is a polynomial in all parameters and inputs together and
linear in each single one of an ordinary network, and the difference is exact for any eps. The check
runs on a float64 copy; the layer that was given does not change.
"""

from __future__ import annotations

import copy

import numpy as np
from tqdm import tqdm

from tinyunet.arrays import Array, device_name, to_device
from tinyunet.gradcheck.diagnosis import explain_order
from tinyunet.gradcheck.probe import (
    FIVE_POINTS,
    Probe,
    arrays,
    changed_arguments,
    check_tensor,
    double,
    is_variable,
    judge,
    match_inputs,
    variables,
)
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.layer import Layer, held_decisions
from tinyunet.loss import Loss


def check_gradients(
    layer: Layer | Loss,
    *inputs: Array,
    eps: float | None = None,
    samples: int = 20,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-7,
    progress: bool = False,
) -> GradientReport:
    """Compare every gradient that `layer` computes with finite differences.

    Parameters
    ----------
    layer
        A layer or network, which takes `inputs` and returns one array; or a loss, which takes
        logits, labels and perhaps weights. It is copied, in float64.
    *inputs
        What its forward takes. Arrays of integers, and what is no array, are not differentiated.
    eps
        The step; by default 1e-2 for layers (exact, see above) and 1e-3 for losses.
    samples
        How many coordinates of each tensor are checked, the one with the largest gradient among
        them. A tensor that has fewer is checked completely.
    rng
        Draws the upstream gradient and the coordinates; by default a generator seeded with 0.
    tolerance
        The largest relative error |a - n| / max(|a|, |n|, floor) that passes. The floor is 1e-3 of
        the tensor's largest gradient, or what finite differences resolve to the tolerance, whichever
        is larger.
    progress
        Show a progress bar.

    Returns
    -------
    GradientReport
        With ``.passed``, ``.worst`` and ``.rows``; it prints as a table.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if eps is not None and not eps > 0:
        raise ValueError(f"eps must be above 0, got {eps}")
    rng = np.random.default_rng(0) if rng is None else rng
    inputs = [double(value) for value in inputs]
    report = GradientReport(f"Gradients of {_title(layer)}", tolerance)
    if isinstance(layer, Loss):
        _check_loss(copy.deepcopy(layer), inputs, eps or 1e-3, samples, rng, report)
    else:
        subject = copy.deepcopy(layer).astype("float64").train()
        _check_layer(subject, inputs, eps or 1e-2, samples, rng, report, progress)
    return report


def _check_layer(subject, inputs, eps, samples, rng, report, progress) -> None:
    y = subject(*inputs)
    dy = to_device(rng.standard_normal(y.shape), device_name(y))
    arguments = {**arrays(inputs), "the upstream gradient": dy}
    before = {name: array.copy() for name, array in arguments.items()}
    with held_decisions(subject) as flips:
        returned = subject.backward(dy)
        probe = Probe(lambda: subject(*inputs), dy, eps, flips=flips)
        tensors = variables(inputs)
        gradients = match_inputs(list(tensors), returned, report)
        inputs_only = set(tensors)
        tensors.update(subject.named_parameters())
        gradients.update(subject.named_gradients())

        for name in tqdm(tensors, desc="gradient check", disable=not progress, leave=False):
            report.rows.append(check_tensor(name, tensors, gradients, probe, samples, rng, report))
        parameters = [row for row in report.rows if row.name not in inputs_only]
        if len(parameters) > 1 and all(row.verdict == "ok" for row in parameters):
            report.rows.append(_check_direction(subject, probe, rng, report.tolerance))
    report.notes += explain_order(parameters)
    report.rows += changed_arguments(before, arguments)


def _check_loss(loss, inputs, eps, samples, rng, report) -> None:
    arguments = arrays(inputs)
    before = {name: array.copy() for name, array in arguments.items()}
    loss(*inputs)
    gradients = {"logits": loss.backward()}
    probe = Probe(lambda: np.float64(loss(*inputs)), np.float64(1.0), eps, FIVE_POINTS)
    tensors = {"logits": inputs[0]}
    report.rows.append(check_tensor("logits", tensors, gradients, probe, samples, rng, report))
    report.rows += changed_arguments(before, arguments)


def _check_direction(subject: Layer, probe: Probe, rng, tolerance: float) -> Row:
    """Move all parameters at once along a random direction: no coordinate is left out."""
    parameters = [array for _, array in subject.named_parameters()]
    gradients = [gradient for _, gradient in subject.named_gradients()]
    starts = [array.copy() for array in parameters]
    directions = [
        to_device(rng.standard_normal(a.shape) * _size(a), device_name(a)) for a in parameters
    ]

    def move(t: float) -> None:
        for array, start, direction in zip(parameters, starts, directions, strict=True):
            array[...] = start + t * direction

    products = [gradient * d for gradient, d in zip(gradients, directions, strict=True)]
    analytic = float(sum(product.sum() for product in products))
    spread = float(sum((product * product).sum() for product in products)) ** 0.5
    # Not linear along this line, but a polynomial of as many factors as there are layers.
    along = Probe(probe.run, probe.dy, 1e-4, FIVE_POINTS, probe.flips)
    probe.flips()
    numeric = along.slope(move)
    row = Row("all parameters", (sum(a.size for a in parameters),), flips=int(probe.flips() > 0))
    judge(row, [((), analytic, numeric)], spread, along.noise(), tolerance)
    return row


def check_adjoint(
    layer: Layer,
    *inputs: Array,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-10,
) -> GradientReport:
    """Check <A x, dy> = <x, A^T dy> for a layer that is linear (up to a bias) in its inputs.

    No step size is involved, so this holds to rounding. It compares whole arrays at once.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    subject = copy.deepcopy(layer).astype("float64").train()
    inputs = [double(value) for value in inputs]
    variable = variables(inputs)
    zeros = [value * 0 if is_variable(value) else value for value in inputs]
    constant = subject(*zeros)
    y = subject(*inputs)
    dy = to_device(rng.standard_normal(y.shape), device_name(y))
    report = GradientReport(f"Adjoint identity of {_title(layer)}", tolerance)
    dx = match_inputs(list(variable), subject.backward(dy), report)
    left = (y - constant) * dy
    right = sum(float((x * dx[name]).sum()) for name, x in variable.items())
    spread = float((left * left).sum()) ** 0.5
    row = Row("<A x, dy> = <x, A^T dy>", tuple(y.shape))
    judge(row, [((), float(left.sum()), right)], spread, 0.0, tolerance)
    report.rows.append(row)
    return report


def _size(array: Array) -> float:
    """The root mean square of an array, or 0.1 where it is zero (a fresh bias)."""
    return float((array * array).mean()) ** 0.5 or 0.1


def _title(layer: Layer | Loss) -> str:
    return str(layer) if isinstance(layer, Layer) else type(layer).__name__
