"""Check backward passes against finite differences.

For a layer y = f(x) and a random upstream gradient dy, the number s = sum(dy * y) has the gradient
that backward computes. Moving one coordinate of x by +h and -h measures it instead:

    ds/dx[i]  ~  (s(x[i] + h) - s(x[i] - h)) / (2 h)

A ReLU or a max-pooling has kinks, where that does not converge, so the decisions of the unperturbed
forward are held (`held_decisions`). Then s is a polynomial in all parameters and inputs together and
linear in each single one of an ordinary network, and the difference is exact for any h. Layers of your
own may be smooth in other ways, and may have kinks of which nothing is known here: `measure` finds a
step that shows their slopes, or says that there is none. The check runs on a float64 copy; the layer
that was given does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.gradcheck.arguments import is_variable, match_inputs
from tinyunet.gradcheck.diagnosis import explain_order
from tinyunet.gradcheck.examine import examine
from tinyunet.gradcheck.places import own_generator, upstream
from tinyunet.gradcheck.report import GradientReport, Row
from tinyunet.gradcheck.subject import LayerSubject, LossSubject, Subject
from tinyunet.layers.layer import Layer
from tinyunet.losses import Loss


def check_gradients(
    layer: Layer | Loss,
    *inputs: Any,
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
        The first step; by default 2^-7 of the scale of what moves, or more where rounding needs it.
    samples
        How many coordinates of each tensor are checked, the one with the largest gradient among
        them. A tensor that has fewer is checked completely.
    rng
        Decides which upstream gradient and coordinates are drawn: a generator, or a seed. The draws are
        other numbers than those that the same generator would give its user.
    tolerance
        The largest relative error |a - n| / max(|a|, |n|, floor) that passes. The floor is 1e-3 of
        the tensor's largest gradient, or what finite differences resolve to the tolerance, whichever
        is larger.
    progress
        Show a progress bar.

    Returns
    -------
    GradientReport
        With ``.passed``, ``.worst`` and ``.rows``; it prints as a table, and is true if it passed. What
        no step can measure is neither ok nor FAILED but "not measurable", and does not pass.
    """
    check_options(samples, tolerance, eps)
    if isinstance(layer, Loss):
        subject: Subject = LossSubject(layer, inputs)
    elif isinstance(layer, Layer):
        subject = LayerSubject(layer, inputs)
    else:
        raise TypeError(
            f"check_gradients takes a tinyunet Layer or loss, got {type(layer).__name__}: use "
            "check_object(layer, x) for an object of another kind, or check_function(forward, "
            "backward, x) for a pair of functions"
        )
    report = GradientReport(f"Gradients of {subject.title}", tolerance)
    examine(subject, report, samples, own_generator(rng), eps, progress)
    inner = [row for row in report.rows if subject.sums_over_the_batch(row.name)]
    report.notes += explain_order([row for row in inner if row.name in subject.tensors])
    return report


def check_options(samples: int, tolerance: float, eps: float | None = None) -> None:
    """Raise ValueError for options that would make a check say nothing."""
    if isinstance(samples, bool) or not isinstance(samples, int | np.integer):
        raise TypeError(f"samples must be a whole number, got {samples!r}")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if eps is not None and not 0 < eps < np.inf:
        raise ValueError(f"eps must be above 0, got {eps}")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be above 0 and below 1, got {tolerance}")


def check_adjoint(
    layer: Layer,
    *inputs: Any,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-10,
) -> GradientReport:
    """Check <A x, dy> = <x, A^T dy> for a layer that is linear (up to a bias) in its inputs.

    No step size is involved, so this holds to rounding. It compares whole arrays at once. A layer that
    is not linear is reported as not measurable.
    """
    check_options(1, tolerance)
    subject = LayerSubject(layer, inputs)
    report = GradientReport(f"Adjoint identity of {subject.title}", tolerance)
    values = subject.arguments
    zeros = [value * 0 if is_variable(value) else value for value in values]
    constant = subject.layer(*zeros)
    y = subject.value() * 1.0
    dy = upstream(y, own_generator(rng))
    dx = match_inputs(list(subject.inputs), subject.layer.backward(dy), report)
    left, products = (y - constant) * dy, [x * dx[name] for name, x in subject.inputs.items()]
    right = sum(float(product.sum()) for product in products)
    size = float((left * left).sum()) ** 0.5
    row = Row("<A x, dy> = <x, A^T dy>", tuple(y.shape), checked=1)
    difference = abs(float(left.sum()) - right)
    row.error = difference / max(size, abs(right)) if difference else 0.0
    if size == 0 and right == 0:
        row.verdict = "untested"
    elif not row.error <= tolerance:  # also a NaN
        twice = subject.layer(*(2 * value if is_variable(value) else value for value in values))
        off = float(abs(twice - constant - 2 * (y - constant)).max())
        linear = off <= 1e-9 * float(abs(y - constant).max())
        row.verdict = "FAILED" if linear else "not measurable"
        row.hint = "" if linear else "the layer is not linear in its inputs: use check_gradients"
    report.rows.append(row)
    return report
