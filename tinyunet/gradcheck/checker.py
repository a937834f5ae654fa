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
from tinyunet.gradcheck.arguments import Given, arrays, double, is_variable, match_inputs, variables
from tinyunet.gradcheck.diagnosis import TRANSPOSED_WEIGHT, explain_order
from tinyunet.gradcheck.probe import (
    FIVE_POINTS,
    Probe,
    check_direction,
    check_tensor,
    explain_failures,
    judge,
)
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.layer import Layer, held_decisions
from tinyunet.layers import ConvTranspose2d
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
        logits, labels and perhaps weights. It is copied, in float64. (A `MaxUnpool2d` means nothing
        without its pool: check a layer that holds both.)
    *inputs
        What its forward takes. Arrays of integers, and what is no array, are not differentiated.
    eps
        The step; by default 1e-2: exact for layers, see above; for losses, an error of eps^4 / 30.
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
        _check_loss(copy.deepcopy(layer), inputs, eps or 1e-2, samples, rng, report)
    else:
        subject = copy.deepcopy(layer).astype("float64").train()
        _check_layer(subject, inputs, eps or 1e-2, samples, rng, report, progress)
    return report


def _check_layer(subject, inputs, eps, samples, rng, report, progress) -> None:
    given = Given({**arrays(inputs), **dict(subject.named_parameters())})
    y = subject(*inputs)
    dy = to_device(rng.standard_normal(y.shape), device_name(y))
    given.add("the upstream gradient", dy)
    variable, parameters = variables(inputs), dict(subject.named_parameters())
    tensors = {**variable, **parameters}
    with held_decisions(subject) as flips:
        gradients = _gradients(subject, dy, list(variable), report)
        report.rows += given.restore()  # probe where the gradients were asked for
        axes = {
            f"{path}.weight".lstrip("."): TRANSPOSED_WEIGHT
            for path, part in subject.named_layers()
            if isinstance(part, ConvTranspose2d)
        }
        probe = Probe(
            lambda: subject(*inputs), dy, eps, flips=flips, inputs=tuple(variable), axes=axes
        )
        for name in tqdm(tensors, desc="gradient check", disable=not progress, leave=False):
            report.rows.append(check_tensor(name, tensors, gradients, probe, samples, rng, report))
        explain_failures(report.rows, tensors, gradients, probe)
        for name, part in (("all inputs", variable), ("all parameters", parameters)):
            if part and not report.failed:
                row = check_direction(name, part, gradients, probe, rng, report.tolerance)
                report.rows.append(row)
        if not report.failed:
            subject(*inputs)
            again = _gradients(subject, dy, list(variable), report)
            report.rows += _check_repeat(gradients, again)
    report.notes += explain_order([row for row in report.rows if row.name in parameters])


def _gradients(subject: Layer, dy: Array, names: list[str], report: GradientReport) -> dict:
    """Run backward and return copies of all gradients by the names of their tensors."""
    gradients = match_inputs(names, subject.backward(dy), report)
    gradients.update(subject.named_gradients())
    return {name: g if g is None else g.copy() for name, g in gradients.items()}


def _check_repeat(first: dict[str, Array], second: dict[str, Array]) -> list[Row]:
    """Return a failed row for each gradient that a second, equal pass made different."""
    hint = "a second pass gave another gradient: is it accumulated instead of set?"
    return [
        Row(name, tuple(gradient.shape), verdict="FAILED", hint=hint)
        for name, gradient in first.items()
        if (other := second.get(name)) is None
        or not bool(abs(gradient - other).max() <= 1e-9 * abs(gradient).max())
    ]


def _check_loss(loss, inputs, eps, samples, rng, report) -> None:
    given = Given(arrays(inputs))
    loss(*inputs)
    gradients, tensors = {"logits": loss.backward()}, {"logits": inputs[0]}
    report.rows += given.restore()
    probe = Probe(lambda: np.float64(loss(*inputs)), np.float64(1.0), eps, FIVE_POINTS)
    row = check_tensor("logits", tensors, gradients, probe, samples, rng, report)
    report.rows.append(row)
    explain_failures(report.rows, tensors, gradients, probe)
    if not report.failed:
        direction = check_direction("all logits", tensors, gradients, probe, rng, report.tolerance)
        report.rows.append(direction)


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


def _title(layer: Layer | Loss) -> str:
    return str(layer) if isinstance(layer, Layer) else type(layer).__name__
