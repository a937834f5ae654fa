"""Check code that you wrote yourself, or found: no class of ours, no contract, no decisions to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinyunet.gradcheck.checker import check_options
from tinyunet.gradcheck.examine import examine
from tinyunet.gradcheck.foreign.foreign_subject import ForeignSubject
from tinyunet.gradcheck.foreign.function_subject import FunctionSubject
from tinyunet.gradcheck.foreign.values import kind_of
from tinyunet.gradcheck.places import own_generator
from tinyunet.gradcheck.report import GradientReport


def check_function(
    forward: Callable,
    backward: Callable | None,
    *inputs: Any,
    samples: int = 50,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-6,
    wrt: Iterable | None = None,
    layout: str | None = None,
) -> GradientReport:
    """Compare ``backward`` with finite differences of ``forward``.

    The functions may have kinks, of which nothing is known here. So each coordinate is measured with
    smaller and smaller steps, until one agrees with the claim, or several agree with each other. A
    coordinate where the slopes to both sides differ sits on a kink; it is left out, and counted in the
    column "flips". At the end all inputs move together along a random direction.

    Parameters
    ----------
    forward
        ``forward(*inputs)`` returns an array y or a number, or a tuple with a cache or other values
        beside it. It may take a context as its first argument, if that is called ``ctx``.
    backward
        ``backward(dy, *inputs)``, or ``backward(dy, cache)`` where forward returns a cache, or
        ``backward(dy)``, or ``backward(ctx, dy)``; with an upstream gradient for each of several
        outputs, ``backward(dh, dc, cache)``. Arguments that are called as an input are given that. For
        a forward that returns a number, dy may be missing. It returns dL/d(input) for each float input:
        one array; a tuple or a list in the order of the inputs (all of them, or only the float ones);
        or a dict by name ("x" or "dx"). None, if forward returns ``(value, gradient)`` itself, or ``(y,
        backward)``.
    *inputs
        Arrays or numbers, or dicts and lists of them. Integers are not differentiated, and neither are
        targets, settings and numbers for which backward returns nothing. Floats are copied to float64.
    samples
        How many coordinates of each input are checked.
    rng
        Decides which upstream gradient and coordinates are drawn; a generator, or a seed.
    tolerance
        The largest relative error that passes.
    wrt
        The names, or positions, of the inputs that are differentiated; by default all that hold floats.
    layout
        ``"NHWC"`` or ``"NCHW"``, if the axes of a 4-D input should have names in a hint.

    Returns
    -------
    GradientReport
        As `check_gradients` returns it.

    Raises
    ------
    TypeError, ValueError
        If forward or backward returns what cannot be understood.

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
    check_options(samples, tolerance)
    subject = FunctionSubject(forward, backward, inputs, wrt, layout)
    return examined(subject, samples, rng, tolerance)


def examined(
    subject: ForeignSubject, samples: int, rng: np.random.Generator | None, tolerance: float
) -> GradientReport:
    """Examine functions or an object, and add what was seen on the way."""
    if not subject.tensors:
        kinds = ", ".join(f"{n} is {kind_of(v)}" for n, v in subject.inputs.items())
        raise TypeError(
            "there is nothing to differentiate: give at least one float, or array of floats "
            f"(x.astype(float)), as input ({kinds or 'none was given'})"
        )
    for name, array in subject.tensors.items():
        if not np.size(array):
            raise ValueError(f"{name} is empty: shape {array.shape}")
        wrong = array.size - int((abs(array) < np.inf).sum())
        if wrong:
            raise ValueError(
                f"{name} has NaN or infinite numbers ({wrong} of {array.size}): give finite ones, or "
                "leave it out with wrt"
            )
    report = GradientReport(f"Gradients of {subject.title}", tolerance)
    examine(subject, report, samples, own_generator(rng))
    report.rows += subject.unproved
    report.notes += subject.remarks + (subject.doubts if report.failed else [])
    return report
